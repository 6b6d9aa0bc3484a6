"""Requests as httpx sends them: by our own rules, or by those of a client that its user set up."""

import functools
from collections.abc import Iterable

import httpx

from _websub.calls.exchange import ExchangeLimits
from _websub.grammar.urls import append_query, target_of
from _websub.grammar.vocabulary import USER_AGENT
from _websub.http import Request

Pairs = tuple[tuple[str, str], ...]

_CREDENTIALS = frozenset({"authorization", "cookie"})
#: What we say of ourselves; answers are read as they come, so they should come as they are.
_OWN_HEADERS = (("User-Agent", USER_AGENT), ("Accept-Encoding", "identity"))
#: Says nothing, so a client's own wish goes before it.
_ANYTHING = ("accept", "*/*")


class _ExactUrl(httpx.URL):
    """A URL whose path and query go out byte for byte, where httpx would write some characters in another way.

    The extension ``target`` would do the same on a connection of one's own, but breaks requests through proxies.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._target = target_of(url).encode("ascii")

    @property
    def raw_path(self) -> bytes:
        return self._target


def own_request(request: Request, url: str, pairs: Pairs, limits: ExchangeLimits) -> httpx.Request:
    """A request for connections of our own.

    Args:
        request: The request.
        url: Its URL in ASCII.
        pairs: Its headers.
        limits: How long it may take.
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
    """A request for a client that its user set up, with everything that it adds to requests.

    Args:
        client: The client.
        request: The request.
        url: Its URL in ASCII.
        pairs: Its headers; they replace those of the client with the same name.
        redirected: Whether another server sent us to the URL, which is then taken as it stands.
    """
    standard, said = _standard_headers(), client.headers
    own = [
        pair for pair in _OWN_HEADERS if pair[0] not in request.headers and said.get(pair[0]) == standard.get(pair[0])
    ]
    if "host" not in request.headers and "host" not in said:
        own.append(_host(url))
    asked = [pair for pair in pairs if (pair[0].lower(), pair[1]) != _ANYTHING]
    outgoing = client.build_request(request.method, url, headers=_encoded([*own, *asked]), content=request.body or None)
    # httpx has put the client's parameters in the place of the URL's own query; here they stand at its end.
    if client.params and not redirected:
        url = append_query(url, list(client.params.multi_items()))
    outgoing.url = _ExactUrl(url)
    return outgoing


def _host(url: str) -> tuple[str, str]:
    # httpx decodes a host that begins with "xn--" to write this field itself, and fails where that cannot be done.
    return "Host", url.split("/", 3)[2]


def same_origin(url: str, other: str) -> bool:
    """Whether two URLs in ASCII lead to the same server: scheme, host and port."""
    first, second = httpx.URL(url), httpx.URL(other)
    return (first.scheme, first.raw_host, first.port) == (second.scheme, second.raw_host, second.port)


def without_credentials(pairs: Pairs) -> Pairs:
    """The headers that may go to a server that the user did not name."""
    return tuple(pair for pair in pairs if pair[0].lower() not in _CREDENTIALS)


def drop_credentials(client: httpx.AsyncClient, outgoing: httpx.Request) -> None:
    """Take back what the client's headers say to its user's server; its cookies know their servers themselves."""
    for name in _CREDENTIALS & {name.lower() for name in client.headers}:
        outgoing.headers.pop(name, None)


@functools.cache
def _standard_headers() -> httpx.Headers:
    """What every client of httpx says, if its user says nothing."""
    return httpx.AsyncClient(transport=httpx.AsyncBaseTransport()).headers


def _encoded(pairs: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    # As the delivery engine writes them; httpx would take ASCII only.
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
