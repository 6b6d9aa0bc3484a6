"""One call of ``send``: its remaining deliveries, and the count of those in progress."""

import logging
from collections.abc import Callable, Iterable

import anyio

from websubhub._distribution.delivery import Delivery
from websubhub._distribution.outcome import DeliveryOutcome

log = logging.getLogger("websubhub.distribution")

Settled = Callable[[Delivery, DeliveryOutcome], None]


class Batch:
    """The deliveries of one caller.

    Attributes:
        waiting: How many deliveries were taken and wait for their origin.
        throttled: Whether no more deliveries are taken until fewer of them wait.
        resting: Whether there was no delivery to take, so that none is taken until the next outcome.
        finished: Whether every delivery is settled.
        abandoned: Whether the caller has left, so that nothing more is settled.
        repeated: Deliveries that were sent a second time, and will not be sent again.
        error: The error that its iterable raised instead of the next delivery.
    """

    __slots__ = (
        "_deliveries",
        "_held",
        "_outstanding",
        "_rejoin",
        "_settled",
        "_wake",
        "abandoned",
        "error",
        "finished",
        "repeated",
        "resting",
        "throttled",
        "waiting",
    )

    def __init__(
        self, deliveries: Iterable[Delivery | None], settled: Settled, rejoin: "Callable[[Batch], None]"
    ) -> None:
        """Take deliveries from an iterable.

        Args:
            deliveries: The deliveries. None stands for those that there may be after the next outcome.
            settled: Called with each outcome.
            rejoin: Called when it may have deliveries after it had none.
        """
        self._deliveries = iter(deliveries)
        self._settled = settled
        self._rejoin = rejoin
        self._held: Delivery | None = None
        self._outstanding = 0
        self.waiting = 0
        self.throttled = False
        self.resting = False
        self.finished = False
        self.abandoned = False
        self.repeated: set[Delivery] = set()
        self.error: Exception | None = None
        self._wake: anyio.Event | None = None

    async def wait(self) -> None:
        """Wait until the caller has something to do: its batch has ended, or it must drive the engine."""
        self._wake = anyio.Event()
        await self._wake.wait()

    def wake_up(self) -> None:
        """Wake the caller if it waits."""
        if self._wake is not None:
            self._wake.set()

    def take(self) -> Delivery | None:
        """Return the next delivery, or ``None`` if there is none at present or there are no more."""
        delivery = self._held or self._next()
        if delivery is not None:
            self._held = None
            self._outstanding += 1
        return delivery

    def settle(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        """Tell the caller how a delivery ended."""
        self._outstanding -= 1
        if self.abandoned:
            return
        try:
            self._settled(delivery, outcome)
        except Exception:
            log.exception("The function called with outcomes failed. The delivery counts as settled.")
        if self.resting and not self.throttled:
            self.resting = False
            self._rejoin(self)
        if not self._outstanding:
            self._look_ahead()

    def _look_ahead(self) -> None:
        # The end must be known at once, not only when there is room for another delivery.
        if self._held is None:
            self._held = self._next()

    def _next(self) -> Delivery | None:
        try:
            delivery = next(self._deliveries)
        except StopIteration:
            self._end()
            return None
        except Exception as error:  # noqa: BLE001 - it is raised in the caller of this batch, not in the driver
            self.error = error
            self._end()
            return None
        if delivery is None:
            self.resting = True
            if not self._outstanding:  # nothing will come that it could go on after
                self._end()
        return delivery

    def _end(self) -> None:
        self._deliveries = iter(())
        if not self._outstanding:
            self._finish()

    def _finish(self) -> None:
        self.finished = True
        self.wake_up()
