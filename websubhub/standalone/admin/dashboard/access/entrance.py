"""The entrance: who is let in, and what makes a form one of this hub's own."""

from collections.abc import Mapping

from websubhub import Headers, Request, host_of, is_loopback_host
from websubhub.standalone.admin.dashboard.access.own_pages import is_from_own_page
from websubhub.standalone.admin.dashboard.access.sessions import Role, Session, Sessions
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Refusal, Tokens


class Entrance:
    """Knows the session of a request, and begins new ones.

    Args:
        sessions: The sessions.
        tokens: The tokens of each role.
        reach: Tells whether nobody has to sign in, since the hub and the request are on this machine.
        public_url: The hub's public URL.
    """

    def __init__(self, sessions: Sessions, tokens: Mapping[Role, Tokens], reach: Reach, public_url: str) -> None:
        self.sessions = sessions
        self._tokens = tokens
        self._reach = reach
        self._public_url = public_url

    @property
    def needs_token(self) -> bool:
        """Whether there are tokens to sign in with."""
        return any(self._tokens.values())

    def session(self, request: Request) -> Session | None:
        """Return the session of a request, or None if somebody has to sign in first."""
        session = self.sessions.read(request.headers)
        if self.needs_token:
            return None if session is None or session.is_local else session
        if not self._reach.is_private(request.headers) or not is_loopback_host(host_of(request.url)):
            return None
        return session or self.sessions.begin(Role.OPERATOR, is_local=True)

    def sign_in(self, token: str) -> Session | Refusal:
        """Return a new session for whoever holds this token, or why there is none."""
        shown = Headers([("Authorization", f"Bearer {token.strip()}")])
        for role, tokens in self._tokens.items():
            if tokens.holder(shown):
                return self.sessions.begin(role)
        refusal = self._tokens[Role.OPERATOR].refusal(shown)
        return refusal or Refusal(reason="a valid token is needed")

    def is_own_form(self, request: Request) -> bool:
        """Return whether a form was sent by one of this hub's own pages."""
        return is_from_own_page(request, self._public_url)
