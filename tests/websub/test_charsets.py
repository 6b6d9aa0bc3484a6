"""Charsets by the labels of the web, and which of several counts."""

import codecs
import encodings

import pytest
from webencodings.labels import LABELS

from _websub.grammar.charsets import UTF_8, declared_charset, find_charset, marked_charset, xml_charset


@pytest.mark.parametrize("name", sorted(set(LABELS.values()) - {"replacement", "x-user-defined"}))
def test_every_charset_of_the_web_has_a_codec(name: str) -> None:
    charset = find_charset(name)
    assert charset is not None
    assert charset.decode("<a>".encode("utf-16-le" if name == "utf-16le" else charset.codec)) == "<a>"
    assert charset.decoder().decode(b"") == ""


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("UTF8", "utf-8"),
        (" Latin1 ", "windows-1252"),
        ("latin-1", "windows-1252"),
        ("ISO-8859-1", "windows-1252"),
        ("us-ascii", "windows-1252"),
        ("GB2312", "gbk"),
        ("x-sjis", "shift_jis"),
        ("ks_c_5601-1987", "euc-kr"),
        ("big5-hkscs", "big5"),
        ("cp1251", "windows-1251"),
        ("utf-16", "utf-16le"),
    ],
)
def test_labels_are_those_of_the_encoding_standard(label: str, name: str) -> None:
    charset = find_charset(label)
    assert charset is not None
    assert charset.name == name


@pytest.mark.parametrize(
    "label",
    [None, "", "nonsense", "idna", "punycode", "hex", "zip", "rot13", "utf-7", "undefined", "iso-2022-kr", "a\0b", "é"],
)
def test_what_is_no_charset_of_the_web_is_none(label: str | None) -> None:
    assert find_charset(label) is None


@pytest.mark.threat("BQ-1")
def test_labels_of_strangers_fill_no_cache() -> None:
    known = len(encodings._cache)
    for number in range(1000):
        find_charset(f"x-stranger-{number}")
    assert len(encodings._cache) == known


@pytest.mark.parametrize(
    ("label", "content", "text"),
    [
        ("gb2312", b"\x810\x810", "\x80"),  # GB 18030, which GB 2312 has become
        ("shift_jis", b"\x87\x40", "\u2460"),
        ("euc-kr", b"\x81\x41", "\uac02"),
        ("iso-8859-1", b"\x93\x81", "\u201c\x81"),
        ("windows-1250", b"\x81", "\x81"),
    ],
)
def test_bytes_are_what_browsers_make_of_them(label: str, content: bytes, text: str) -> None:
    charset = find_charset(label)
    assert charset is not None
    assert charset.decode(content) == text


@pytest.mark.parametrize(("label", "content"), [("utf-8", b"\xff"), ("gbk", b"\xff"), ("windows-1253", b"\xff")])
def test_bytes_that_are_no_text_are_an_error_unless_they_are_replaced(label: str, content: bytes) -> None:
    charset = find_charset(label)
    assert charset is not None
    with pytest.raises(ValueError, match="decode"):
        charset.decode(content)
    assert charset.decoder("replace").decode(content, final=True) == "\ufffd"


@pytest.mark.parametrize(
    ("beginning", "label", "name"),
    [
        (b"<a/>", None, "utf-8"),
        (b"", None, "utf-8"),
        (b"\xef\xbb\xbf<a/>", "koi8-r", "utf-8"),
        (codecs.BOM_UTF16_LE + b"<\0", "utf-8", "utf-16le"),
        (codecs.BOM_UTF16_BE + b"\0<", None, "utf-16be"),
        (b"<?xml version='1.0' encoding='koi8-r'?>", None, "koi8-r"),
        (b" \n<?xml version='1.0'\n encoding = \"Big5\" ?>", None, "big5"),
        (b"<?xml version='1.0' encoding='koi8-r'?>", "utf-8", "utf-8"),
        (b"<?xml version='1.0' encoding='koi8-r'?>", "nonsense", "koi8-r"),
        (b"<?xml version='1.0' encoding='nonsense'?>", "gbk", "gbk"),
        (b"<?xml version='1.0' encoding='nonsense'?>", None, None),
        (b"<?xml version='1.0' encoding='utf-7'?>", None, None),
        (b"<?xml version='1.0' encoding='utf-16'?>", None, "utf-8"),
        (b"<?xml version='1.0'?>", "utf-16", "utf-8"),
        ("<?xml version='1.0'?>".encode("utf-16-le"), None, "utf-16le"),
        ("<?xml version='1.0'?>".encode("utf-16-be"), "utf-16", "utf-16be"),
        (b"<a encoding='koi8-r'/>", None, "utf-8"),
    ],
)
def test_the_charset_of_xml_is_that_of_mark_then_header_then_declaration(
    beginning: bytes, label: str | None, name: str | None
) -> None:
    charset = xml_charset(beginning, label)
    assert (charset and charset.name) == name


def test_what_is_not_declared_is_not_guessed() -> None:
    assert declared_charset(b"<?xml version='1.0'?>") is None
    assert marked_charset(b"<a/>") is None
    assert marked_charset(b"\xef\xbb\xbf") == UTF_8
