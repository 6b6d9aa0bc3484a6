import pytest

from _websub.grammar.media import ContentError, MediaType, is_content_type, read_fields, read_json, read_text
from tests.work import steps_of


@pytest.mark.parametrize(
    ("header", "essence", "charset"),
    [
        (None, "", None),
        ("", "", None),
        ("text/html", "text/html", None),
        ("Text/HTML;charset=UTF-8", "text/html", "utf-8"),
        ('application/atom+xml ; type=feed; Charset="ISO-8859-1"', "application/atom+xml", "iso-8859-1"),
        ("text/plain; charset=a; charset=b", "text/plain", "a"),
        ("text/plain;;=;charset", "text/plain", ""),
        ("; charset=utf-8", "", "utf-8"),
        ("x" * 100_000, "x" * 255, None),
    ],
)
def test_a_content_type_is_read(header: str | None, essence: str, charset: str | None) -> None:
    assert MediaType.parse(header) == MediaType(essence, charset)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"\xc3\xa9", "text/plain", "é"),
        (b"\xc3\xa9", None, "é"),
        (b"\xe9", "text/plain; charset=latin-1", "é"),
        ("é".encode("utf-16"), "text/plain; charset=UTF-16", "é"),
        (b"", "", ""),
        ("\u4e2d".encode("gb2312"), "text/plain; charset=GB2312", "\u4e2d"),
        ("é".encode("utf-8-sig"), "text/plain", "é"),
        ("é".encode("utf-8-sig"), "text/plain; charset=koi8-r", "é"),
        (b"<?xml version='1.0' encoding='koi8-r'?>\xd6", "text/xml", "<?xml version='1.0' encoding='koi8-r'?>\u0436"),
        (b"<?xml version='1.0' encoding='koi8-r'?>\xc3\xa9", "a/b+xml; charset=utf-8", None),
        (b"<?xml version='1.0' encoding='koi8-r'?>\xc3\xa9", "text/plain", None),
    ],
)
def test_text_is_in_the_charset_of_its_content_type(body: bytes, content_type: str | None, text: str | None) -> None:
    assert read_text(body, content_type) == (body.decode() if text is None else text)


@pytest.mark.parametrize(
    ("body", "charset"),
    [(b"\xff", "utf-8"), (b"x", "unknown"), (b"x", "hex"), (b"x", "undefined"), (b"x", "a\0b"), (b"x", "é")],
)
def test_what_is_no_text_is_an_error(body: bytes, charset: str) -> None:
    with pytest.raises(ContentError):
        read_text(body, f"text/plain; charset={charset}")


@pytest.mark.parametrize("charset", ["punycode", "PUNYCODE", "idna"])
def test_codecs_of_host_names_are_no_charsets(charset: str) -> None:
    def read() -> None:
        with pytest.raises(ContentError, match="charset that cannot be read"):
            read_text(b"abc" * 100_000 + b"-" + b"9a" * 100_000, f"text/plain; charset={charset}")

    assert steps_of(read) < 50_000


def test_json_is_read_whatever_its_unicode() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert read_json('{"a": ["é", 1]}'.encode(encoding)) == {"a": ["é", 1]}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b"{'a': 1}", b"9" * 1_000_000],
    ids=["empty", "open", "no text", "deep", "quotes", "long number"],
)
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    with pytest.raises(ContentError):
        read_json(body)


def test_fields_are_read_and_the_last_of_a_name_counts() -> None:
    assert read_fields(b"a=1&b=%C3%A9&a=2&flag") == {"a": "2", "b": "é", "flag": ""}


@pytest.mark.parametrize("body", [b"\xff", b"a=%FF", b"&".join([b"x=1"] * 1001)])
def test_what_is_no_form_is_an_error(body: bytes) -> None:
    with pytest.raises(ContentError):
        read_fields(body)


@pytest.mark.parametrize(
    ("content_type", "is_xml"),
    [
        ("text/xml", True),
        ("Application/XML; charset=x", True),
        ("image/svg+xml", True),
        ("text/html", False),
        ("", False),
    ],
)
def test_types_of_xml_are_known(content_type: str, is_xml: bool) -> None:  # noqa: FBT001
    assert MediaType.parse(content_type).is_xml is is_xml


@pytest.mark.parametrize(
    ("header", "can_be_sent"),
    [
        ("text/plain", True),
        ("text/plain ; a=b", True),
        ("text/plain;", True),
        ("text/plain ", False),
        ("text/plain; ", False),
        ("text/plain;\t", False),
        ("text/plain; a=\u20ac", False),
    ],
)
def test_a_type_that_is_sent_on_can_be_sent(header: str, can_be_sent: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_content_type(header) == can_be_sent
