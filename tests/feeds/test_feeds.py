"""The corpus: documents as the web serves them, one for each kind of fault, and what discovery makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.discovered import discovered
from tests.feeds.documents import URL, Document, documents, with_links
from tests.feeds.finding import DIFFERENT, Finding, verdict
from tests.feeds.oracle import expected
from websubhub.testing import InMemoryWeb
from websubsub import DiscoveryClient, DiscoveryError

CORPUS = Path(__file__).parent / "corpus"
EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text())
DOCUMENTS = {document.name: document for document in documents(CORPUS)}


def test_each_document_is_expected_to_say_something() -> None:
    assert sorted(EXPECTED) == sorted(DOCUMENTS)


async def discover(document: Document) -> dict[str, Any]:
    async def site(_: Any, __: Any, send: Any) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in document.headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": document.content})

    web = InMemoryWeb()
    web["pub.example"] = site
    async with web.client() as inner, DiscoveryClient(client=inner) as client:
        try:
            found = await client.discover(URL)
        except DiscoveryError as error:
            return {"error": str(error)}
    return {"topic": found.topic, "hubs": list(found.hubs), "source": str(found.source)}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_discovery_finds_what_a_document_says(name: str) -> None:
    found, wanted = await discover(DOCUMENTS[name]), EXPECTED[name]
    if "error" in wanted:
        assert found.get("error", "").startswith(wanted["error"])
    else:
        assert found == wanted


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_independent_reader_finds_the_same(name: str) -> None:
    assert verdict(discovered(DOCUMENTS[name]), expected(DOCUMENTS[name])) != DIFFERENT


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not DOCUMENTS[name].header("content-encoding")])
def test_it_finds_the_same_with_a_link_at_any_place(name: str) -> None:
    for document in with_links(DOCUMENTS[name]):
        ours, theirs = discovered(document), expected(document)
        assert verdict(ours, theirs) != DIFFERENT, (document.name, ours, theirs)


def test_a_difference_is_noticed() -> None:
    one, two = Finding((("hub", "/1"),)), Finding((("hub", "/1"), ("hub", "/2")))
    assert verdict(one, two) == verdict(two, one) == DIFFERENT
    assert "it is broken" in verdict(two, Finding(one.links, doubt="it is broken"))
    assert verdict(one, Finding((("self", "/1"),), doubt="it is broken")) == DIFFERENT
