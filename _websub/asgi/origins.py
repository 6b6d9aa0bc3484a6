"""Who may send requests to a server on loopback: programs on this machine, and no page that its browsers show."""

from urllib.parse import urlsplit

from _websub.grammar.addresses import is_loopback_host, is_loopback_url
from _websub.grammar.urls import host_of
from _websub.http import Request

#: What browsers say of requests that come from the page's own server, or from the person at the browser.
_OWN_SITES = frozenset({"same-origin", "none"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def refusal_on_loopback(request: Request) -> str | None:
    """Why a server that lives on loopback does not take a request; None when it does.

    Everybody who can show a page to a browser on this machine can make it send requests here, and by a name that
    leads to this machine even read the answers. Browsers say where a request comes from; programs have no reason to.

    Args:
        request: The request; the host of its URL is that of its Host header.
    """
    if not is_loopback_host(host_of(request.url)):
        return "This server is on loopback, and takes requests to localhost only; set its public URL to change that."
    if is_from_another_page(request):
        return "This server is on loopback, and takes no requests from web pages of others."
    return None


def is_from_another_page(request: Request) -> bool:
    """Whether a browser says that a request comes from a page that is not this server's own (Fetch Metadata, CORS)."""
    sites = request.headers.get_all("Sec-Fetch-Site")
    if any(site.strip().lower() not in _OWN_SITES for site in sites):
        return True
    own = _authority(request.url)
    return any(_authority(origin) != own for origin in request.headers.get_all("Origin"))


def _authority(url: str) -> tuple[str, int | None] | None:
    """The host and the port of a URL or an origin; None for what is none, such as ``null``."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.hostname.lower(), port or _DEFAULT_PORTS.get(parts.scheme)


def leads_off_loopback(topic: str, callback: str) -> bool:
    """Whether a subscription would carry content of this machine to another one.

    Args:
        topic: The topic of the subscription.
        callback: Its callback.
    """
    return is_loopback_url(topic) and not is_loopback_url(callback)
