"""Request targets in one form: a path and a query, with the authority as the Host header."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

#: A whole URL, as clients send it to a proxy, and as every server must accept it.
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([^?#]*)", re.IGNORECASE)


def in_origin_form(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the scope of a request with its target in origin form, a path and a query (RFC 9112, 3.2).

    If the target is a whole URL, its scheme and authority are removed, and the authority replaces the Host header
    (3.2.2). Targets in other forms are left unchanged; the reader of the request refuses them.

    Args:
        scope: An ASGI scope. It is not changed.
    """
    raw = scope.get("raw_path") or b""
    if raw[:1] == b"/" or scope["type"] != "http":
        return scope
    if not raw:
        raw = scope["path"].encode("utf-8", "surrogateescape")
    absolute = _ABSOLUTE.fullmatch(raw.partition(b"?")[0])
    if absolute is None:
        return scope
    authority, path = absolute[1], absolute[2] or b"/"
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
    return {
        **scope,
        "path": unquote(path.decode("latin-1"), errors="surrogateescape"),
        "raw_path": path,
        "headers": [(b"host", authority), *headers],
    }
