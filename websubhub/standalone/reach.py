"""The reach of a hub: whether only this machine can reach it. Operators and publishers follow the same rule."""

import logging

from websubhub import Headers, Refusals, host_of, is_loopback_host, is_loopback_url

log: logging.Logger = logging.getLogger("websubhub")

#: Headers that proxies add to requests (RFC 7239, RFC 9110 7.6.3, and common others).
_PROXY_HEADERS = frozenset(
    {
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
    }
)


class Reach:
    """Decides whether a hub is only for this machine, so that it needs no tokens.

    The public URL says who should reach the hub, the address where it listens says who can, and a request says who
    did: one that came through a proxy may be from anywhere.

    Args:
        url: The hub's public URL.
        host: The address where it listens, or None if another server listens.

    Attributes:
        private: Whether only programs on this machine can reach it, as far as its URL and address tell.
    """

    def __init__(self, url: str, host: str | None) -> None:
        self.private: bool = host is not None and is_loopback_host(host) and is_loopback_url(url)
        self._refusals = Refusals(log)

    def is_private(self, headers: Headers) -> bool:
        """Return whether a request comes from this machine and the hub is only for this machine.

        Args:
            headers: The headers of the request.
        """
        if not self.private or not is_loopback_host(host_of(f"http://{headers.get('host', '')}/")):
            return False
        if not _PROXY_HEADERS.isdisjoint(headers.by_name):
            self._refusals.note(
                "A request came through a proxy and needs a token. "
                "Set the public URL to the one that others use, and set tokens for operating and publishing."
            )
            return False
        return True
