"""The policy about who may publish."""

from attrs import evolve

from websubhub import Headers
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Refusal, Tokens

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="websubhub"'}


class PublisherPolicy:
    """Decides whether a request may publish content and (de)register topics.

    Args:
        tokens: The bearer tokens of publishers. If there are any, one is required.
        anonymous: Whether anybody may publish if there are no tokens.
        reach: Tells whether no token is required, since the request is from this machine.
    """

    def __init__(self, tokens: Tokens, *, anonymous: bool, reach: Reach) -> None:
        self._tokens = tokens
        self._anonymous = anonymous
        self._reach = reach

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request with these headers may not publish, or None if it may."""
        refusal = self._refusal(headers)
        if refusal is None or refusal.status != 401:  # noqa: PLR2004 - the one status with a header of its own
            return refusal
        return evolve(refusal, headers=_CHALLENGE)

    def _refusal(self, headers: Headers) -> Refusal | None:
        if self._tokens:
            return self._tokens.refusal(headers)
        if not self._anonymous and not self._reach.is_private(headers):
            return Refusal(reason="this hub has no publisher tokens, so nobody may do this")
        if "origin" in headers:
            # A browser on this machine lets any page send such requests; publishers are no browsers, and name none.
            return Refusal(reason="a web page needs a publisher token")
        return None

    def publisher(self, headers: Headers) -> str:
        """Return who a request is from: a digest of its token, empty for everybody without one."""
        return self._tokens.holder(headers)

    def name(self, headers: Headers) -> str:
        """Return the name of the publisher's token, or an empty text if it has none."""
        return self._tokens.name_of(headers)
