"""Access to the admin API: who may read, and who may make changes."""

from websubhub import Headers, Request, refusal_on_loopback
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Refusal, Tokens


class Access:
    """Decides who may use the admin API.

    Args:
        operators: The tokens of operators, who may do everything. If there are any, a token is required.
        viewers: The tokens of viewers, who may read everything and change nothing.
        reach: Decides whether a request needs no token because it and the hub are on the same machine.
    """

    def __init__(self, operators: Tokens, viewers: Tokens, reach: Reach) -> None:
        self._operators = operators
        self._viewers = viewers
        self._reach = reach

    @property
    def has_tokens(self) -> bool:
        """Whether any token is set."""
        return bool(self._operators) or bool(self._viewers)

    def refusal_to_read(self, headers: Headers) -> Refusal | None:
        """Return why a request with these headers may not read, or None if it may."""
        if self._viewers.shown_by(headers):
            return None
        if self._operators:
            return self._operators.refusal(headers)
        if not self._reach.is_private(headers):
            return self._viewers.refusal(headers) if self._viewers else Refusal(reason="this hub has no admin token")
        return None

    def refusal(self, request: Request) -> Refusal | None:
        """Return why a request is not allowed, or None if it is."""
        if request.method == "GET":
            return self.refusal_to_read(request.headers)
        if self._viewers.shown_by(request.headers):
            return Refusal(reason="this token is read-only", status=403)
        refusal = self.refusal_to_read(request.headers)
        return refusal if refusal is not None or self._operators else _refusal_of_pages(request)


def media_type(request: Request) -> str:
    """Return the media type of a body, in lower case without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refusal_of_pages(request: Request) -> Refusal | None:
    """Return why a request may come from a foreign web page, for a hub without tokens."""
    if reason := refusal_on_loopback(request):
        return Refusal(reason=reason, status=403)
    # A foreign web page can make a browser send other types, but not this one.
    if media_type(request) != "application/json":
        return Refusal(reason="The Content-Type must be application/json.", status=415)
    return None
