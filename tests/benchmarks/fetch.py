"""What an announced topic costs the whole hub, beside a small publish: the fetch, and what comes of it."""

from collections.abc import Iterator, Sequence
from functools import partial

from tests.benchmarks.measuring import Benchmark, Variant
from tests.benchmarks.sink import sink
from tests.benchmarks.site import site
from tests.benchmarks.small import running

# A topic that was fetched in vain rests, so there are enough of them for some rounds.
_TOPICS = 1_000
_FETCHES = 200
_ORIGINS = 400
_KINDS = {
    "unmodified": "an announcement, answered with 304",
    "same": "an announcement, with the same content",
    "feeds": "an announcement, with new content",
}


def _variants() -> Iterator[Sequence[Variant]]:
    with sink(_ORIGINS) as sunk, site() as (base, fetched):
        topics = {kind: [f"{base}/{kind}/{number}" for number in range(_TOPICS)] for kind in _KINDS}
        with running([url for urls in topics.values() for url in urls], sunk.urls, most=1) as hub:
            hubs = {kind: hub.only(urls) for kind, urls in topics.items()}
            for each in hubs.values():  # from here on, the hub knows the content
                each.announce(fetched, _TOPICS)
            yield [
                Variant("a publish to one subscriber", partial(hub.publish, _FETCHES)),
                *(Variant(name, partial(hubs[kind].announce, fetched, _FETCHES)) for kind, name in _KINDS.items()),
            ]


BENCHMARKS = (Benchmark("fetch", "An announcement of a topic with 1 KiB of content and one subscriber.", _variants),)
