"""What it costs to discover a topic and its hubs, as a multiple of reading the Link header that names them."""

from collections.abc import Iterator, Sequence
from typing import Any

import anyio

from _websub.grammar.links import parse_links
from _websub.http import Headers
from tests.benchmarks.measuring import Benchmark, Cost, Stopwatch, Variant
from websubhub.testing import InMemoryWeb
from websubsub import DiscoveryClient, DiscoverySource
from websubsub._discovery.discovery import DiscoveryReader

URL = "https://pub.example/blog/feed"
TOPIC = "https://pub.example/feed.atom"
HUB = "https://hub.example/hub"
_LINKS = f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'
_TAGS = f'<link rel="hub" href="{HUB}"/><link rel="self" href="{TOPIC}"/>'
_CHUNK = 16 * 1024
Case = tuple[list[tuple[str, str]], bytes, DiscoverySource]


def _page(size: int) -> Case:
    head = f'<!doctype html><html><head><meta charset="utf-8"><title>News</title>{_TAGS}</head><body>'
    return [("Content-Type", "text/html; charset=utf-8")], _filled(head, "<p>It <b>rains</b>.</p>\n", size), _HTML


def _feed(size: int) -> Case:
    head = f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>{_TAGS}'
    entry = '<entry><id>urn:1</id><title>Rain</title><link href="/1"/><content>It rains.</content></entry>\n'
    return [("Content-Type", "application/atom+xml")], _filled(head, entry, size), _XML


def _filled(head: str, piece: str, size: int) -> bytes:
    return (head + piece * (size // len(piece))).encode()[:size]


_HTML, _XML = DiscoverySource.HTML, DiscoverySource.XML
_HEADER: Case = ([("Link", _LINKS)], b"", DiscoverySource.HEADER)


def _parse(number: int) -> Cost:
    watch = Stopwatch()
    for _ in range(number):
        assert len(parse_links([_LINKS], base=URL)) == 2
    return watch.stop(number)


def _read(case: Case, number: int) -> Cost:
    """Discover in responses that are there already, as they would arrive: in pieces, until no more is needed."""
    pairs, body, source = case
    headers = Headers(pairs)
    pieces = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)]
    watch = Stopwatch()
    for _ in range(number):
        reader = DiscoveryReader(url=URL, headers=headers)
        for piece in pieces:
            if reader.done or reader.feed(piece):
                break
        found = reader.finish()
        assert (found.topic, found.hubs, found.source) == (TOPIC, (HUB,), source)
    return watch.stop(number)


def _fetch(case: Case, number: int) -> Cost:
    """The same by a whole request of a client, over no network."""
    pairs, body, source = case

    raw = [(name.lower().encode(), value.encode()) for name, value in pairs]

    async def page(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def run() -> Cost:
        web = InMemoryWeb()
        web["pub.example"] = page
        async with web.client() as inner, DiscoveryClient(client=inner) as client:
            watch = Stopwatch()
            for _ in range(number):
                assert (await client.discover(URL)).source is source
            return watch.stop(number)

    return anyio.run(run)


def _variants() -> Iterator[Sequence[Variant]]:
    small, page, feed = _page(25_000), _page(500_000), _feed(1_000_000)
    yield [
        Variant("the Link header alone, parsed", lambda: _parse(5_000)),
        Variant("discovery in the header", lambda: _read(_HEADER, 5_000)),
        Variant("discovery in HTML of 25 KB", lambda: _read(small, 500)),
        Variant("discovery in HTML of 500 KB", lambda: _read(page, 500)),
        Variant("discovery in Atom of 1 MB", lambda: _read(feed, 500)),
        Variant("discover(), header", lambda: _fetch(_HEADER, 300)),
        Variant("discover(), HTML of 500 KB", lambda: _fetch(page, 100)),
        Variant("discover(), Atom of 1 MB", lambda: _fetch(feed, 100)),
    ]


BENCHMARKS = (
    Benchmark("discovery", "Finding the hub of a page, compared to parsing the Link header that names it.", _variants),
)
