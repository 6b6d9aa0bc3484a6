"""Content from a user, turned into the bytes and the Content-Type that are sent."""

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, tostring

from _websub.grammar.forms import write_form
from _websub.grammar.media import MediaType
from _websub.grammar.vocabulary import FORM, OCTET_STREAM

#: Bytes, text, an XML element, or a value that JSON can express.
Payload = bytes | str | Element | Mapping[str, Any] | list[Any] | int | float | bool | None


def encode(payload: Payload, content_type: str | None = None) -> tuple[bytes, str]:
    """Return the bytes of a payload and its Content-Type: the one given, or one that fits the payload.

    Text is ``text/plain``, an XML element ``application/xml``, bytes ``application/octet-stream`` and anything else
    ``application/json``. A mapping is written as a form if the Content-Type says so.

    Raises:
        TypeError: The payload cannot be written as JSON.
    """
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload), content_type or OCTET_STREAM
    if payload is None:
        return b"", content_type or OCTET_STREAM
    if isinstance(payload, str):
        charset = MediaType.parse(content_type).charset or "utf-8"
        return payload.encode(charset), content_type or "text/plain; charset=utf-8"
    if isinstance(payload, Element):
        return tostring(payload, encoding="utf-8", xml_declaration=True), content_type or "application/xml"
    if isinstance(payload, Mapping) and MediaType.parse(content_type).essence == FORM:
        return write_form({str(name): str(value) for name, value in payload.items()}).encode(), content_type or FORM
    return json.dumps(payload, ensure_ascii=False).encode(), content_type or "application/json"
