"""One call of ``send``: the deliveries it still has to give, and the count of those under way."""

import logging
from collections.abc import Callable, Iterable

import anyio

from websubhub._distribution.delivery import Delivery
from websubhub._distribution.outcome import DeliveryOutcome

_logger = logging.getLogger("websubhub.distribution")

Settled = Callable[[Delivery, DeliveryOutcome], None]


class Batch:
    """What one caller wants delivered.

    Attributes:
        outstanding: Deliveries that were taken and are not settled.
        ahead: Those among them that wait for their origin.
        parked: Whether it gives no more deliveries until fewer of them wait.
        abandoned: Whether the caller has gone; nothing is settled any more.
        error: What its iterable raised instead of the next delivery.
        wake: Set when the caller has something to do: its batch has ended, or it has to drive the engine.
    """

    __slots__ = (
        "_deliveries",
        "_exhausted",
        "_held",
        "_settled",
        "abandoned",
        "ahead",
        "error",
        "outstanding",
        "parked",
        "wake",
    )

    def __init__(self, deliveries: Iterable[Delivery], settled: Settled) -> None:
        self._deliveries = iter(deliveries)
        self._settled = settled
        self._exhausted = False
        self._held: Delivery | None = None
        self.outstanding = 0
        self.ahead = 0
        self.parked = False
        self.abandoned = False
        self.error: Exception | None = None
        self.wake = anyio.Event()

    @property
    def finished(self) -> bool:
        """Whether every delivery is settled."""
        return self._exhausted and not self.outstanding

    def take(self) -> Delivery | None:
        """The next delivery, or ``None`` if there is no more."""
        delivery = self._held
        if delivery is None:
            delivery = self._next()
        else:
            self._held = None
        if delivery is not None:
            self.outstanding += 1
        return delivery

    def _next(self) -> Delivery | None:
        try:
            delivery = next(self._deliveries, None)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller of this batch, whoever drives the engine
            self.error = error
            delivery = None
        self._exhausted = delivery is None
        return delivery

    def settle(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        """Tell the caller how a delivery ended."""
        self.outstanding -= 1
        if self.abandoned:
            return
        try:
            self._settled(delivery, outcome)
        except Exception:
            _logger.exception("The receiver of outcomes failed; the delivery counts as settled.")
        if not self.outstanding and not self._exhausted:
            self._held = self._next()  # so that the end is known even if there is no room for another one
