"""Sign-in: the user exchanges a token for a cookie that scripts cannot read and other sites cannot send."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from enum import StrEnum

import attrs

from websubhub import Headers
from websubhub.standalone.admin.dashboard.access.sealing import Sealing

_IDLE_SECONDS = 3_600
_LONGEST_SECONDS = 12 * 3_600
_RENEW_SECONDS = 300
_MOST_ENDED = 10_000


class Role(StrEnum):
    """The role of a user of the dashboard."""

    OPERATOR = "operator"
    """Can see and change everything."""
    VIEWER = "viewer"
    """Can see everything except whole callbacks and contents, and cannot change anything."""


@attrs.frozen(kw_only=True)
class Session:
    """The session of one browser.

    Attributes:
        id: Random text, from which the form token is derived.
        role: What the browser may do.
        is_local: Whether no sign-in was needed, because the hub is only for its own machine.
        since: When it began, in seconds since 1970.
        until: When it ends unless it is renewed, in seconds since 1970.
    """

    id: str = attrs.field(repr=False)
    role: Role
    is_local: bool = False
    since: float
    until: float

    @property
    def may_operate(self) -> bool:
        """Whether it may make changes and see whole callbacks."""
        return self.role is Role.OPERATOR


class Sessions:
    """Makes sessions, and reads them from cookies. Nothing is stored, so every process of a hub accepts them.

    Args:
        key: The key of the hub. Sessions end when it changes.
        secure: Whether browsers reach the hub over HTTPS.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(self, key: bytes, *, secure: bool, clock: Callable[[], float]) -> None:
        self._sealing = Sealing(key, "session")
        self._form_key = hmac.digest(key, b"form", hashlib.sha256)
        self._secure = secure
        self._clock = clock
        # Cookies ignore ports, so two hubs on one host need different cookie names.
        name = hashlib.sha256(b"cookie" + key).hexdigest()[:8]
        self._name = f"websubhub-{name}"
        self._ended: dict[str, float] = {}

    def begin(self, role: Role, *, is_local: bool = False) -> Session:
        """Return a new session."""
        now = self._clock()
        return Session(id=secrets.token_hex(16), role=role, is_local=is_local, since=now, until=now + _IDLE_SECONDS)

    def read(self, headers: Headers) -> Session | None:
        """Return the session of a request, or None if it has no valid one."""
        for pair in headers.get("cookie", "").split(";"):
            name, _, text = pair.strip().partition("=")
            if name == self._name and (session := self._opened(text)):
                return session
        return None

    def _opened(self, text: str) -> Session | None:
        value = self._sealing.open(text)
        if not isinstance(value, list):
            return None
        identity, role, is_local, since, until = value
        session = Session(id=identity, role=Role(role), is_local=is_local, since=since, until=until)
        return None if self._clock() >= session.until or session.id in self._ended else session

    def renewed(self, session: Session) -> Session | None:
        """Return an extended session, or None if it is too early for a new cookie."""
        until = min(self._clock() + _IDLE_SECONDS, session.since + _LONGEST_SECONDS)
        return attrs.evolve(session, until=until) if until - session.until > _RENEW_SECONDS else None

    def end(self, session: Session) -> None:
        """End a session, even for browsers that still have its cookie."""
        now = self._clock()
        self._ended = {identity: until for identity, until in self._ended.items() if until > now}
        while len(self._ended) >= _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[session.id] = session.since + _LONGEST_SECONDS

    def cookie(self, session: Session, mount: str) -> str:
        """Return the Set-Cookie header of a session."""
        value = [session.id, session.role, session.is_local, session.since, session.until]
        return self._set_cookie(self._sealing.seal(value), mount, int(session.until - self._clock()))

    def no_cookie(self, mount: str) -> str:
        """Return the Set-Cookie header that makes a browser forget its session."""
        return self._set_cookie("", mount, 0)

    def _set_cookie(self, text: str, mount: str, seconds: int) -> str:
        secure = "; Secure" if self._secure else ""
        path = f"{mount}/"
        return f"{self._name}={text}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def form_token(self, session: Session) -> str:
        """Return the token that each form of this session must send."""
        return hmac.digest(self._form_key, session.id.encode(), hashlib.sha256).hex()

    def is_form_token(self, session: Session, text: str) -> bool:
        """Return whether a form has the token of this session."""
        return hmac.compare_digest(self.form_token(session).encode(), text.encode("utf-8", "surrogatepass"))
