"""Who may publish here."""

import hashlib
import hmac
from collections.abc import Iterable

from websubhub import Headers


class PublisherPolicy:
    """Decides whether a request may publish content and (de)register topics.

    Args:
        tokens: The bearer tokens that allow it; only their hashes are kept.
        required: Whether a token is needed; with tokens given it always is.
    """

    def __init__(self, tokens: Iterable[str], *, required: bool) -> None:
        self._digests = tuple(token_digest(token) for token in tokens)
        self._required = required or bool(self._digests)

    def refusal(self, headers: Headers) -> str | None:
        """Why a request with these headers may not; None when it may."""
        if not self._required:
            # A browser on this machine lets any page send such requests; publishers are no browsers and name no origin.
            return "a web page needs a publisher token" if "origin" in headers else None
        if not self._digests:
            return "this hub has no publisher tokens, so nobody may do this"
        if bearer_is(headers, self._digests):
            return None
        return "a valid publisher token is needed"

    def publisher(self, headers: Headers) -> str:
        """Who a request is from: a digest of its token, empty for everybody without one."""
        return next((digest.hex() for digest in self._digests if bearer_is(headers, (digest,))), "")


def bearer_is(headers: Headers, digests: Iterable[bytes]) -> bool:
    """Whether the request shows one of the tokens, compared in constant time."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    shown = token_digest(token.strip())
    return any([hmac.compare_digest(shown, digest) for digest in digests])  # noqa: C419 - all, so that time tells nothing


def token_digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
