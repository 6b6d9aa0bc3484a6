"""Recognising changes that come from the hub's own pages, by the origin that browsers send with a form."""

from urllib.parse import urlsplit

from websubhub import Request

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_from_own_page(request: Request, public_url: str) -> bool:
    """Return whether a browser sent a form from one of this hub's own pages (Fetch Metadata, RFC 6454).

    A request that names neither a site nor an origin is not from a browser, and is rejected.

    Args:
        request: The request. A proxy may have changed its Host header.
        public_url: The hub's public URL, whose origin also counts.
    """
    sites, origins = request.headers.get_all("Sec-Fetch-Site"), request.headers.get_all("Origin")
    if not sites and not origins:
        return False
    own = {_authority(request.url), _authority(public_url)} - {None}
    return all(site.strip().lower() == "same-origin" for site in sites) and all(
        _authority(each) in own for each in origins
    )


def _authority(url: str) -> tuple[str, int | None] | None:
    """Return the host and port of a URL or an origin, or None for anything else, such as ``null``."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    return (parts.hostname.lower(), port or _DEFAULT_PORTS.get(parts.scheme)) if parts.hostname else None
