"""Media types, and content read as what its media type says it is."""

import codecs
import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import attrs

CONTENT_TYPE_LIMIT = 255
FIELD_LIMIT = 1_000

_CONTENT_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*(;[\t\x20-\x7e]*)?", re.ASCII)

# Codecs of host names, whose decoders take quadratic time: a page of such "text" would stop the event loop.
_NO_CHARSETS = frozenset({"idna", "punycode"})


class ContentError(ValueError):
    """Content that is not what was asked for: broken JSON, XML or text."""


@attrs.frozen
class MediaType:
    """A Content-Type header, read.

    Attributes:
        essence: Type and subtype in small letters, without parameters.
        charset: The charset in small letters, if the header names one.
    """

    essence: str
    charset: str | None = None

    @classmethod
    def parse(cls, header: str | None) -> "MediaType":
        """Read a header; a missing one gives an empty essence."""
        return _parse((header or "")[:CONTENT_TYPE_LIMIT])


def is_content_type(header: str) -> bool:
    """Whether a Content-Type can be sent as it is: a type with its subtype, and one short line of ASCII."""
    return len(header) <= CONTENT_TYPE_LIMIT and _CONTENT_TYPE.fullmatch(header) is not None


@lru_cache(maxsize=64)  # there are few of them, and each is asked for several times
def _parse(header: str) -> MediaType:
    essence, _, rest = header.partition(";")
    charset = None
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and charset is None:
            charset = value.strip().strip('"').lower()
    return MediaType(essence.strip().lower(), charset)


def read_text(body: bytes, content_type: str | None) -> str:
    """The content as text, in the charset of its Content-Type, else UTF-8.

    Raises:
        ContentError: The bytes are not text in that charset, or the charset is unknown.
    """
    try:
        charset = codecs.lookup(MediaType.parse(content_type).charset or "utf-8").name
        text = "" if charset in _NO_CHARSETS else body.decode(charset)
    except (ValueError, LookupError) as error:
        raise ContentError("The content is not text in its charset.") from error
    if charset in _NO_CHARSETS:
        raise ContentError(f"{charset} is no charset of text.")
    return text


def read_json(body: bytes) -> Any:
    """The content as JSON, whatever its Content-Type says.

    Raises:
        ContentError: It is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContentError("The content is not valid JSON.") from error


def read_fields(body: bytes) -> dict[str, str]:
    """The content as form fields by name; of a name that came twice, the last.

    Raises:
        ContentError: It is not a UTF-8 form.
    """
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELD_LIMIT))
    except ValueError as error:
        raise ContentError("The content is not a form.") from error
