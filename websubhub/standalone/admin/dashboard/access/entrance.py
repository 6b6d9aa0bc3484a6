"""The entrance: who may enter the dashboard, and which forms come from its own pages."""

from websubhub import Headers, Request, host_of, is_loopback_host
from websubhub.standalone.admin.dashboard.access.own_pages import is_from_own_page
from websubhub.standalone.admin.dashboard.access.sessions import Role, Session, Sessions
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.tokens import Refusal


class Entrance:
    """Finds the session of a request, and starts new sessions.

    Args:
        sessions: The sessions.
        access: Who may use the admin API. The same rules apply to the dashboard.
        public_url: The hub's public URL.
    """

    def __init__(self, sessions: Sessions, access: Access, public_url: str) -> None:
        self.sessions = sessions
        self._access = access
        self._public_url = public_url

    @property
    def needs_token(self) -> bool:
        """Whether a token is set to sign in with."""
        return self._access.has_tokens

    def session(self, request: Request) -> Session | None:
        """Return the session of a request, or None if the user must sign in first."""
        session = self.sessions.read(request.headers)
        if session is not None and not session.is_local:
            return session
        if not self._is_open(request):
            return None
        return session or self.sessions.begin(Role.OPERATOR, is_local=True)

    def _is_open(self, request: Request) -> bool:
        """Return whether no sign-in is needed, because the hub and the request are on this machine."""
        without_token = Headers([pair for pair in request.headers.pairs if pair[0].lower() != "authorization"])
        return is_loopback_host(host_of(request.url)) and self._access.refusal_to_read(without_token) is None

    def sign_in(self, token: str) -> Session | Refusal:
        """Return a new session for the holder of this token, or the reason why not."""
        shown = Headers([("Authorization", f"Bearer {token.strip()}"), ("Content-Type", "application/json")])
        refusal = self._access.refusal_to_read(shown)
        if refusal is not None:
            return refusal
        may_operate = self._access.refusal(Request(method="POST", url=self._public_url, headers=shown)) is None
        return self.sessions.begin(Role.OPERATOR if may_operate else Role.VIEWER)

    def is_own_form(self, request: Request) -> bool:
        """Return whether one of this hub's own pages sent a form."""
        return is_from_own_page(request, self._public_url)
