"""Bearer tokens: recognising their holders, and slowing down those who guess."""

import hashlib
import hmac
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from attrs import field, frozen

from websubhub import Headers, Refusals
from websubhub.standalone.setting_values import split_token

log: logging.Logger = logging.getLogger("websubhub")

_WRONG_MOST = 10
_WINDOW_SECONDS = 60.0


@frozen(kw_only=True)
class Refusal:
    """Why a request is refused.

    Args:
        reason: The reason to send.
        status: The status of the response.
        headers: The headers of the response.
    """

    reason: str
    status: int = 401
    headers: dict[str, str] = field(factory=dict)


class Tokens:
    """The tokens for one purpose. Only their hashes are kept.

    Wrong tokens are counted and logged, but never printed. After 10 wrong tokens within a minute, more wrong ones get
    429, so that nobody can guess quickly. A right token always passes.

    Args:
        tokens: The tokens. There may be none.
        names: The names of the tokens that have one.
        name: Their purpose in one word, such as ``admin`` or ``publisher``.
        clock: A monotonic clock, in seconds.

    Attributes:
        wrong: How many wrong tokens were sent.
    """

    def __init__(
        self,
        tokens: Iterable[str],
        name: str,
        *,
        names: Mapping[str, str] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._digests = tuple(_digest(token) for token in tokens)
        self._names = {_digest(token): each for token, each in names.items()}
        self._name = name
        self._clock = clock
        self._recent: deque[float] = deque()
        self._refusals = Refusals(log)

    @property
    def wrong(self) -> int:
        """How many wrong tokens were sent."""
        return self._refusals.count

    def __bool__(self) -> bool:
        return bool(self._digests)

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request with these headers is refused, or None if it has one of the tokens."""
        shown = _shown(headers)
        if shown is None:
            return self._needed()
        return None if self._is_right(shown) else self._refuse_wrong()

    def shown_by(self, headers: Headers) -> bool:
        """Return whether a request with these headers has one of the tokens, without counting anything."""
        shown = _shown(headers)
        return shown is not None and self._is_right(shown)

    def name_of(self, headers: Headers) -> str:
        """Return the name of a request's token, or an empty string if it has no token or the token has no name."""
        shown = _shown(headers)
        if shown is None:
            return ""
        return next((self._names.get(digest, "") for digest in self._digests if hmac.compare_digest(shown, digest)), "")

    def holder(self, headers: Headers) -> str:
        """Return an identifier for the sender of a request: a digest of its token, or an empty string without one."""
        shown = _shown(headers)
        return next((digest.hex() for digest in self._digests if shown and hmac.compare_digest(shown, digest)), "")

    def _is_right(self, shown: bytes) -> bool:
        # All tokens are compared, so that the time taken reveals nothing.
        return any([hmac.compare_digest(shown, digest) for digest in self._digests])  # noqa: C419

    def _refuse_wrong(self) -> Refusal:
        self._refusals.note(f"A request had a wrong {self._name} token.")
        now, recent = self._clock(), self._recent
        while recent and recent[0] <= now - _WINDOW_SECONDS:
            recent.popleft()
        if len(recent) >= _WRONG_MOST:
            seconds = math.ceil(recent[0] + _WINDOW_SECONDS - now)
            return Refusal(reason="too many wrong tokens", status=429, headers={"Retry-After": str(max(seconds, 1))})
        recent.append(now)
        return self._needed()

    def _needed(self) -> Refusal:
        return Refusal(reason=f"a valid {self._name} token is needed")


def named_tokens(texts: Iterable[str], name: str) -> Tokens:
    """Return tokens that may have names.

    Args:
        texts: The tokens, each as ``TOKEN`` or ``NAME=TOKEN``. A text that could be either counts as both, so that a
            token with ``=`` in the middle works.
        name: Their purpose, as for ``Tokens``.
    """
    tokens: list[str] = []
    names: dict[str, str] = {}
    for text in texts:
        own, token = split_token(text)
        tokens += dict.fromkeys((token, text))
        names |= {token: own, text: own} if own else {}
    return Tokens(tokens, name, names=names)


def _shown(headers: Headers) -> bytes | None:
    """Return the digest of a request's token, or None if it has none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return _digest(token.strip()) if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
