"""The content of an update, as the admin API returns it."""

from base64 import b64decode
from typing import Any


def bytes_of(found: dict[str, Any]) -> bytes:
    """Return the bytes of a content."""
    return b64decode(found["content_base64"])
