"""Media types, and content read as what its media type says it is."""

import json
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError  # noqa: S405 - the type and the error; parsing is defusedxml's

import attrs
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

CONTENT_TYPE_LIMIT = 255
FIELD_LIMIT = 1_000


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
        essence, _, rest = (header or "")[:CONTENT_TYPE_LIMIT].partition(";")
        charset = None
        for parameter in rest.split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset" and charset is None:
                charset = value.strip().strip('"').lower()
        return cls(essence.strip().lower(), charset)


def read_text(body: bytes, content_type: str | None) -> str:
    """The content as text, in the charset of its Content-Type, else UTF-8.

    Raises:
        ContentError: The bytes are not text in that charset, or the charset is unknown.
    """
    try:
        return body.decode(MediaType.parse(content_type).charset or "utf-8")
    except (UnicodeDecodeError, LookupError) as error:
        raise ContentError("The content is not text in its charset.") from error


def read_json(body: bytes) -> Any:
    """The content as JSON, whatever its Content-Type says.

    Raises:
        ContentError: It is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContentError("The content is not valid JSON.") from error


def read_xml(body: bytes) -> Element:
    """The content as XML; entities and external references are refused.

    Raises:
        ContentError: It is not XML, or it is an attack.
    """
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ContentError("The content is not XML that is safe to read.") from error
    return root


def read_fields(body: bytes) -> dict[str, str]:
    """The content as form fields by name; of a name that came twice, the last.

    Raises:
        ContentError: It is not a UTF-8 form.
    """
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELD_LIMIT))
    except ValueError as error:
        raise ContentError("The content is not a form.") from error
