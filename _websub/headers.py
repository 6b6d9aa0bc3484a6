"""The headers of requests and responses."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

HeaderPairs = Iterable[tuple[str, str]]
HeaderValue = str | Sequence[str]
#: Headers as users pass them: a mapping or pairs, with a list where a name has several values.
HeaderTypes = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]]


class Headers(Mapping[str, str]):
    """Headers by case-insensitive name. The values of a repeated name are joined with a comma.

    Args:
        source: Pairs of name and value in order, or a mapping. A list of values makes one header for each value.

    Raises:
        TypeError: A value is neither text nor a number.
    """

    __slots__ = ("_index", "pairs")

    def __init__(self, source: HeaderTypes = ()) -> None:
        self.pairs: tuple[tuple[str, str], ...] = source.pairs if isinstance(source, Headers) else _read(source)
        self._index: dict[str, list[str]] | None = None

    @classmethod
    def raw(cls, fields: Iterable[tuple[bytes, bytes]]) -> "Headers":
        """Return headers for the fields of a request as they arrived, without checking them."""
        pairs: list[tuple[str, str]] = []
        index: dict[str, list[str]] = {}
        for raw_name, raw_value in fields:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            pairs.append((name, value))
            index.setdefault(name.lower(), []).append(value)
        headers = cls.__new__(cls)
        headers.pairs = tuple(pairs)
        headers._index = index  # noqa: SLF001 - of the same class
        return headers

    @property
    def by_name(self) -> Mapping[str, list[str]]:
        """The values of each name. Names are in lower case."""
        # Built on the first lookup: many headers are only kept and passed on.
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
        """Return all values of ``name``, in order."""
        return tuple(self.by_name.get(name.lower(), ()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.by_name == other.by_name

    def __hash__(self) -> int:
        return hash(frozenset((name, tuple(values)) for name, values in self.by_name.items()))

    def __repr__(self) -> str:
        # Values may be credentials: Authorization, signatures.
        return f"<Headers {', '.join(self.by_name) or 'none'}>"


def _read(source: HeaderTypes) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    try:
        for name, value in source.items() if isinstance(source, Mapping) else source:
            if type(name) is str and type(value) is str:
                pairs.append((name, value))
            else:
                pairs += _spread(name, value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "Headers must be a mapping or pairs of names and values. A value is text or a list of texts."
        ) from error
    return tuple(pairs)


def _spread(name: object, value: object) -> list[tuple[str, str]]:
    """Return one pair for each value."""
    values = value if isinstance(value, list | tuple) else (value,)
    if not isinstance(name, str) or not all(isinstance(each, str | int | float) for each in values):
        raise TypeError("neither text nor a number")
    return [(str(name), str(each)) for each in values]


NO_HEADERS = Headers()


def as_headers(source: HeaderTypes) -> Headers:
    """Return headers from pairs or a mapping. ``Headers`` are returned unchanged."""
    if isinstance(source, Headers):
        return source
    return Headers(source) if source else NO_HEADERS
