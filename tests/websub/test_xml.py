import socket
import tracemalloc
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import TreeBuilder

import pytest

from _websub.grammar.media import ContentError
from _websub.grammar.xml import (
    MAX_ATTRIBUTE_DECLARATIONS,
    MAX_DEPTH,
    MAX_NAME,
    MAX_NODES,
    ForbiddenXmlError,
    ParseError,
    XmlLimitError,
    XmlParser,
    read_xml,
)
from tests.work import steps_of

ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ATTACKS = {
    "billion laughs": f'<!DOCTYPE l [<!ENTITY l0 "lol">{ENTITIES}]><l>&l9;</l>',
    "quadratic": f'<!DOCTYPE l [<!ENTITY a "{"a" * 10_000}">]><l>{"&a;" * 1000}</l>',
    "external entity": '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
    "parameter entity": '<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p.dtd"> %p;]><l/>',
    "unparsed entity": '<!DOCTYPE l [<!NOTATION n SYSTEM "n"><!ENTITY u SYSTEM "u" NDATA n>]><l/>',
}
BROKEN = {
    "empty": b"",
    "text": b"no xml",
    "open": b"<a><b></a>",
    "nul": b"<a>\0</a>",
    "no utf-8": b"<a>\xff</a>",
    "unknown encoding": b"<?xml version='1.0' encoding='x-none'?><a/>",
    "utf-7": b"<?xml version='1.0' encoding='utf-7'?><a/>",
    "undeclared entity": b"<a>&b;</a>",
    "two roots": b"<a/><b/>",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.spec("D-03")
@pytest.mark.threat("XML-1", "XML-2", "XML-3")
def test_entities_and_external_references_are_refused(attack: str) -> None:
    def attack_both() -> None:
        with pytest.raises(ContentError, match="not XML that is safe"):
            read_xml(ATTACKS[attack].encode())
        parser = XmlParser(TreeBuilder())
        with pytest.raises(ForbiddenXmlError):
            parser.feed(ATTACKS[attack].encode())

    assert steps_of(attack_both) < 2_000


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.threat("XML-5", "XML-6")
def test_what_is_no_xml_is_one_kind_of_error(broken: str) -> None:
    with pytest.raises(ContentError):
        read_xml(BROKEN[broken])
    with pytest.raises((ParseError, ValueError, LookupError)):
        _fed(BROKEN[broken])


@pytest.mark.threat("XML-4")
def test_a_plain_doctype_is_read_and_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.05)
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/rss.dtd"
        document = f'<!DOCTYPE rss PUBLIC "-//N//DTD RSS 0.91//EN" "{url}"><rss><channel/></rss>'.encode()
        assert read_xml(document).tag == "rss"
        assert _fed(document).tag == "rss"
        with pytest.raises(TimeoutError):
            canary.accept()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_are_read(encoding: str) -> None:
    declared = "latin-1" if encoding == "latin-1" else encoding.removesuffix("-sig")
    root = read_xml(f"<?xml version='1.0' encoding='{declared}'?><a b='é'/>".encode(encoding))
    assert root.attrib == {"b": "é"}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("<?xml version='1.0' encoding='gb2312'?><a b='\u4e2d'/>".encode("gb2312"), None),
        ("<?xml version='1.0' encoding='utf-8'?><a b='\u4e2d'/>".encode("big5"), "text/xml; charset=Big5"),
        ("<?xml version='1.0' encoding='nonsense'?><a b='\u4e2d'/>".encode(), "application/atom+xml;charset=utf-8"),
        ("<?xml version='1.0' encoding='utf-16'?><a b='\u4e2d'/>".encode(), None),
        ("<?xml version='1.0'?><a b='\u4e2d'/>".encode("utf-16-be"), None),
        ("<?xml version='1.0'?><a b='\u4e2d'/>".encode("utf-8-sig"), "text/xml; charset=koi8-r"),
        (" \n\ufeff\ufeff\n<?xml version='1.0'?><a b='\u4e2d'/>".encode(), None),
        (" \n<?xml version='1.0' encoding='euc-jp'?><a b='\u4e2d'/>".encode("euc-jp"), None),
    ],
)
def test_the_charset_is_found_as_rfc_7303_says(content: bytes, content_type: str | None) -> None:
    assert read_xml(content, content_type).attrib == {"b": "\u4e2d"}


@pytest.mark.threat("XML-4")
def test_an_entity_of_a_document_type_that_is_elsewhere_is_refused() -> None:
    with pytest.raises(ContentError):
        read_xml(b'<!DOCTYPE a PUBLIC "p" "http://dtd.example/a.dtd"><a>&nbsp;</a>')


NAMES = "".join(f'b{number} CDATA "" ' for number in range(MAX_ATTRIBUTE_DECLARATIONS))
AT_THE_LIMIT: dict[str, Callable[[int], str]] = {
    "depth": (lambda extra: "<a>" * (MAX_DEPTH + extra) + "</a>" * (MAX_DEPTH + extra)),
    "elements": (lambda extra: f"<a>{'<b/>' * (MAX_NODES - 1 + extra)}</a>"),
    "attributes": (lambda extra: "<a d=''>" + "<b c=''/>" * (MAX_NODES // 2 - 1 + extra) + "</a>"),
    "names": (lambda extra: f'<a xmlns="{"u" * (MAX_NAME - 2 + extra)}"/>'),
    "names of attributes": (lambda extra: f'<a xmlns:b="{"u" * (MAX_NAME - 2 + extra)}" b:c=""/>'),
    "declarations": (lambda extra: f"<!DOCTYPE a [<!ATTLIST a {NAMES}{'c CDATA #IMPLIED ' * extra}>]><x/>"),
}


@pytest.mark.parametrize("kind", AT_THE_LIMIT)
@pytest.mark.threat("XML-7", "XML-8", "XML-9")
def test_documents_are_read_up_to_a_limit_of_work(kind: str) -> None:
    assert read_xml(AT_THE_LIMIT[kind](0).encode()).tag
    with pytest.raises(ContentError):
        read_xml(AT_THE_LIMIT[kind](1).encode())
    with pytest.raises(XmlLimitError):
        _fed(AT_THE_LIMIT[kind](1).encode())


@pytest.mark.parametrize("default", ["x" * 100_000, ""], ids=["long", "many"])
@pytest.mark.threat("XML-13")
def test_attributes_by_default_are_no_amplifier(default: str) -> None:
    declared = NAMES if not default else f'b CDATA "{default}"'
    document = f"<!DOCTYPE x [<!ATTLIST a {declared}>]><x>{'<a/>' * 3000}</x>".encode()
    tracemalloc.start()
    with pytest.raises(ContentError):
        read_xml(document)
    assert tracemalloc.get_traced_memory()[1] < 10 * len(document) + 1_000_000
    tracemalloc.stop()
    assert read_xml(b"<!DOCTYPE x [<!ATTLIST a b CDATA 'c'>]><x><a/></x>")[0].attrib == {"b": "c"}


def test_a_parser_is_fed_piece_by_piece_and_its_encoding_can_be_given() -> None:
    parser = XmlParser(TreeBuilder(), encoding="latin-1")
    for byte in b"<a b='\xe9'/>":
        parser.feed(bytes([byte]))
    assert parser.close().attrib == {"b": "é"}


def _fed(document: bytes) -> Any:
    parser = XmlParser(TreeBuilder())
    parser.feed(document)
    return parser.close()
