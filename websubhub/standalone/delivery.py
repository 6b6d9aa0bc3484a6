"""Delivering: claim what is due, send it, and settle each delivery by what came of it."""

import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import anyio
from anyio.abc import TaskGroup

from websubhub import (
    ContentDistributionMessage,
    ContentDistributor,
    DeliveryFailure,
    DeliveryOutcome,
    SharedContent,
    retry_after_seconds,
)
from websubhub import Delivery as Sending
from websubhub.standalone.metrics import DeliveryMetrics, Outcome
from websubhub.standalone.ports import ContentBroker, Delivery, StoreError, Update
from websubhub.standalone.schedule.retry import RetrySchedule

log = logging.getLogger("websubhub")

_GONE = 410
_TOO_MANY = 429
_CLAIM_AT_ONCE = 128  # more gains little, and makes the steps longer that a publisher waits for
_CONTENTS_KEPT = 64
_CONTENT_BYTES_KEPT = 16 * 1_048_576
_PAUSE_SECONDS = 1.0
# Slots become free one by one, and a claim of many costs little more than a claim of one.
_GATHER_SECONDS = 0.01


class DeliveryLoop:
    """Takes deliveries from the broker as long as there is room, and never waits for one subscriber.

    Args:
        broker: Where deliveries come from.
        distributor: What sends them.
        schedule: When failed ones are tried again.
        metrics: What counts them.
        slots: How many deliveries may be under way.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        broker: ContentBroker,
        distributor: ContentDistributor,
        schedule: RetrySchedule,
        metrics: DeliveryMetrics,
        *,
        slots: int = 4_096,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._broker = broker
        self._distributor = distributor
        self._schedule = schedule
        self._metrics = metrics
        self._slots = slots
        self._clock = clock
        self._under_way = 0
        self._room: anyio.Event | None = None
        self._claiming = anyio.CancelScope()
        self._contents: OrderedDict[tuple[str, str, float], SharedContent] = OrderedDict()
        self._content_bytes = 0

    async def run(self) -> None:
        """Deliver until stopped; what is under way is finished first."""
        async with anyio.create_task_group() as tasks:
            with self._claiming:
                await self._claim(tasks)
        await self._broker.flush()

    def stop(self) -> None:
        """Claim no more."""
        self._claiming.cancel()

    async def _claim(self, tasks: TaskGroup) -> None:
        while True:
            if self._slots - self._under_way < _CLAIM_AT_ONCE:
                await self._wait_for_room()
            try:
                claimed = await self._broker.claim(min(self._slots - self._under_way, _CLAIM_AT_ONCE))
            except StoreError as error:
                log.warning("Deliveries cannot be claimed: %s", error)
                await anyio.sleep(_PAUSE_SECONDS)
                continue
            self._under_way += len(claimed)
            tasks.start_soon(self._send, claimed)

    async def _wait_for_room(self) -> None:
        if self._under_way >= self._slots:
            self._room = anyio.Event()
            await self._room.wait()
        await anyio.sleep(_GATHER_SECONDS)

    async def _send(self, claimed: Sequence[Delivery]) -> None:
        await self._distributor.send(self._sendings(claimed), self._settle)

    def _sendings(self, claimed: Sequence[Delivery]) -> Iterator[Sending]:
        update = claimed[0].update
        content = self._content(update)
        for delivery in claimed:
            if delivery.update is not update:
                update = delivery.update
                content = self._content(update)
            yield Sending(delivery.callback, content, delivery.secret, delivery)

    def _content(self, update: Update) -> SharedContent:
        key = (update.id, update.topic, update.published_at)  # a publisher may give an id to several updates
        content = self._contents.get(key)
        if content is None:
            message = ContentDistributionMessage(
                content=update.content,
                content_type=update.content_type,
                hubs=update.hubs,
                topic=update.canonical or update.topic,
                message_id=update.id,
            )
            content = self._contents[key] = self._distributor.prepare(message, update.topic)
            self._content_bytes += len(content.body)
            while len(self._contents) > 1 and (
                len(self._contents) > _CONTENTS_KEPT or self._content_bytes > _CONTENT_BYTES_KEPT
            ):
                _, dropped = self._contents.popitem(last=False)
                self._content_bytes -= len(dropped.body)
        return content

    def _settle(self, sending: Sending, outcome: DeliveryOutcome) -> None:
        delivery: Delivery = sending.key  # type: ignore[assignment]  # what _send put there
        self._under_way -= 1
        room = self._room
        if room is not None:
            self._room = None
            room.set()
        if outcome.delivered:
            delivery.done()
            self._metrics.delivered(self._clock() - delivery.update.published_at, delivery.attempt)
        elif outcome.status == _GONE:
            delivery.gone()
            self._metrics.count(Outcome.GONE)
        else:
            self._fail(delivery, outcome)

    def _fail(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        reason = str(outcome.failure) if outcome.failure is not None else f"answered {outcome.status}"
        host_failed = outcome.failure is not None or outcome.status >= 500 or outcome.status == _TOO_MANY  # noqa: PLR2004
        if outcome.failure is DeliveryFailure.INVALID_REQUEST:
            # It cannot be sent as it is, now or ever.
            delivery.dead(reason, host_failed=False)
            self._metrics.count(Outcome.DEAD)
            return
        asked = retry_after_seconds(outcome.retry_after, self._clock())
        refused = 400 <= outcome.status <= 499 and outcome.status != _TOO_MANY  # noqa: PLR2004 - the bounds of 4xx
        delay = self._schedule.delay(delivery.attempt, random.random(), retry_after=asked, refused=refused)  # noqa: S311 - jitter
        if delay is None:
            delivery.dead(reason, host_failed=host_failed)
            self._metrics.count(Outcome.DEAD)
        else:
            delivery.retry(delay, reason, firm=asked is not None, host_failed=host_failed)
            self._metrics.count(Outcome.RETRIED)
