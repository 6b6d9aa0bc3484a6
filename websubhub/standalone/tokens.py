"""Bearer tokens: who holds one, and who guesses."""

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
    """Why a request is not carried out.

    Args:
        reason: The reason to send.
        status: The status of the answer.
        headers: Its headers.
    """

    reason: str
    status: int = 401
    headers: dict[str, str] = field(factory=dict)


class Tokens:
    """The tokens for one purpose. Only their hashes are kept.

    A wrong token is counted and logged, never shown. After 10 of them within a minute further wrong ones are answered
    429, so that nobody guesses fast; a right one always passes.

    Args:
        tokens: The tokens, which may be none.
        names: The names of tokens, for those that have one.
        name: Their purpose in one word, such as ``admin`` or ``publisher``.
        clock: Seconds that only grow.

    Attributes:
        wrong: How many wrong ones were shown.
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
        """How many wrong ones were shown."""
        return self._refusals.count

    def __bool__(self) -> bool:
        return bool(self._digests)

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request with these headers is refused, None when it shows one of the tokens."""
        shown = _shown(headers)
        if shown is None:
            return self._needed()
        return None if self._is_right(shown) else self._refuse_wrong()

    def shown_by(self, headers: Headers) -> bool:
        """Return whether a request with these headers shows one of the tokens. Nothing is counted."""
        shown = _shown(headers)
        return shown is not None and self._is_right(shown)

    def name_of(self, headers: Headers) -> str:
        """Return the name of the token that a request shows, or an empty text for one without a name."""
        shown = _shown(headers)
        if shown is None:
            return ""
        return next((self._names.get(digest, "") for digest in self._digests if hmac.compare_digest(shown, digest)), "")

    def holder(self, headers: Headers) -> str:
        """Return who a request is from: a digest of its token, empty for everybody without one."""
        shown = _shown(headers)
        return next((digest.hex() for digest in self._digests if shown and hmac.compare_digest(shown, digest)), "")

    def _is_right(self, shown: bytes) -> bool:
        # All of them are compared, so that time tells nothing.
        return any([hmac.compare_digest(shown, digest) for digest in self._digests])  # noqa: C419

    def _refuse_wrong(self) -> Refusal:
        self._refusals.note(f"A wrong {self._name} token was shown.")
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
    """Return tokens that may have names of their own.

    Args:
        texts: The tokens, each as ``TOKEN`` or ``NAME=TOKEN``. A text that can be read as both counts as both, so that
            a token with ``=`` in its middle works.
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
    """Return the digest of the token that a request shows, None if it shows none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return _digest(token.strip()) if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
