"""URLs of topics, callbacks and hubs: refused when dangerous, kept as text when not (W3C 5.1.1, 8.3)."""

import ipaddress
import re
from urllib.parse import quote, urlsplit

import idna

from _websub.forms import write_form

URL_LIMIT = 2048
_HOST_LIMIT = 253
_PORT_LIMIT = 65_535

# Refused before any parser sees the text: urlsplit deletes tabs and newlines, clients read a backslash as a slash.
_FORBIDDEN = re.compile(r'[\x00-\x20\x7f-\x9f\\<>"\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]')
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What the C library reads as an IPv4 address although it is not written as one: 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
_NUMERIC_HOST = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+))*\.?", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}", re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", re.ASCII)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
# Most URLs that come: accepted at one glance, since the checks below would all pass. A host that begins with a letter
# is no address, and none of these characters ends a host or is refused anywhere.
_ORDINARY = re.compile(
    r"https?://[A-Za-z][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63})*(?::[1-9][0-9]{0,3})?(?:[/?][A-Za-z0-9/?._~!$&'()*+,;=:@-]*)?",
    re.ASCII,
)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Everything that may stand in a URI: what is left for quote() to encode are characters outside ASCII.
_URI_SAFE = "%/:?#[]@!$&'()*+,;=-._~|{}^`"


class UrlError(ValueError):
    """A URL that will not be used; its text says why in one plain sentence."""


def check_url(url: str, name: str = "The URL") -> str:
    """A topic, callback or hub URL, returned unchanged if it is safe to keep and to call.

    Args:
        url: The text as received.
        name: What to call it in an error, for example ``hub.callback``.

    Raises:
        UrlError: It is too long, not absolute http(s), has a fragment or user information, or a malformed host.
        TypeError: It is no text.
    """
    if not isinstance(url, str):
        raise TypeError(f"{name} must be text, not {type(url).__name__}.")
    if len(url) <= _HOST_LIMIT and _ORDINARY.fullmatch(url):
        return url
    if len(url.encode("utf-8", "surrogatepass")) > URL_LIMIT:
        raise UrlError(f"{name} is longer than {URL_LIMIT} bytes.")
    if _FORBIDDEN.search(url):
        raise UrlError(f"{name} has a character that URLs may not have.")
    if _BAD_ESCAPE.search(url):
        raise UrlError(f"{name} has a broken percent-encoding.")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        raise UrlError(f"{name} must start with http:// or https://.")
    if "#" in rest:
        raise UrlError(f"{name} must not have a fragment.")
    _check_authority(re.split(r"[/?]", rest, maxsplit=1)[0], name)
    return url


def _check_authority(authority: str, name: str) -> None:
    if "@" in authority:
        raise UrlError(f"{name} must not have user information.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlError(f"{name} has a malformed host or port.")
    host, port = match.groups()
    if port and not 0 < int(port) <= _PORT_LIMIT:
        raise UrlError(f"{name} has a port outside 1 to {_PORT_LIMIT}.")
    if host.startswith("["):
        _check_ipv6(host[1:-1], name)
    elif not _is_host(host):
        raise UrlError(f"{name} has a malformed host.")


def _check_ipv6(host: str, name: str) -> None:
    try:
        zone = ipaddress.IPv6Address(host).scope_id
    except ValueError:
        raise UrlError(f"{name} has a malformed host.") from None
    if zone is not None:
        raise UrlError(f"{name} must not have an address zone.")


def _is_host(host: str) -> bool:
    if not host or len(host) > _HOST_LIMIT:
        return False
    if not host.isascii():
        encoded = _encode_host(host)
        return encoded is not None and _is_host(encoded)
    if _NUMERIC_HOST.fullmatch(host):
        return _is_ipv4(host)
    return all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def _is_ipv4(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _encode_host(host: str) -> str | None:
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None


def ascii_url(url: str) -> str:
    """The URL as it goes on the wire: an international host in its ASCII form, other characters percent-encoded."""
    if url.isascii():
        return url
    scheme, _, rest = url.partition("://")
    authority, slash, path = re.split(r"([/?])", rest, maxsplit=1) if re.search(r"[/?]", rest) else (rest, "", "")
    host, colon, port = authority.partition(":")
    encoded = host if host.isascii() else (_encode_host(host) or quote(host))
    return f"{scheme}://{encoded}{colon}{port}{slash}{quote(path, safe=_URI_SAFE)}"


def append_query(url: str, fields: list[tuple[str, str]]) -> str:
    """The callback with fields added at the end of its query, the rest byte for byte as it was (W3C 5.1.1, 5.3)."""
    _, mark, query = url.partition("?")
    if not mark:
        joint = "?"
    else:
        joint = "&" if query and not query.endswith("&") else ""
    return f"{url}{joint}{write_form(fields)}"


def url_identity(url: str) -> str:
    """The form under which two spellings of one URL are the same: unreserved characters decoded (W3C 5.1.1).

    Reserved characters stay encoded, in capital letters, and neither scheme nor host nor path is rewritten: those are
    different URLs.
    """
    return _ESCAPE.sub(_decode_unreserved, url)


def _decode_unreserved(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def is_https(url: str) -> bool:
    """Whether the URL's scheme is https."""
    return url[:8].lower() == "https://"


def host_of(url: str) -> str:
    """The host of a checked URL, in small letters, without port and brackets."""
    return urlsplit(url).hostname or ""


def path_of(url: str) -> str:
    """The path of a checked URL, ``/`` at the least, without its query."""
    rest = url.partition("://")[2].partition("?")[0]
    return "/" + rest.partition("/")[2]


def target_of(url: str) -> str:
    """The path and query of a checked URL, as they stand in the first line of a request."""
    rest = url.partition("://")[2]
    start = re.search(r"[/?]", rest)
    target = rest[start.start() :] if start else ""
    return target if target.startswith("/") else f"/{target}"
