"""Texts in addresses, cookies and forms that only this hub can make, and nobody else can read."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

_TAG_BYTES = 16
_BLOCK_BYTES = 32
_LONGEST = 12_000


class Sealing:
    """Seals JSON values for one purpose. What was sealed for another purpose, or by another hub, cannot be opened.

    A callback is a credential, so a browser's address bar and history must not show it. The seal is a synthetic
    initialisation vector (Rogaway and Shrimpton, 2006): the HMAC of the value is the seal, and the key stream with
    which the value is hidden is made from it.

    Args:
        key: The key of the hub, which nobody else knows.
        purpose: What the texts are for.
    """

    def __init__(self, key: bytes, purpose: str) -> None:
        self._sealing = _digest(key, b"seal " + purpose.encode())
        self._hiding = _digest(key, b"hide " + purpose.encode())

    def seal(self, value: Any) -> str:
        """Return a value as a text of letters, digits, ``-`` and ``_``. The same value gives the same text."""
        plain = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        tag = _digest(self._sealing, plain)[:_TAG_BYTES]
        return urlsafe_b64encode(tag + self._hidden(plain, tag)).decode().rstrip("=")

    def open(self, text: str) -> Any:
        """Return the value in a text, or None if this hub has not sealed it for this purpose."""
        if len(text) > _LONGEST or not text.isascii():
            return None
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        tag, plain = raw[:_TAG_BYTES], self._hidden(raw[_TAG_BYTES:], raw[:_TAG_BYTES])
        if not hmac.compare_digest(tag, _digest(self._sealing, plain)[:_TAG_BYTES]):
            return None
        return json.loads(plain.decode("utf-8", "surrogatepass"))

    def _hidden(self, text: bytes, tag: bytes) -> bytes:
        """Return a text with the key stream added, which hides it or shows it again."""
        blocks = range(-(-len(text) // _BLOCK_BYTES))
        stream = b"".join(_digest(self._hiding, tag + number.to_bytes(4, "big")) for number in blocks)
        return bytes(one ^ other for one, other in zip(text, stream, strict=False))


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
