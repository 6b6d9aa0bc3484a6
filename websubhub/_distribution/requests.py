"""Single requests over the engine, each charged to the address that it goes to."""

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

import anyio

from _websub.calls.budgets import Spending
from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure, Incoming
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.hosts import UrlError
from _websub.grammar.urls import REQUEST_URL_LIMIT, check_url, host_of, wire_url
from _websub.http import Headers, Request, Response
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import EngineClosedError
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.sharing import EngineShare
from websubhub._distribution.wanted import LargeBody, WantedBody

_FAILURES = {
    DeliveryFailure.INVALID_REQUEST: Failure.URL,
    DeliveryFailure.UNRESOLVED_NAME: Failure.NAME,
    DeliveryFailure.REFUSED_ADDRESS: Failure.ADDRESS,
    DeliveryFailure.CONNECT: Failure.CONNECT,
    DeliveryFailure.CONNECT_TIMEOUT: Failure.TIMEOUT,
    DeliveryFailure.TLS: Failure.TLS,
    DeliveryFailure.TIMEOUT: Failure.TIMEOUT,
    DeliveryFailure.RESET: Failure.BROKEN,
    DeliveryFailure.MALFORMED_ANSWER: Failure.MALFORMED,
    DeliveryFailure.TOO_LARGE: Failure.TOO_LARGE,
    DeliveryFailure.NO_DESCRIPTOR: Failure.CONNECT,
    DeliveryFailure.HELD_BACK: Failure.BUDGET,
}
# The budgets of the called hosts decide, not the engine, whose limits are for deliveries.
_UNBOUNDED = 1_000_000
_HELD_BACK_SECONDS = 1.0
# A Link header may be that long.
_HEAD_BYTES = 96 * 1024
# What the engine keeps of a body whose reader sets the limit.
_KEPT_BYTES = 256 * 1024
_PIECE_BYTES = 16 * 1024


class EngineRequests:
    """Sends requests, limited in time and size, without redirects, cookies or settings from the environment.

    Args:
        addresses: The addresses that may be called. They are checked when a connection is made.
        limits: The limits of each exchange.
    """

    def __init__(self, addresses: AddressPolicy, limits: ExchangeLimits) -> None:
        self._addresses = addresses
        self._limits = limits
        self._share: EngineShare | None = None
        self._open: set[anyio.CancelScope] = set()

    def may_call(self, url: str) -> bool:
        """Return whether a checked URL may be called, judging by its text. Names are looked up later."""
        return self._addresses.permits_host(host_of(url))

    async def send(self, request: Request) -> Response:
        """Send a request, and return its whole response.

        Args:
            request: The request.

        Raises:
            ExchangeError: No usable response came back within the limits.
        """
        with self._deadline():
            outcome = await self._exchange(request, self._limits.response_bytes)
        if outcome.body_failure is not None:
            raise ExchangeError(_FAILURES[outcome.body_failure])
        return Response(status=outcome.status, headers=Headers(outcome.headers), body=outcome.body)

    @asynccontextmanager
    async def open(self, request: Request, statuses: frozenset[int]) -> AsyncIterator[Incoming]:
        """Send a request, and yield its response. A large body arrives while it is read, and is not limited in size.

        Args:
            request: The request.
            statuses: The statuses of responses whose body is wanted. Others have none.

        Raises:
            ExchangeError: No usable response came back within the limits.
        """
        large: list[LargeBody] = []
        with self._deadline():
            try:
                outcome = await self._exchange(request, _KEPT_BYTES, WantedBody(statuses, large.append))
                headers = Headers(outcome.headers)
                chunks = _Large(large[0]) if large else _Whole(outcome)
                yield Incoming(url=request.url, status=outcome.status, headers=headers, chunks=chunks)
            finally:
                for body in large:
                    body.close()

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """Limit an exchange in time, including any wait, and end it when the connections are closed."""
        with anyio.move_on_after(self._limits.seconds) as scope:
            self._open.add(scope)
            try:
                yield
            finally:
                self._open.discard(scope)
        if scope.cancelled_caught:
            raise ExchangeError(Failure.TIMEOUT if anyio.current_time() >= scope.deadline else Failure.BROKEN)

    async def _exchange(
        self, request: Request, kept_body_bytes: int, wanted: WantedBody | None = None
    ) -> DeliveryOutcome:
        charge = _Charge(Spending.current())
        try:
            url = wire_url(check_url(request.url, limit=REQUEST_URL_LIMIT))
        except UrlError as error:
            raise ExchangeError(Failure.URL) from error
        content = SharedContent(
            method=request.method,
            body=request.body,
            headers=request.headers.pairs,
            kept_body_bytes=kept_body_bytes,
            may_connect=charge,
            wanted=wanted,
        )
        try:
            outcome = await self._engine().send_one(Delivery(url, content))
        except (EngineClosedError, OSError) as error:
            raise ExchangeError(Failure.BROKEN) from error
        if outcome.failure is not None:
            held_back = outcome.failure is DeliveryFailure.HELD_BACK
            raise ExchangeError(_FAILURES[outcome.failure], charge.wait if held_back else 0.0)
        return outcome

    def _engine(self) -> EngineShare:
        if self._share is None:
            limits = EngineLimits(
                connections=self._limits.connections,
                connections_per_origin=self._limits.connections,
                connections_per_address=_UNBOUNDED,
                failing_per_minute=_UNBOUNDED,
                idle_connections=self._limits.keep_alive,
                connect_seconds=self._limits.connect_seconds,
                total_seconds=self._limits.seconds,
                head_bytes=_HEAD_BYTES,
            )
            self._share = EngineShare(limits=limits, addresses=self._addresses)
        return self._share

    def close_idle(self) -> None:
        """Close the connections that have been idle for too long, or that their servers have closed."""
        if self._share is not None:
            self._share.close_idle()

    async def aclose(self) -> None:
        """Release the engine. Requests in progress fail, and the next one uses another engine."""
        for scope in self._open:
            scope.cancel()
        share, self._share = self._share, None
        if share is not None:
            await share.aclose()


class _Whole:
    """A body that has arrived, in pieces."""

    def __init__(self, outcome: DeliveryOutcome) -> None:
        self._body = outcome.body
        self._failure = outcome.body_failure
        self._read = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._failure is not None:
            raise ExchangeError(_FAILURES[self._failure])
        piece = self._body[self._read : self._read + _PIECE_BYTES]
        if not piece:
            raise StopAsyncIteration
        self._read += len(piece)
        return piece


class _Large:
    """A body that arrives while it is read."""

    def __init__(self, body: LargeBody) -> None:
        self._body = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        async for piece in self._body:
            return piece
        if self._body.failure is not None:
            raise ExchangeError(_FAILURES[self._body.failure])
        raise StopAsyncIteration


class _Charge:
    """Charges addresses before exchanges with them.

    Attributes:
        wait: The seconds until one of the refused addresses may be called.
    """

    def __init__(self, spending: Spending | None) -> None:
        self._spending = spending
        self._wait = math.inf

    def __call__(self, address: str) -> bool:
        """Charge an address, or an IPv6 network. Return whether it may be called now."""
        wait = 0.0 if self._spending is None else self._spending.reach(address.partition("/")[0])
        if wait:
            self._wait = min(wait, self._wait)
        return not wait

    @property
    def wait(self) -> float:
        return self._wait if self._wait < math.inf else _HELD_BACK_SECONDS
