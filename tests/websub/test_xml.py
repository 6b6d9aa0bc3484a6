import socket
from typing import Any
from xml.etree.ElementTree import TreeBuilder

import pytest

from _websub.media import ContentError
from _websub.xml import ForbiddenXmlError, ParseError, read_xml, xml_parser
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
def test_entities_and_external_references_are_refused(attack: str) -> None:
    def attack_both() -> None:
        with pytest.raises(ContentError, match="not XML that is safe"):
            read_xml(ATTACKS[attack].encode())
        parser = xml_parser(TreeBuilder())
        with pytest.raises(ForbiddenXmlError):
            parser.feed(ATTACKS[attack].encode())

    assert steps_of(attack_both) < 2_000


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_xml_is_one_kind_of_error(broken: str) -> None:
    with pytest.raises(ContentError):
        read_xml(BROKEN[broken])
    with pytest.raises((ParseError, ValueError, LookupError)):
        _fed(BROKEN[broken])


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
    "document",
    [
        b"<a>" * 200_000 + b"</a>" * 200_000,
        b"<a " + b" ".join(b"b%d=''" % n for n in range(50_000)) + b"/>",
        b"<a " + b" ".join(b"xmlns:b%d='u:%d'" % (n, n) for n in range(20_000)) + b"/>",
    ],
    ids=["deep", "attributes", "namespaces"],
)
def test_large_documents_are_read_in_steps_that_grow_with_their_length_only(document: bytes) -> None:
    assert read_xml(document).tag == "a"
    assert steps_of(lambda: read_xml(document)) < 4 * len(document)


def test_a_parser_is_fed_piece_by_piece_and_its_encoding_can_be_given() -> None:
    parser = xml_parser(TreeBuilder(), encoding="latin-1")
    for byte in b"<a b='\xe9'/>":
        parser.feed(bytes([byte]))
    assert parser.close().attrib == {"b": "é"}


def _fed(document: bytes) -> Any:
    parser = xml_parser(TreeBuilder())
    parser.feed(document)
    return parser.close()
