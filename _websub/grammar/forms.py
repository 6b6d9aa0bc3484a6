"""Forms as WebSub uses them: UTF-8, decoded once, limited in size, and never silently ambiguous (W3C 5.1)."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import unquote_to_bytes, urlencode

import attrs

from _websub.grammar.media import MediaType
from _websub.grammar.vocabulary import FORM

FIELD_LIMIT = 50
QUERY_LIMIT = 65_536


class FormError(ValueError):
    """A form cannot be understood.

    Args:
        reason: One plain sentence for the sender.
        status: The status to answer with.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@attrs.frozen
class Form:
    """The fields of one form, in order.

    Attributes:
        fields: Pairs of name and value, decoded.
    """

    fields: tuple[tuple[str, str], ...] = attrs.field(repr=False)

    def check_text(self) -> None:
        """Raise ``FormError`` if a spared value is not UTF-8."""
        if not all(is_text(value) for _, value in self.fields):
            raise FormError("A parameter is not valid UTF-8.")

    def one(self, name: str) -> str | None:
        """Return the value of a field that may appear once, or None. An empty value counts as absent.

        Raises:
            FormError: The field appears more than once, so that its value is ambiguous.
        """
        values = self.every(name)
        if len(values) > 1:
            raise FormError(f"The parameter {name} was sent {len(values)} times.")
        return values[0] if values and values[0] else None

    def required(self, name: str) -> str:
        """Return the value of a field that must appear exactly once.

        Raises:
            FormError: The field is missing, empty, or appears more than once.
        """
        value = self.one(name)
        if value is None:
            raise FormError(f"Empty value found for parameter '{name}'")
        return value

    def every(self, name: str) -> tuple[str, ...]:
        """Return all values of a field, in order."""
        return tuple([value for field, value in self.fields if field == name])

    def without(self, names: Iterable[str]) -> dict[str, str]:
        """Return the remaining fields by name. If a field is repeated, its first value counts."""
        known = frozenset(names)
        rest: dict[str, str] = {}
        for field, value in self.fields:
            if field not in known:
                rest.setdefault(field, value)
        return rest


_EMPTY = Form(())
_KEPT_BYTE = re.compile(r"[\udc80-\udcff]")


def is_text(value: str) -> bool:
    """Return whether a decoded value was UTF-8, and has no bytes kept as lone surrogates."""
    return value.isascii() or not _KEPT_BYTE.search(value)


def read_form(body: bytes, content_type: str, spared: Callable[[str], bool] | None = None) -> Form:
    """Return the form in a request's body.

    Args:
        body: The body.
        content_type: Its Content-Type.
        spared: As in ``parse_form``.

    Raises:
        FormError: The content type is not that of a form (415), or the charset or the body is wrong (400).
    """
    media = MediaType.parse(content_type)
    if media.essence != FORM:
        raise FormError(f"The Content-Type must be {FORM}.", status=415)
    if media.charset not in {None, "utf-8", "utf8"}:
        raise FormError("The charset of a form must be utf-8.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise FormError("The body is not valid UTF-8.") from None
    return parse_form(text, spared)


def parse_form(text: str, spared: Callable[[str], bool] | None = None) -> Form:
    """Return the form in a query string or a decoded body.

    Args:
        text: The text.
        spared: Returns whether the value of a field, by its name, may have escapes that are not UTF-8, because one such
            value is no reason to refuse the others. Their bytes are kept, as lone surrogates.

    Raises:
        FormError: There are too many fields, or a value is not UTF-8 once decoded.
    """
    if not text:
        return _EMPTY
    if len(text) > QUERY_LIMIT:
        raise FormError("The form is too long.", status=413)
    if text.count("&") >= FIELD_LIMIT:
        raise FormError(f"The form has more than {FIELD_LIMIT} fields.")
    pairs = [field.partition("=") for field in text.replace("+", " ").split("&") if field]
    try:
        return Form(tuple([(_decode(name), _decode(value)) for name, _, value in pairs]))
    except UnicodeDecodeError:
        return Form(tuple(_fields(pairs, spared or _no_field)))


def _fields(pairs: Iterable[tuple[str, str, str]], spared: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    try:
        for raw, _, value in pairs:
            name = _decode(raw)
            yield name, unquote_to_bytes(value).decode("utf-8", "surrogateescape" if spared(name) else "strict")
    except UnicodeDecodeError:
        raise FormError("A parameter is not valid UTF-8.") from None


def _no_field(_: str) -> bool:
    return False


def parse_notice(query: str, exact: Iterable[str]) -> Form:
    """Return the form in a query string of which only some fields are needed.

    Other fields may be in any encoding. They are read as far as possible, up to a limited number, and are never a
    reason to refuse the rest.

    Args:
        query: The query string, one character for each byte.
        exact: The names of the needed fields. In these, bytes that are not UTF-8 are kept, as lone surrogates.

    Raises:
        FormError: The query string is too long.
    """
    if len(query) > QUERY_LIMIT:
        raise FormError("The form is too long.", status=413)
    kept = frozenset(exact)
    fields: list[tuple[str, str]] = []
    others = 0
    for field in _bytes_of(query).replace(b"+", b" ").split(b"&"):
        raw_name, _, raw_value = field.partition(b"=")
        name, value = unquote_to_bytes(raw_name).decode("utf-8", "replace"), unquote_to_bytes(raw_value)
        if name in kept:
            fields.append((name, value.decode("utf-8", "surrogateescape")))
        elif field and others < FIELD_LIMIT:
            others += 1
            fields.append((name, value.decode("utf-8", "replace")))
    return Form(tuple(fields))


def _bytes_of(query: str) -> bytes:
    try:
        return query.encode("latin-1")
    except UnicodeEncodeError:  # Only from a caller in this process: servers pass bytes.
        return query.encode("utf-8", "surrogatepass")


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    # Most values are URLs with nothing else to decode, and escapes never overlap, so the order does not matter.
    text = text.replace("%3A", ":").replace("%2F", "/")
    return unquote_to_bytes(text).decode() if "%" in text else text


def write_form(fields: "Mapping[str, str] | Iterable[tuple[str, str]]") -> str:
    """Return fields as the text of a form, in percent-encoded UTF-8."""
    return urlencode(list(fields.items() if isinstance(fields, Mapping) else fields))
