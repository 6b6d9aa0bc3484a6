"""Deliveries that come up as others end are sent by the same call."""

from collections.abc import Iterator

import anyio
import pytest

from tests.websubhub.distribution.peers import CONTENT, NO_CONTENT, answering, open_engine, peer
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.outcome import DeliveryOutcome


class Source:
    """Deliveries of which so many may be under way, and no more."""

    def __init__(self, urls: list[str], at_once: int) -> None:
        self.left = list(enumerate(urls))
        self.at_once = at_once
        self.under_way = 0
        self.most = 0
        self.asked = 0
        self.sent: list[object] = []

    def __iter__(self) -> Iterator[Delivery | None]:
        while self.left:
            self.asked += 1
            if self.under_way >= self.at_once:
                yield None
                continue
            key, url = self.left.pop(0)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            yield Delivery(url, CONTENT, key=key)

    def settled(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        self.under_way -= 1
        if outcome.delivered:
            self.sent.append(delivery.key)


async def _deliver(engine: DeliveryEngine, source: Source) -> None:
    await engine.send(source, source.settled)
    assert source.under_way == 0


@pytest.mark.parametrize("at_once", [1, 3])
async def test_the_next_one_follows_an_outcome(at_once: int) -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            source = Source([server.url] * 20, at_once)
            await _deliver(engine, source)
    assert sorted(source.sent, key=str) == sorted(range(20), key=str)
    assert source.most == at_once
    assert source.asked <= 3 * 20 + 2, "it is asked once for each, and after each outcome"


async def test_an_outcome_without_an_exchange_is_one_too() -> None:
    """The last delivery under way may fail while it waits, and nobody else would ask for the next one."""
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            source = Source(["http://no such host/", "nothing://at.all/", server.url, "http:///", server.url], 1)
            await _deliver(engine, source)
    assert source.sent == [2, 4]


async def test_nothing_at_present_and_nothing_under_way_is_the_end() -> None:
    async with open_engine() as engine:
        await engine.send(iter([None, None]), lambda *_: None)


async def test_one_that_rests_is_asked_beside_others() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(waiting=1, connections_per_origin=1) as engine, anyio.create_task_group() as tasks:
            sources = [Source([server.url] * 10, at_once) for at_once in (1, 2, 10)]
            for source in sources:
                tasks.start_soon(_deliver, engine, source)
    assert [len(source.sent) for source in sources] == [10, 10, 10]
