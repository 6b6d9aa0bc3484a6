"""Single requests over the engine, each on a new connection that is charged to its address."""

import math

import anyio

from _websub.calls.budgets import Spending
from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.hosts import UrlError
from _websub.grammar.urls import REQUEST_URL_LIMIT, check_url, host_of, wire_url
from _websub.http import Headers, Request, Response
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import EngineClosedError
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.sharing import EngineShare

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


class EngineRequests:
    """Sends requests, limited in time and size, without redirects, cookies or settings from the environment.

    Args:
        addresses: The addresses that may be called. They are checked when a connection is made.
        limits: The limits of each exchange. Connections are never kept.
    """

    def __init__(self, addresses: AddressPolicy, limits: ExchangeLimits) -> None:
        self._addresses = addresses
        self._limits = limits
        self._share: EngineShare | None = None

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
        charge = _Charge(Spending.current())
        try:
            url = wire_url(check_url(request.url, limit=REQUEST_URL_LIMIT))
        except UrlError as error:
            raise ExchangeError(Failure.URL) from error
        content = SharedContent(
            method=request.method,
            body=request.body,
            headers=request.headers.pairs,
            kept_body_bytes=self._limits.response_bytes,
            may_connect=charge,
        )
        outcome = await self._outcome(Delivery(url, content))
        failure = outcome.failure or outcome.body_failure
        if failure is not None:
            raise ExchangeError(_FAILURES[failure], charge.wait if failure is DeliveryFailure.HELD_BACK else 0.0)
        return Response(status=outcome.status, headers=Headers(outcome.headers), body=outcome.body)

    async def _outcome(self, delivery: Delivery) -> DeliveryOutcome:
        try:
            with anyio.fail_after(self._limits.seconds):  # including any wait
                return await self._engine().send_one(delivery)
        except TimeoutError as error:
            raise ExchangeError(Failure.TIMEOUT) from error
        except (EngineClosedError, OSError) as error:
            raise ExchangeError(Failure.BROKEN) from error

    def _engine(self) -> EngineShare:
        if self._share is None:
            limits = EngineLimits(
                connections=self._limits.connections,
                connections_per_origin=self._limits.connections,
                connections_per_address=_UNBOUNDED,
                failing_per_minute=_UNBOUNDED,
                idle_connections=0,  # the address of a reused connection would not be charged
                connect_seconds=self._limits.connect_seconds,
                total_seconds=self._limits.seconds,
            )
            self._share = EngineShare(limits=limits, addresses=self._addresses)
        return self._share

    async def aclose(self) -> None:
        """Release the engine. Requests in progress fail, and the next one uses another engine."""
        share, self._share = self._share, None
        if share is not None:
            await share.aclose()


class _Charge:
    """Charges addresses before connections to them.

    Attributes:
        wait: The seconds until one of the refused addresses may be connected to.
    """

    def __init__(self, spending: Spending | None) -> None:
        self._spending = spending
        self._wait = math.inf

    def __call__(self, address: str) -> bool:
        """Charge an address. Return whether it may be connected to now."""
        wait = 0.0 if self._spending is None else self._spending.reach(address)
        if wait:
            self._wait = min(wait, self._wait)
        return not wait

    @property
    def wait(self) -> float:
        return self._wait if self._wait < math.inf else _HELD_BACK_SECONDS
