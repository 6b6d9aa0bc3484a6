"""HTTP as values: what comes in, what goes out, and what to do once it is out."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

HeaderPairs = Iterable[tuple[str, str]]


class Headers(Mapping[str, str]):
    """Headers by name in any case; a name that came several times reads as its values joined with a comma.

    Args:
        source: Pairs of name and value in order, or a mapping.
    """

    __slots__ = ("_index", "pairs")

    def __init__(self, source: "HeaderPairs | Mapping[str, str]" = ()) -> None:
        if isinstance(source, Headers):
            source = source.pairs
        items = source.items() if isinstance(source, Mapping) else source
        self.pairs: tuple[tuple[str, str], ...] = tuple([(str(name), str(value)) for name, value in items])
        self._index: dict[str, list[str]] | None = None

    @property
    def by_name(self) -> Mapping[str, list[str]]:
        """The values that came under each name; the names are in small letters."""
        # Built when the first name is looked up: many headers are only kept and passed on.
        index = self._index
        if index is None:
            index = self._index = {}
            for name, value in self.pairs:
                index.setdefault(name.lower(), []).append(value)
        return index

    def __getitem__(self, name: str) -> str:
        return ", ".join(self.by_name[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value that came under ``name``, in order."""
        return tuple(self.by_name.get(name.lower(), ()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.by_name == other.by_name

    def __hash__(self) -> int:
        return hash(frozenset((name, tuple(values)) for name, values in self.by_name.items()))

    def __repr__(self) -> str:
        # Values may be credentials: Authorization, signatures.
        return f"<Headers {', '.join(self.by_name) or 'none'}>"


NO_HEADERS = Headers()


def as_headers(source: "HeaderPairs | Mapping[str, str]") -> Headers:
    """The headers of pairs or a mapping; headers themselves are taken as they are."""
    if isinstance(source, Headers):
        return source
    return Headers(source) if source else NO_HEADERS


@attrs.frozen(kw_only=True)
class Request:
    """A request, coming in or going out.

    Attributes:
        method: The method, in capitals.
        url: The absolute URL, as it stands on the wire.
        headers: The headers.
        body: The body, all of it.
        mount: The path below which this application was mounted, without a slash at its end.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    body: bytes = attrs.field(default=b"", repr=False)
    mount: str = ""

    @property
    def query(self) -> str:
        """What follows the first question mark, undecoded."""
        return self.url.partition("#")[0].partition("?")[2]

    @property
    def path(self) -> str:
        """The path of the URL, ``/`` at the least, undecoded."""
        rest = self.url.partition("#")[0].partition("?")[0].partition("://")[2]
        return "/" + rest.partition("/")[2]

    @property
    def local_path(self) -> str:
        """The path below the mount; empty when the request is for the mount itself."""
        if self.mount and (self.path == self.mount or self.path.startswith(self.mount + "/")):
            return self.path[len(self.mount) :].rstrip("/")
        return self.path


@attrs.frozen(kw_only=True)
class Response:
    """An answer, ours or a peer's.

    Attributes:
        status: The status code.
        headers: The headers.
        body: The body, all of it, or as much as the limit allowed.
    """

    status: int
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of 2xx."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - the bounds of 2xx name themselves


Send = Callable[[Request], Awaitable[Response]]
Then = Callable[[], Awaitable[Any]]


@attrs.frozen
class Answer:
    """What to reply now, and what to do once the reply is out.

    Attributes:
        response: The reply.
        then: The follow-up, run after the reply was written; its failure is logged and changes nothing.
    """

    response: Response
    then: Then | None = None


#: What tells a client that the answer is not final.
RETRY_LATER: tuple[tuple[str, str], ...] = (("Retry-After", "5"),)


def plain(status: int, text: str, headers: "HeaderPairs" = ()) -> Response:
    """A response of one plain sentence."""
    pairs = (("Content-Type", "text/plain; charset=utf-8"), *headers)
    return Response(status=status, headers=pairs, body=text.encode())
