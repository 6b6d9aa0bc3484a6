"""The delivery engine, which the callers of ``send`` drive."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel

from _websub.grammar.addresses import AddressPolicy
from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.origins.names import NameResolver, Resolve, resolve
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.statistics import EngineStatistics
from websubhub._distribution.turns.driver import Driver
from websubhub._distribution.wheel import TICK_SECONDS
from websubhub._distribution.wire.poller import READABLE, open_poller
from websubhub._distribution.wire.shared import Shared


class EngineClosedError(RuntimeError):
    """The engine was closed before all deliveries were settled."""


class DeliveryEngine:
    """Delivers to any number of subscribers, over connections that are kept for the next delivery.

    There is no background task. A caller of ``send`` drives the engine for all others too. When its own batch is done,
    another caller takes over. So an engine needs no ``async with``, works on every event loop that AnyIO supports, and
    costs nothing while idle. It belongs to the event loop that uses it first.

    Args:
        limits: Connections, timeouts and sizes.
        addresses: The addresses that may be called. All addresses of a host are checked before the first connection to
            it. A single forbidden one refuses the host. Connections are made to the checked addresses.
        tls: The TLS context for https instead of the default one, for example with your own certificates.
        look_up: A resolver of host names instead of the system's. It is called in a thread.
    """

    def __init__(
        self,
        *,
        limits: EngineLimits | None = None,
        addresses: AddressPolicy | None = None,
        tls: ssl.SSLContext | None = None,
        look_up: Resolve = resolve,
    ) -> None:
        self._limits = limits or EngineLimits()
        self._addresses = addresses or AddressPolicy()
        self._tls = tls
        self._look_up = look_up
        self._running: _Running | None = None
        self._token: object = None
        self._batches: dict[Batch, None] = {}
        self._driven = False
        self._closed = False

    async def send(
        self, deliveries: Iterable[Delivery | None], settled: Callable[[Delivery, DeliveryOutcome], None]
    ) -> None:
        """Deliver to all, and return when every delivery is settled.

        Deliveries are taken from the iterable only when there is room for them, so it may be a generator of a million.
        It must not block. Concurrent calls share the connections fairly.

        If the call is cancelled, its deliveries in progress are dropped: their connections are closed and they are not
        settled, so that it is unknown whether they arrived.

        Args:
            deliveries: The deliveries. Where there is none at present, the iterable may give None: it is asked again
                after the next outcome, and has ended if nothing is under way.
            settled: Called once for each delivery, with its outcome. It must not block. If it raises, that is logged.

        Raises:
            EngineClosedError: The engine is closed, or was closed before everything was settled.
            RuntimeError: The engine is in use on another event loop.
            Exception: Any exception of the iterable, after the deliveries before it have been settled.
        """
        running = self._enter()
        await anyio.lowlevel.checkpoint_if_cancelled()
        batch = Batch(deliveries, settled, running.driver.take_from)
        self._batches[batch] = None
        running.driver.add(batch)
        try:
            if self._driven:
                if running.driver.begin():
                    running.wake_up()
            else:
                running.driver.turn()
            await self._see_through(batch, running)
        finally:
            self._leave(batch, running)
        if batch.error is not None:
            raise batch.error
        if not batch.finished:
            raise EngineClosedError("The delivery engine was closed before all deliveries were settled.")

    def statistics(self) -> EngineStatistics:
        """Return the current counts of connections, servers and waiting deliveries."""
        if self._running is None:
            return EngineStatistics()
        return self._running.driver.statistics(sum(batch.waiting for batch in self._batches))

    def close_idle(self) -> None:
        """Close the connections that have been idle for too long, or that their servers have closed.

        Deliveries also do this. Call it now and then if there may be no deliveries for a long time.
        """
        if self._running is not None and not self._driven:
            self._running.driver.turn()
            self._running.driver.tick()

    def close(self) -> None:
        """Close all connections. Pending calls of ``send`` raise ``EngineClosedError``."""
        self._closed = True
        for batch in self._batches:
            batch.wake_up()
        if self._running is None:
            return
        if self._batches:
            self._running.wake_up()
        else:
            self._running.close()
            self._running = None

    async def aclose(self) -> None:
        """Do the same as ``close``, with an async interface."""
        self.close()
        await anyio.lowlevel.checkpoint()

    def open(self) -> None:
        """Open the descriptors that every delivery needs, so that none fails later for lack of them.

        Raises:
            EngineClosedError: The engine is closed.
            OSError: No file descriptor is left.
        """
        self._enter()

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Clients may be used without closing them. Their connections are then closed without a warning.
        running = self.__dict__.get("_running")
        if running is not None:
            running.close()

    def _enter(self) -> "_Running":
        if self._closed:
            raise EngineClosedError("The delivery engine is closed.")
        token = anyio.lowlevel.current_token()
        if self._running is None:
            self._running = _Running(self._limits, self._addresses, self._tls, self._look_up)
            self._token = token
        elif self._token != token:
            raise RuntimeError(
                "A delivery engine belongs to the event loop that used it first; make one for each loop."
            )
        return self._running

    async def _see_through(self, batch: Batch, running: "_Running") -> None:
        while not self._is_over(batch):
            if self._driven:
                await batch.wait()
                continue
            self._driven = True
            try:
                await self._drive(batch, running)
            finally:
                self._driven = False

    async def _drive(self, batch: Batch, running: "_Running") -> None:
        driver, fd = running.driver, running.poller.fileno()
        await anyio.lowlevel.checkpoint()
        more = driver.turn()  # often the last one, which needs no timeout
        more |= driver.tick_when_due()  # while such batches follow one another, others wait for their deadlines
        while not self._is_over(batch):
            # One timeout spans many turns: timeouts are expensive, and deadlines only need this resolution.
            with anyio.move_on_after(TICK_SECONDS):
                while not self._is_over(batch):
                    if more:
                        await anyio.lowlevel.checkpoint()
                    else:
                        await anyio.wait_readable(fd)
                    more = driver.turn()
            driver.tick()
            more = True  # to start the deliveries that there is room for now

    def _is_over(self, batch: Batch) -> bool:
        return batch.finished or self._closed

    def _leave(self, batch: Batch, running: "_Running") -> None:
        del self._batches[batch]
        if not batch.finished:
            running.driver.abandon(batch)
            running.wake_up()  # now there is room for others
        if self._closed and not self._batches:
            running.close()
            self._running = None
        elif not self._driven and self._batches:
            next(iter(self._batches)).wake_up()


class _Running:
    """The state of an engine that is in use.

    Attributes:
        driver: Does the work.
        poller: Becomes readable when there is work.
    """

    def __init__(
        self, limits: EngineLimits, addresses: AddressPolicy, tls: ssl.SSLContext | None, look_up: Resolve
    ) -> None:
        self.poller = open_poller()
        self._wakeup_receive, self._wakeup_send = socket.socketpair()
        self._wakeup_receive.settimeout(0)
        self._wakeup_send.settimeout(0)
        self.poller.register(self._wakeup_receive.fileno(), READABLE)
        self._names = NameResolver(addresses, limits.lookups, self.wake_up, look_up, remembered=2 * limits.origins)
        shared = Shared(self.poller, limits, tls, loopback=addresses.loopback)
        self.driver = Driver(shared, self._names, self._wakeup_receive)

    def wake_up(self) -> None:
        """Make the poller readable, from any thread."""
        with contextlib.suppress(OSError):  # it is already readable, or closed
            self._wakeup_send.send(b"!")

    def close(self) -> None:
        """Close everything."""
        self._names.close()
        self.driver.close()
        self._wakeup_receive.close()
        self._wakeup_send.close()
        self.poller.close()
