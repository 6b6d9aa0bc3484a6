"""Content as bytes and type."""

from xml.etree.ElementTree import Element

import pytest

from _websub.grammar.content import Payload, encode


@pytest.mark.parametrize(
    ("payload", "given", "body", "content_type"),
    [
        (b"\x00\xff", None, b"\x00\xff", "application/octet-stream"),
        (b"<feed/>", "application/atom+xml", b"<feed/>", "application/atom+xml"),
        ("grüße", None, "grüße".encode(), "text/plain; charset=utf-8"),
        ("grüße", "text/plain; charset=latin-1", "grüße".encode("latin-1"), "text/plain; charset=latin-1"),
        (None, None, b"", "application/octet-stream"),
        ({"a": ["ü", 1, None]}, None, '{"a": ["ü", 1, null]}'.encode(), "application/json"),
        ([1, 2], "application/feed+json", b"[1, 2]", "application/feed+json"),
        (True, None, b"true", "application/json"),
        (1.5, None, b"1.5", "application/json"),
        ({"a b": "c&d"}, "application/x-www-form-urlencoded", b"a+b=c%26d", "application/x-www-form-urlencoded"),
    ],
)
def test_the_type_of_the_payload_decides_unless_one_is_given(
    payload: Payload, given: str | None, body: bytes, content_type: str
) -> None:
    assert encode(payload, given) == (body, content_type)


def test_an_xml_element_is_written_with_its_declaration() -> None:
    body, content_type = encode(Element("feed"))
    assert body == b"<?xml version='1.0' encoding='utf-8'?>\n<feed />"
    assert content_type == "application/xml"


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError):
        encode({"a": object()})
