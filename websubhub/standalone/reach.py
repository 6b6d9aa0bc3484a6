"""The reach of a hub: whether only this machine can reach it, decided once for operators and publishers."""

import logging

from websubhub import Headers, Refusals, host_of, is_loopback_host, is_loopback_url

log: logging.Logger = logging.getLogger("websubhub")

#: The headers that proxies add to requests (RFC 7239, RFC 9110 7.6.3, and common ones).
_PROXY_HEADERS = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
)


class Reach:
    """Whether a hub is for this machine alone, so that it needs no tokens.

    Its public URL says who is meant to come, the address that it listens on who can, and a request who did: one that
    a proxy has passed on is from anywhere.

    Args:
        url: The hub's public URL.
        host: The address that it listens on, or None if another server listens.

    Attributes:
        private: Whether only programs on this machine can reach it, as far as can be told before they do.
    """

    def __init__(self, url: str, host: str | None) -> None:
        self.private: bool = host is not None and is_loopback_host(host) and is_loopback_url(url)
        self._refusals = Refusals(log)

    def is_private(self, headers: Headers) -> bool:
        """Return whether a request is from this machine, at a hub that is for this machine alone.

        Args:
            headers: The headers of the request.
        """
        if not self.private or not is_loopback_host(host_of(f"http://{headers.get('host', '')}/")):
            return False
        if any(name in headers for name in _PROXY_HEADERS):
            self._refusals.note(
                "A request came through a proxy, and needs a token: "
                "set the public URL to the one that others use, and tokens for operating and publishing."
            )
            return False
        return True
