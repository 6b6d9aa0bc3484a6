"""Documents that mean no good, and are not covered where each format is tested."""

import socket

import pytest

from _websub.grammar.xml import read_xml
from tests.work import steps_of
from websubsub._discovery.feed import FeedReader

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"'
URL = "https://example.com/feed"


@pytest.mark.threat("XML-11")
def test_inclusions_and_style_sheets_are_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        there = f"http://127.0.0.1:{canary.getsockname()[1]}/"
        document = (
            f'<?xml-stylesheet type="text/xsl" href="{there}a.xsl"?>{ATOM} xmlns:xi="http://www.w3.org/2001/XInclude" '
            f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a {there}a.xsd">'
            f'<xi:include href="{there}a"/><xi:include href="/etc/passwd" parse="text"/></feed>'
        ).encode()
        assert "root:" not in "".join(read_xml(document).itertext())
        reader = FeedReader(url=URL)
        reader.feed(document)
        assert reader.finish() == ()
        with pytest.raises(BlockingIOError):
            canary.accept()


def _read(document: bytes) -> None:
    reader = FeedReader(url=URL)
    reader.feed(document)
    reader.finish()


def _steps_of_bases(number: int, base: str) -> int:
    links = f'<link xml:base="{base}" rel="hub" href="h"/>' * number
    document = f'{ATOM} xml:base="{base * 100}">{links}{" " * 8_192}'.encode()
    return steps_of(lambda: _read(document))


@pytest.mark.threat("XML-14")
@pytest.mark.parametrize("base", ["b/", "../", "./b/../", "?", "%2e/"])
def test_bases_take_work_in_proportion_to_the_document(base: str) -> None:
    assert _steps_of_bases(80, base) < 2.2 * _steps_of_bases(40, base)
    nested = f"{ATOM}>".encode() + f'<a xml:base="{base}">'.encode() * 900
    assert steps_of(lambda: _read(nested)) < 100 * 900
