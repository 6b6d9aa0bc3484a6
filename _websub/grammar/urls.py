"""URLs of topics, callbacks and hubs: dangerous ones are refused, others kept as text (W3C 5.1.1, 8.3)."""

import re
from urllib.parse import quote

from _websub.grammar.forms import write_form
from _websub.grammar.hosts import HOST_LIMIT, UrlError, authority_of, encode_host, host_of, split_authority

__all__ = [
    "REQUEST_URL_LIMIT",
    "URL_LIMIT",
    "UrlError",
    "append_query",
    "ascii_url",
    "authority_of",
    "check_url",
    "host_of",
    "iri_identity",
    "is_https",
    "path_of",
    "target_of",
    "url_identity",
    "wire_url",
]

URL_LIMIT = 2048
#: The limit of a URL that we build: a callback with a topic and a reason in its query, where percent-encoding can
#: triple each byte.
REQUEST_URL_LIMIT = 16 * URL_LIMIT

# Refused before any parser sees the text: urlsplit removes tabs and newlines, clients read a backslash as a slash.
_FORBIDDEN = re.compile(r'[\x00-\x20\x7f-\x9f\\<>"\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]')
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
# A shortcut for most URLs, for which all checks below would pass: a host that begins with a letter is not an address,
# and none of these characters ends a host or is refused.
_ORDINARY = re.compile(
    r"https?://[A-Za-z][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63})*(?::[1-9][0-9]{0,3})?(?:[/?][A-Za-z0-9/?._~!$&'()*+,;=:@-]*)?",
    re.ASCII,
)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Every character allowed in a URI, so that quote() encodes only those outside ASCII.
_URI_SAFE = "%/:?#[]@!$&'()*+,;=-._~|{}^`"


def check_url(url: str, name: str = "The URL", *, limit: int = URL_LIMIT) -> str:
    """Check that a topic, callback or hub URL is safe to keep and to call, and return it unchanged.

    Args:
        url: The text as received.
        name: The name to use in an error, for example ``hub.callback``.
        limit: The largest size, in bytes.

    Raises:
        UrlError: The URL is too long, not absolute http(s), has a fragment or user information, or a malformed host.
        TypeError: The URL is not text.
    """
    if not isinstance(url, str):
        raise TypeError(f"{name} must be text, not {type(url).__name__}.")
    if len(url) <= HOST_LIMIT and _ORDINARY.fullmatch(url):
        return url
    if len(url.encode("utf-8", "surrogatepass")) > limit:
        raise UrlError(f"{name} is longer than {limit} bytes.")
    if _FORBIDDEN.search(url):
        raise UrlError(f"{name} has a character that is not allowed in URLs.")
    if _BAD_ESCAPE.search(url):
        raise UrlError(f"{name} has a broken percent-encoding.")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        raise UrlError(f"{name} must start with http:// or https://.")
    if "#" in rest:
        raise UrlError(f"{name} must not have a fragment.")
    split_authority(re.split(r"[/?]", rest, maxsplit=1)[0], name)
    return url


def ascii_url(url: str) -> str:
    """Return the URL in ASCII: an international host in its ASCII form, other characters percent-encoded."""
    if url.isascii():
        return url
    scheme, _, rest = url.partition("://")
    authority, slash, path = re.split(r"([/?])", rest, maxsplit=1) if re.search(r"[/?]", rest) else (rest, "", "")
    host, colon, port = authority.partition(":")
    encoded = host if host.isascii() else (encode_host(host) or _quoted(host))
    return f"{scheme}://{encoded}{colon}{port}{slash}{_quoted(path)}"


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe=_URI_SAFE)


def wire_url(url: str) -> str:
    """Return a checked URL as it is called: with a canonical host and no default port, otherwise unchanged."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    host, port = split_authority(re.split(r"[/?]", rest, maxsplit=1)[0])
    literal = f"[{host}]" if ":" in host else host
    authority = literal if port in {None, _DEFAULT_PORTS[scheme]} else f"{literal}:{port}"
    return f"{scheme}://{authority}{_quoted(target_of(url))}"


def append_query(url: str, fields: list[tuple[str, str]]) -> str:
    """Return a callback with fields appended to its query, and otherwise unchanged (W3C 5.1.1, 5.3)."""
    _, mark, query = url.partition("?")
    if not mark:
        joint = "?"
    else:
        joint = "&" if query and not query.endswith("&") else ""
    return f"{url}{joint}{write_form(fields)}"


def url_identity(url: str) -> str:
    """Return the form in which two spellings of one URL are equal: unreserved characters decoded (W3C 5.1.1).

    Reserved characters stay encoded, with upper-case digits. Scheme, host and path are not rewritten, since that would
    make a different URL.

    Example:
        ```python
        from websubhub import url_identity

        assert url_identity("https://example.com/%7efeed") == url_identity("https://example.com/~feed")
        assert url_identity("https://example.com/a%2fb") != url_identity("https://example.com/a/b")
        ```
    """
    return _ESCAPE.sub(_decode_unreserved, url)


def iri_identity(url: str) -> str:
    """Return the form in which a checked URL equals the URI that it maps to: ``café`` and ``caf%C3%A9``.

    URLs that differ for ``url_identity`` still differ (RFC 3987, 3.1).
    """
    return url_identity(ascii_url(url))


def _decode_unreserved(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def is_https(url: str) -> bool:
    """Return whether the URL's scheme is https."""
    return url[:8].lower() == "https://"


def path_of(url: str) -> str:
    """Return the path of a checked URL without its query. It is at least ``/``."""
    rest = url.partition("://")[2].partition("?")[0]
    return "/" + rest.partition("/")[2]


def target_of(url: str) -> str:
    """Return the path and query of a checked URL, as in the first line of a request."""
    rest = url.partition("://")[2]
    start = re.search(r"[/?]", rest)
    target = rest[start.start() :] if start else ""
    return target if target.startswith("/") else f"/{target}"
