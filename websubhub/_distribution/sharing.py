"""One engine for all clients of an event loop with the same rules."""

import ssl
from collections.abc import Callable, Iterable

import anyio
import anyio.lowlevel

from _websub.calls.sharing import Share
from _websub.grammar.addresses import AddressPolicy
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.engine import DeliveryEngine, EngineClosedError
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome


class EngineShare:
    """A share in the engine of all clients with the same rules on an event loop.

    An engine takes four file descriptors before its first connection, so not every client can have its own. It is
    closed with the last share. Closing another share does not affect it.

    Args:
        limits: Connections, timeouts and sizes, for all shares together.
        addresses: The addresses that may be called.
        tls: The TLS context for https instead of the default one.
    """

    def __init__(self, *, limits: EngineLimits, addresses: AddressPolicy, tls: ssl.SSLContext | None = None) -> None:
        rules = (DeliveryEngine, limits, addresses, tls)
        self._share = Share(rules, lambda: DeliveryEngine(limits=limits, addresses=addresses, tls=tls))
        self._sending: set[anyio.CancelScope] = set()
        self._closed = False

    async def send(
        self, deliveries: Iterable[Delivery | None], settled: Callable[[Delivery, DeliveryOutcome], None]
    ) -> None:
        """Deliver to all, and return when every delivery is settled.

        Args:
            deliveries: The deliveries, and None where there is none before the next outcome.
            settled: Called once for each delivery, with its outcome.

        Raises:
            EngineClosedError: This share is closed, or was closed before everything was settled.
        """
        if self._closed:
            raise EngineClosedError("The client is closed.")
        engine = self._share.take()
        with anyio.CancelScope() as scope:
            self._sending.add(scope)
            try:
                await engine.send(deliveries, settled)
            finally:
                self._sending.discard(scope)
        if scope.cancelled_caught:
            raise EngineClosedError("The client was closed before all deliveries were settled.")

    async def send_one(self, delivery: Delivery) -> DeliveryOutcome:
        """Make one delivery, and return its outcome.

        Raises:
            EngineClosedError: This share is closed, or was closed before the delivery was settled.
        """
        outcomes: list[DeliveryOutcome] = []
        await self.send((delivery,), lambda _, outcome: outcomes.append(outcome))
        return outcomes[0]

    def close_idle(self) -> None:
        """Close the connections of all shares that have been idle for too long, or that their servers have closed."""
        if not self._closed:
            self._share.take().close_idle()

    async def aclose(self) -> None:
        """Release the engine. Pending calls of ``send`` of this share raise ``EngineClosedError``."""
        self._closed = True
        for scope in list(self._sending):
            scope.cancel()
        engine = self._share.give_back()
        if engine is not None:
            engine.close()
        await anyio.lowlevel.checkpoint()
