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
        finished: Whether every delivery is settled.
        abandoned: Whether the caller has left, so that nothing more is settled.
        repeated: Deliveries that were sent a second time, and will not be sent again.
        error: The error that its iterable raised instead of the next delivery.
        wake: Set when the caller has something to do: its batch has ended, or it must drive the engine.
    """

    __slots__ = (
        "_deliveries",
        "_exhausted",
        "_held",
        "_outstanding",
        "_settled",
        "abandoned",
        "error",
        "finished",
        "repeated",
        "throttled",
        "waiting",
        "wake",
    )

    def __init__(self, deliveries: Iterable[Delivery], settled: Settled) -> None:
        self._deliveries = iter(deliveries)
        self._settled = settled
        self._exhausted = False
        self._held: Delivery | None = None
        self._outstanding = 0
        self.waiting = 0
        self.throttled = False
        self.finished = False
        self.abandoned = False
        self.repeated: set[Delivery] = set()
        self.error: Exception | None = None
        self.wake = anyio.Event()

    def take(self) -> Delivery | None:
        """Return the next delivery, or ``None`` if there are no more."""
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
        if not self._outstanding:
            self._look_ahead()

    def _look_ahead(self) -> None:
        # The end must be known at once, not only when there is room for another delivery.
        if self._exhausted:
            self._finish()
        elif self._held is None:
            self._held = self._next()

    def _next(self) -> Delivery | None:
        try:
            delivery = next(self._deliveries, None)
        except Exception as error:  # noqa: BLE001 - it is raised in the caller of this batch, not in the driver
            self.error = error
            delivery = None
        if delivery is None:
            self._exhausted = True
            if not self._outstanding:
                self._finish()
        return delivery

    def _finish(self) -> None:
        self.finished = True
        self.wake.set()
