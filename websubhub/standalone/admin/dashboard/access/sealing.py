"""Sealed text in addresses, cookies and forms, which only this hub can make and read."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

_TAG_BYTES = 16
_BLOCK_BYTES = 32
_LONGEST = 12_000


class Sealing:
    """Seals JSON values for one purpose. Values sealed for another purpose or by another hub cannot be opened.

    A callback is a credential, so a browser's address bar and history must not show it. The seal is a synthetic
    initialisation vector (Rogaway and Shrimpton, 2006): the HMAC of the value is both the seal and the source of the
    key stream that hides the value.

    Args:
        key: The hub's secret key.
        purpose: The purpose of the sealed text.
    """

    def __init__(self, key: bytes, purpose: str) -> None:
        self._sealing = _digest(key, b"seal " + purpose.encode())
        self._hiding = _digest(key, b"hide " + purpose.encode())

    def seal(self, value: Any) -> str:
        """Return a value as text of letters, digits, ``-`` and ``_``. The same value always gives the same text."""
        plain = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        tag = _digest(self._sealing, plain)[:_TAG_BYTES]
        return urlsafe_b64encode(tag + self._hidden(plain, tag)).decode().rstrip("=")

    def open(self, text: str) -> Any:
        """Return the value in sealed text, or None if this hub did not seal it for this purpose."""
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
        """Return text combined with the key stream, which hides it or reveals it again."""
        blocks = range(-(-len(text) // _BLOCK_BYTES))
        stream = b"".join(_digest(self._hiding, tag + number.to_bytes(4, "big")) for number in blocks)
        return bytes(one ^ other for one, other in zip(text, stream, strict=False))


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
