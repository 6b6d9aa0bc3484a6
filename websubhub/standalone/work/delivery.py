"""Delivering: claim what is due, send it, and settle each delivery by what came of it."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence

import anyio

from websubhub import (
    ContentDistributor,
    DeliveryOutcome,
    SharedContent,
    retry_after_seconds,
)
from websubhub import Delivery as Sending
from websubhub.standalone.metrics import DeliveryMetrics, Outcome
from websubhub.standalone.ports import ContentBroker, Delivery, DeliverySettledError, StoreError, Update
from websubhub.standalone.schedule.retry import Attempt, RetrySchedule
from websubhub.standalone.schedule.verdicts import Verdict, judge
from websubhub.standalone.work.contents import Contents

log = logging.getLogger("websubhub")

_CLAIM_AT_ONCE = 128  # more gains little, and makes the steps longer that a publisher waits for
_IDLE = 4  # workers that wait for their turn to claim; a new one costs more than one that waits
_PAUSE_SECONDS = 1.0
# Slots become free one by one, and a claim of many costs little more than a claim of one.
_GATHER_SECONDS = 0.01


class DeliveryLoop:
    """Takes deliveries from the broker as long as there is room, and never waits for one subscriber.

    One worker claims at a time. It sends what it has claimed itself, at once, and meanwhile another one claims.

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
        self._turn = anyio.Lock(fast_acquire=True)
        self._idle = 0
        self._claiming: anyio.CancelScope | None = None
        self._stopped = False
        self._contents = Contents(distributor)

    async def run(self) -> None:
        """Deliver until stopped; what is under way is finished first."""
        async with anyio.create_task_group() as tasks:

            async def work() -> None:
                while claimed := await self._next():
                    if not self._idle:
                        tasks.start_soon(work)
                    await self._send(claimed)
                    if self._idle >= _IDLE:
                        return

            tasks.start_soon(work)
        await self._broker.flush()

    def stop(self) -> None:
        """Claim no more."""
        self._stopped = True
        if self._claiming is not None:
            self._claiming.cancel()

    async def _next(self) -> Sequence[Delivery]:
        """Claim what is due, when it is this worker's turn; nothing once the loop was stopped."""
        claimed: Sequence[Delivery] = ()
        self._idle += 1
        async with self._turn:
            self._idle -= 1
            if not self._stopped:
                with anyio.CancelScope() as self._claiming:
                    claimed = await self._claim()
                self._claiming = None
        return claimed

    async def _claim(self) -> Sequence[Delivery]:
        while True:
            if self._slots - self._under_way < _CLAIM_AT_ONCE:
                await self._wait_for_room()
            try:
                claimed = await self._broker.claim(min(self._slots - self._under_way, _CLAIM_AT_ONCE))
            except StoreError as error:
                log.warning("Deliveries cannot be claimed: %s", error)
                await anyio.sleep(_PAUSE_SECONDS)
            except Exception:
                log.exception("Deliveries cannot be claimed.")
                await anyio.sleep(_PAUSE_SECONDS)
            else:
                self._under_way += len(claimed)
                return claimed

    async def _wait_for_room(self) -> None:
        if self._under_way >= self._slots:
            self._room = anyio.Event()
            await self._room.wait()
        await anyio.sleep(_GATHER_SECONDS)

    async def _send(self, claimed: Sequence[Delivery]) -> None:
        try:
            await self._distributor.send(self._sendings(claimed), self._settle)
        except Exception:
            log.exception("Deliveries could not be made, and will be tried again.")
            for delivery in claimed:
                if self._give_back(delivery):
                    self._make_room()

    def _sendings(self, claimed: Sequence[Delivery]) -> Iterator[Sending]:
        update = content = None
        for delivery in claimed:
            if delivery.update is not update:
                update = delivery.update
                content = self._content_or_none(update)
            if content is not None:
                yield Sending(delivery.callback, content, delivery.secret, delivery)
            elif self._give_back(delivery):
                self._make_room()

    def _content_or_none(self, update: Update) -> SharedContent | None:
        try:
            return self._contents.of(update)
        except Exception:
            log.exception("The message of an update cannot be made.")
            return None

    def _settle(self, sending: Sending, outcome: DeliveryOutcome) -> None:
        delivery: Delivery = sending.key  # type: ignore[assignment]  # what _sendings put there
        try:
            if outcome.delivered:
                delivery.done()
                self._metrics.delivered(self._clock() - delivery.update.published_at, delivery.attempt)
            else:
                self._fail(delivery, outcome)
        except Exception:
            # Whatever a peer sends, a delivery in flight would keep its subscription and a slot of its host for ever.
            log.exception("The outcome of a delivery cannot be settled; it is tried again.")
            self._give_back(delivery)
        finally:
            self._make_room()

    def _make_room(self) -> None:
        self._under_way -= 1
        room = self._room
        if room is not None:
            self._room = None
            room.set()

    def _fail(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        verdict = judge(outcome)
        if verdict is Verdict.GONE:
            delivery.gone()
            self._metrics.count(Outcome.GONE)
            return
        reason = str(outcome.failure) if outcome.failure is not None else f"answered {outcome.status}"
        attempt = Attempt(
            verdict=verdict,
            number=delivery.attempt,
            refusals=delivery.refusals,
            turned_away=delivery.turned_away,
            retry_after=retry_after_seconds(outcome.retry_after, self._clock()),
        )
        self._try_again(delivery, attempt, reason, host_failed=verdict.blames_host)

    def _try_again(self, delivery: Delivery, attempt: Attempt, reason: str, *, host_failed: bool) -> None:
        again = self._schedule.again(attempt, random.random())  # noqa: S311 - jitter
        if again is None:
            turned_away = attempt.verdict is Verdict.TURNED_AWAY
            delivery.dead(reason, host_failed=host_failed, turned_away=turned_away)
            self._metrics.count(Outcome.DEAD)
        else:
            delivery.retry(
                again.after,
                reason,
                firm=again.firm,
                host_failed=host_failed,
                refused=again.refused,
                counted=again.counted,
            )
            self._metrics.count(Outcome.RETRIED)

    def _give_back(self, delivery: Delivery) -> bool:
        """Settle a delivery of which nothing came, for which nobody is to blame; False if it is settled."""
        attempt = Attempt(verdict=Verdict.NOT_NOW, number=delivery.attempt, refusals=delivery.refusals)
        try:
            self._try_again(delivery, attempt, "internal error", host_failed=False)
        except DeliverySettledError:
            return False
        return True
