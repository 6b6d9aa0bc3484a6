"""The policy that decides who may publish."""

from attrs import evolve

from websubhub import Headers
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Refusal, Tokens

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="websubhub"'}


class PublisherPolicy:
    """Decides whether a request may publish content, and register and deregister topics.

    Args:
        tokens: The bearer tokens of publishers. If there are any, a token is required.
        anonymous: Whether anybody may publish if there are no tokens.
        reach: Decides whether a request needs no token because it and the hub are on the same machine.
    """

    def __init__(self, tokens: Tokens, *, anonymous: bool, reach: Reach) -> None:
        self._tokens = tokens
        self._anonymous = anonymous
        self._reach = reach

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request with these headers may not publish, or None if it may."""
        refusal = self._refusal(headers)
        if refusal is None or refusal.status != 401:  # noqa: PLR2004 - the only status with its own header
            return refusal
        return evolve(refusal, headers=_CHALLENGE)

    def _refusal(self, headers: Headers) -> Refusal | None:
        if self._tokens:
            return self._tokens.refusal(headers)
        if not self._anonymous and not self._reach.is_private(headers):
            return Refusal(reason="this hub has no publisher tokens, so this is not allowed")
        if "origin" in headers:
            # A browser on this machine lets any page send such requests, with an origin. Publishers send none.
            return Refusal(reason="a web page needs a publisher token")
        return None

    def publisher(self, headers: Headers) -> str:
        """Return an identifier for the publisher: a digest of its token, or an empty string without one."""
        return self._tokens.holder(headers)

    def name(self, headers: Headers) -> str:
        """Return the name of the publisher's token, or an empty string if it has none."""
        return self._tokens.name_of(headers)
