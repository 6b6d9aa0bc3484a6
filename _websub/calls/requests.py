"""Requests for httpx, with our own headers or with the settings of the user's client."""

import functools
from collections.abc import Iterable

import httpx

from _websub.calls.exchange import ExchangeLimits
from _websub.grammar.urls import append_query, target_of
from _websub.grammar.vocabulary import USER_AGENT
from _websub.http import Request

Pairs = tuple[tuple[str, str], ...]

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_CREDENTIALS = frozenset({"authorization", "cookie"})
#: Our default headers. Responses are not unpacked, so they should not be compressed.
_OWN_HEADERS = (("User-Agent", USER_AGENT), ("Accept-Encoding", "identity"))
#: Accepts anything, so the client's own header takes precedence.
_ANYTHING = ("accept", "*/*")


class _ExactUrl(httpx.URL):
    """A URL whose path and query are sent unchanged, where httpx would encode some characters differently.

    The extension ``target`` does the same on a direct connection, but breaks requests through proxies.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._target = target_of(url).encode("ascii")

    @property
    def raw_path(self) -> bytes:
        return self._target


def own_request(request: Request, url: str, pairs: Pairs, limits: ExchangeLimits) -> httpx.Request:
    """Return a request for our own connections.

    Args:
        request: The request.
        url: Its URL in ASCII.
        pairs: Its headers.
        limits: Its limits.
    """
    own = [pair for pair in (_host(url), *_OWN_HEADERS) if pair[0] not in request.headers]
    outgoing = httpx.Request(
        request.method,
        url,
        headers=_encoded([*own, *pairs]),
        content=request.body or None,
        extensions={"timeout": httpx.Timeout(limits.seconds, connect=limits.connect_seconds).as_dict()},
    )
    outgoing.url = _ExactUrl(url)
    return outgoing


def client_request(
    client: httpx.AsyncClient, request: Request, url: str, pairs: Pairs, *, redirected: bool
) -> httpx.Request:
    """Return a request for the user's client, with everything that the client adds to requests.

    Args:
        client: The client.
        request: The request.
        url: Its URL in ASCII.
        pairs: Its headers, which replace the client's headers of the same name.
        redirected: Whether the URL is the target of a redirect. If so, the client's query parameters are not added.
    """
    standard, said = _standard_headers(), client.headers
    own = [
        pair for pair in _OWN_HEADERS if pair[0] not in request.headers and said.get(pair[0]) == standard.get(pair[0])
    ]
    if "host" not in request.headers and "host" not in said:
        own.append(_host(url))
    asked = [pair for pair in pairs if (pair[0].lower(), pair[1]) != _ANYTHING]
    outgoing = client.build_request(request.method, url, headers=_encoded([*own, *asked]), content=request.body or None)
    # httpx replaced the URL's own query with the client's parameters. Here they are appended.
    if client.params and not redirected:
        url = append_query(url, list(client.params.multi_items()))
    outgoing.url = _ExactUrl(url)
    return outgoing


def _host(url: str) -> tuple[str, str]:
    # httpx would decode a host that begins with "xn--" to write this header, and fail if it cannot.
    return "Host", url.split("/", 3)[2]


def same_origin(url: str, other: str) -> bool:
    """Return whether two URLs in ASCII have the same scheme, host and port."""
    first, second = httpx.URL(url), httpx.URL(other)
    return (first.scheme, first.raw_host, first.port) == (second.scheme, second.raw_host, second.port)


def without_credentials(pairs: Pairs) -> Pairs:
    """Return the headers that may go to a server that the user did not name."""
    return tuple(pair for pair in pairs if pair[0].lower() not in _CREDENTIALS)


def drop_credentials(client: httpx.AsyncClient, outgoing: httpx.Request) -> None:
    """Remove the credentials in the client's headers. Its cookies are already limited to their servers."""
    for name in _CREDENTIALS & {name.lower() for name in client.headers}:
        outgoing.headers.pop(name, None)


@functools.cache
def _standard_headers() -> httpx.Headers:
    """Return the default headers of every httpx client."""
    return httpx.AsyncClient(transport=httpx.AsyncBaseTransport()).headers


def _encoded(pairs: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers as bytes, without those that frame the body, which httpx writes itself."""
    # Latin-1, as in the delivery engine; httpx would accept ASCII only.
    sent = [pair for pair in pairs if pair[0].lower() not in _FRAMING]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent]
