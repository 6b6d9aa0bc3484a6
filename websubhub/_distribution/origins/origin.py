"""Where deliveries go: the scheme, host and port of a callback, and what is known about the server there."""

import re
from collections import deque
from math import inf
from ssl import SSLSession

from _websub.grammar.hosts import UrlError, canonical_host
from _websub.grammar.urls import ascii_url
from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery

# Stricter than any URL parser: what does not match is not sent, so nothing can be smuggled into the request line.
_CALLBACK = re.compile(
    r"(https?)://(\[[0-9a-f:.]{2,45}\]|[0-9a-z._-]{1,253})(?::([0-9]{0,5}))?([/?][!\"$-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORT_LIMIT = 65_535


class Origin:
    """One server, the deliveries that wait for it, and its TLS session.

    Attributes:
        prefix: ``scheme://authority`` in the one spelling by which the origin is found.
        request_end: The rest of a request line after the target, and the ``Host`` field.
        open: How many connections there are, including connecting and busy ones.
        closed_at: When a connection to it was last closed.
        waiting: Deliveries that wait for a connection, with their batch and request target.
        awaits_room: Whether it waits for a free slot among all connections.
        suspect: Whether its last exchange failed.
    """

    __slots__ = (
        "awaits_room", "closed_at", "host", "open", "port", "prefix", "request_end", "secure", "session", "suspect",
        "waiting",
    )  # fmt: skip

    def __init__(self, scheme: str, host: str, port: int) -> None:
        literal = f"[{host}]" if ":" in host else host
        authority = literal if port == _DEFAULT_PORTS[scheme] else f"{literal}:{port}"
        self.prefix = f"{scheme}://{authority}"
        self.request_end = f" HTTP/1.1\r\nHost: {authority}\r\n"
        self.host = host
        self.port = port
        self.secure = scheme == "https"
        self.session: SSLSession | None = None
        self.open = 0
        self.closed_at = -inf
        self.waiting: deque[tuple[Delivery, Batch, str]] = deque()
        self.awaits_room = False
        self.suspect = False

    @property
    def unused(self) -> bool:
        """Whether it has neither connections nor waiting deliveries, so that it can be forgotten."""
        return not self.open and not self.waiting


def split_callback(callback: str) -> tuple[Origin, str] | None:
    """Return the origin of a callback and its request target, or ``None`` if it cannot be requested."""
    try:
        callback.encode()
    except UnicodeError:  # a lone surrogate cannot be encoded
        return None
    match = _CALLBACK.fullmatch(callback if callback.isascii() else ascii_url(callback))
    if match is None:
        return None
    scheme, host = match[1].lower(), match[2].lower()
    if host[0] == "[" or host[-1] == ".":
        try:
            host = canonical_host(host)
        except UrlError:
            return None
    port = int(match[3]) if match[3] else _DEFAULT_PORTS[scheme]
    if not 0 < port <= _PORT_LIMIT:
        return None
    target = match[4] or "/"
    return Origin(scheme, host, port), target if target[0] == "/" else f"/{target}"
