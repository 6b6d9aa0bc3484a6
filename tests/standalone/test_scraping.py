"""The metrics, which anybody may ask for as often as they like."""

from collections.abc import Iterable

import anyio
import pytest
from prometheus_client.core import Metric

from tests.standalone.adapters.conftest import Clock
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.admin.http.scraping import Scraping
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import AnnouncementStatistics, Statistics


class CountingMetrics(HubMetrics):
    """Counts how often it is put together."""

    made = 0

    def render(
        self,
        statistics: Statistics,
        announcements: AnnouncementStatistics,
        pending_verifications: int,
        now: float,
        further: Iterable[Metric] = (),
    ) -> bytes:
        CountingMetrics.made += 1
        return super().render(statistics, announcements, pending_verifications, now, further)


@pytest.mark.threat("DOS-1")
async def test_however_many_ask_at_once_are_answered_together_and_see_what_is_true() -> None:
    clock, texts = Clock(), list[bytes]()
    CountingMetrics.made = 0
    async with MemoryStore(clock=clock) as store:
        scraping = Scraping(store, CountingMetrics(), clock)

        async def ask() -> None:
            texts.append(await scraping.text())

        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(ask)
        assert len(texts) == 200
        assert CountingMetrics.made <= 3
        await store.announcements.save("https://topic.example/")
        assert b'websubhub_announcements{state="pending"} 1.0' in await scraping.text()
