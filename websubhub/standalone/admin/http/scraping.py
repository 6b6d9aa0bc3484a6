"""The metrics as text. Anybody may request them, so concurrent requests share one result."""

from collections.abc import Callable, Iterable

import anyio
from prometheus_client.core import Metric

from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import HubStore


class Scraping:
    """Collects the metrics, once at a time.

    Args:
        store: The store, which counts what remains to be done.
        metrics: The counts of the hub.
        clock: Returns the time, in seconds since 1970.
        further: Returns more metric families, measured by others.
    """

    def __init__(
        self,
        store: HubStore,
        metrics: HubMetrics,
        clock: Callable[[], float],
        further: Callable[[], Iterable[Metric]] = tuple,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._further = further
        self._making = anyio.Lock()
        self._asked = 0
        self._answered = 0
        self._text = b""

    async def text(self) -> bytes:
        """Return metrics that are not older than this call.

        Raises:
            StoreError: The store cannot be read.
        """
        self._asked += 1
        number = self._asked
        async with self._making:
            if self._answered < number:
                asked = self._asked
                self._text = await self._make()
                self._answered = asked
            return self._text

    async def _make(self) -> bytes:
        pending = await self._store.verifications.count()
        announcements = await self._store.announcements.statistics()
        statistics = await self._store.broker.statistics()
        return self._metrics.render(statistics, announcements, pending, self._clock(), self._further())
