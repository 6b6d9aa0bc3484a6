"""Media types, and readers of content by its media type."""

import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import attrs

from _websub.errors import WebSubError
from _websub.grammar.charsets import UTF_8, find_charset, marked_charset, xml_charset

CONTENT_TYPE_LIMIT = 255
FIELD_LIMIT = 1_000
_DECLARATION_BYTES = 1024

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# White space at the end is not part of a header's value (RFC 9110, 5.5).
_CONTENT_TYPE = re.compile(rf"{_WORD}/{_WORD}(?:[ \t]*;[\t\x20-\x7e]*(?<![ \t]))?", re.ASCII)
_XML_TYPES = frozenset({"application/xml", "text/xml"})


class ContentError(WebSubError, ValueError):
    """Content cannot be read as JSON, XML, a form or text."""

    status = 400


@attrs.frozen
class MediaType:
    """A parsed Content-Type header.

    Attributes:
        essence: Type and subtype in lower case, without parameters.
        charset: The charset in lower case, if the header names one.
    """

    essence: str
    charset: str | None = None

    @classmethod
    def parse(cls, header: str | None) -> "MediaType":
        """Parse a header. A missing one has an empty essence."""
        return _parse((header or "")[:CONTENT_TYPE_LIMIT])

    @property
    def is_xml(self) -> bool:
        """Whether it is an XML type (RFC 7303, 4.2)."""
        return self.essence in _XML_TYPES or self.essence.endswith("+xml")


def is_content_type(header: str) -> bool:
    """Return whether a Content-Type can be sent as it is: a type and a subtype, in one short line of ASCII."""
    return len(header) <= CONTENT_TYPE_LIMIT and _CONTENT_TYPE.fullmatch(header) is not None


@lru_cache(maxsize=64)  # few values, and each is parsed several times
def _parse(header: str) -> MediaType:
    essence, _, rest = header.partition(";")
    charset = None
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and charset is None:
            charset = value.strip().strip('"').lower()
    return MediaType(essence.strip().lower(), charset)


def read_text(body: bytes, content_type: str | None) -> str:
    """Return the content as text, in the charset of its byte order mark, its Content-Type or else UTF-8.

    XML with neither is in the charset that it declares (RFC 7303, 3).

    Raises:
        ContentError: The bytes are not text in that charset, or the charset is unknown.
    """
    media = MediaType.parse(content_type)
    charset = marked_charset(body) or (find_charset(media.charset) if media.charset else UTF_8)
    if media.is_xml and not media.charset:
        charset = xml_charset(body[:_DECLARATION_BYTES], None)
    if charset is None:
        raise ContentError("The content is in a charset that cannot be read.")
    try:
        return charset.decode(body)
    except ValueError as error:
        raise ContentError("The content is not text in its charset.") from error


def read_json(body: bytes) -> Any:
    """Return the content as JSON, whatever its Content-Type says.

    Raises:
        ContentError: The content is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContentError("The content is not valid JSON.") from error


def read_fields(body: bytes) -> dict[str, str]:
    """Return the content as form fields by name. If a field is repeated, its last value counts.

    Raises:
        ContentError: The content is not a UTF-8 form.
    """
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELD_LIMIT))
    except ValueError as error:
        raise ContentError("The content is not a form.") from error
