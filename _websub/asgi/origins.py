"""Protection of a server on loopback: programs on this machine may send it requests, but web pages may not."""

from urllib.parse import urlsplit

from _websub.grammar.addresses import is_loopback_host, is_loopback_url
from _websub.grammar.urls import host_of
from _websub.http import Request

#: The values that browsers send for requests by the server's own pages, and by the user.
_OWN_SITES = frozenset({"same-origin", "none"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def refusal_on_loopback(request: Request) -> str | None:
    """Return why a server on loopback refuses a request, or None if it accepts it.

    Any web page that a browser on this machine shows can make the browser send requests here. If the host name of the
    page resolves to this machine, the page can even read the responses. Browsers state the origin of a request, and
    programs do not.

    Args:
        request: The request. The host of its URL is that of its Host header.
    """
    if not is_loopback_host(host_of(request.url)):
        return "This server is on loopback and accepts requests to localhost only. To change that, set its public URL."
    if is_from_another_page(request):
        return "This server is on loopback and accepts no requests from web pages of other sites."
    return None


def is_from_another_page(request: Request) -> bool:
    """Return whether a browser sent a request for a page of another site (Fetch Metadata, CORS)."""
    sites = request.headers.get_all("Sec-Fetch-Site")
    if any(site.strip().lower() not in _OWN_SITES for site in sites):
        return True
    origins = request.headers.get_all("Origin")
    if not origins:  # programs send none
        return False
    own = _authority(request.url)
    return any(_authority(origin) != own for origin in origins)


def _authority(url: str) -> tuple[str, int | None] | None:
    """Return the host and the port of a URL or an origin, or None for anything else, such as ``null``."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.hostname.lower(), port or _DEFAULT_PORTS.get(parts.scheme)


def leads_off_loopback(topic: str, callback: str) -> bool:
    """Return whether a subscription would send content from this machine to another one.

    Args:
        topic: The topic of the subscription.
        callback: Its callback.
    """
    return is_loopback_url(topic) and not is_loopback_url(callback)
