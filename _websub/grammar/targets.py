"""The target of a request in any of its forms, made one: a path and a query, with the authority as the Host."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

#: A whole URL, as a client sends it to a proxy, and as every server has to take it.
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([^?#]*)", re.IGNORECASE)


def in_origin_form(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The scope of a request whose target is a path, whatever form it came in (RFC 9112, 3.2).

    A target that is a whole URL loses its scheme and its authority, and the authority takes the place of the Host
    header, which does not count then (3.2.2). Targets in other forms are left as they are, and refused by whoever
    reads the request.

    Args:
        scope: An ASGI scope; it is not changed.
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
