"""Delivering: claim what is due, send it, and settle each delivery by its outcome."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

import anyio

from websubhub import Delivery as Sending
from websubhub import DeliveryOutcome, SharedContent
from websubhub.standalone.events.events import Events
from websubhub.standalone.metrics import DeliveryMetrics
from websubhub.standalone.ports import ContentBroker, Delivery, StoreError, Update
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.contents import Contents, Distributor
from websubhub.standalone.work.settling import Settler

log: logging.Logger = logging.getLogger("websubhub")

_CLAIM_AT_ONCE = 128  # more gains little, and makes publishers wait for longer steps
_IDLE = 4  # workers waiting for their turn to claim; starting one costs more than keeping one
_PAUSE_SECONDS = 1.0
# Slots become free one by one, but claiming many costs little more than claiming one.
_GATHER_SECONDS = 0.01


class DeliveryLoop:
    """Takes deliveries from the broker while slots are free, and never waits for a single subscriber.

    One worker claims at a time. It then sends what it claimed, while another worker claims.

    Args:
        broker: Hands out deliveries.
        distributor: Sends them.
        schedule: Decides when to retry failed ones.
        metrics: Counts them.
        slots: How many deliveries may be in progress.
        clock: Returns the time, in seconds since 1970.
        events: Where to record their outcomes.
    """

    def __init__(
        self,
        broker: ContentBroker,
        distributor: Distributor,
        schedule: RetrySchedule,
        metrics: DeliveryMetrics,
        *,
        slots: int = 4_096,
        clock: Callable[[], float] = time.time,
        events: Events | None = None,
    ) -> None:
        self._broker = broker
        self._distributor = distributor
        self._settler = Settler(schedule, metrics, events or Events(), clock)
        self._slots = slots
        self._under_way = 0
        self._room: anyio.Event | None = None
        self._turn = anyio.Lock(fast_acquire=True)
        self._idle = 0
        self._claiming: anyio.CancelScope | None = None
        self._stopped = False
        self._follower: object = None  # who asks for more after each outcome; one does that for all
        self._contents = Contents(distributor)

    async def run(self) -> None:
        """Deliver until stopped, and finish the deliveries in progress."""
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
        """Claim what is due when it is this worker's turn. Return nothing once the loop is stopped."""
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
        self._contents.timed = self._settler.look()
        under_way = list(claimed)
        try:
            await self._distributor.send(self._sendings(under_way), self._settle)
        except Exception:
            log.exception("Deliveries could not be made, and will be retried.")
            for delivery in under_way:
                if self._settler.give_back(delivery):
                    self._make_room()

    def _sendings(self, under_way: list[Delivery]) -> Iterator[Sending | None]:
        """Yield deliveries, then those that are due after their outcomes, as long as nobody has to wait for their data.

        Args:
            under_way: The first deliveries, to which those that follow are added.
        """
        update = content = None
        claimed: Sequence[Delivery] = tuple(under_way)
        while claimed:
            for delivery in claimed:
                if delivery.update is not update:
                    update = delivery.update
                    content = self._content_or_none(update)
                if content is not None:
                    yield Sending(delivery.callback, content, delivery.secret, delivery)
                elif self._settler.give_back(delivery):
                    self._make_room()
            claimed = self._claim_at_hand(under_way)
            if not claimed:
                self._follower = follower = object()
                while not claimed and self._may_follow():
                    yield None
                    if self._follower is not follower:
                        return
                    claimed = self._claim_at_hand(under_way)

    def _may_follow(self) -> bool:
        return not self._stopped and self._slots - self._under_way >= _CLAIM_AT_ONCE

    def _claim_at_hand(self, under_way: list[Delivery]) -> Sequence[Delivery]:
        if not self._may_follow():
            return ()
        claimed = self._broker.claim_at_hand(_CLAIM_AT_ONCE)
        if claimed:
            self._contents.timed = self._settler.look()
            self._under_way += len(claimed)
            if len(under_way) > _CLAIM_AT_ONCE:
                under_way[:] = [delivery for delivery in under_way if not delivery.settled]
            under_way += claimed
        return claimed

    def _content_or_none(self, update: Update) -> SharedContent | None:
        try:
            return self._contents.of(update)
        except Exception:
            log.exception("The message of an update cannot be prepared.")
            return None

    def _settle(self, sending: Sending, outcome: DeliveryOutcome) -> None:
        delivery: Delivery = sending.key  # type: ignore[assignment]  # what _sendings put there
        try:
            self._settler.settle(delivery, outcome)
        finally:
            self._make_room()

    def _make_room(self) -> None:
        self._under_way -= 1
        room = self._room
        if room is not None:
            self._room = None
            room.set()
