"""The requests of a topic client: over the engine, or over the user's own HTTP client."""

from contextlib import AbstractAsyncContextManager

from _websub.calls.exchange import ExchangeLimits, Incoming
from _websub.calls.given import given_client
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request
from websubhub._distribution.requests import EngineRequests

TYPE_CHECKING = False  # httpx is loaded when it is used
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient


class TopicRequests:
    """Sends requests to the servers of topics.

    Args:
        client: The user's own client, with all of its settings, or None.
        addresses: The addresses that may be called, if the user has no client of their own.
        limits: The limits of each exchange. If a client is given, only the size applies.
    """

    def __init__(self, client: "AsyncClient | None", *, addresses: AddressPolicy, limits: ExchangeLimits) -> None:
        self._given = None if client is None else given_client(client, limits)
        self._own = EngineRequests(addresses, limits)

    def open(self, request: Request, statuses: frozenset[int], *, named: str) -> AbstractAsyncContextManager[Incoming]:
        """Send a request, and yield its response while the body arrives.

        Args:
            request: The request.
            statuses: The statuses of responses whose body is wanted. Do not read the body of others.
            named: The topic's URL, which may have redirected. The user's credentials are sent to its server only.

        Raises:
            ExchangeError: No usable response came back within the limits.
        """
        if self._given is not None:  # it reads no body before it is asked to
            return self._given.open(request, named=named)
        return self._own.open(request, statuses)

    def close_idle(self) -> None:
        """Close the connections that have been idle for too long. Those of the user's client are their own matter."""
        self._own.close_idle()

    async def aclose(self) -> None:
        """Close the connections. The user's own client stays open."""
        await self._own.aclose()
