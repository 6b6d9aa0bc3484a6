"""The client that calls callbacks: the delivery engine, or the user's own HTTP client."""

from typing import Protocol

import attrs

from _websub.calls.exchange import ExchangeLimits
from _websub.calls.given import given_client
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request, Response
from websubhub._distribution.requests import EngineRequests

TYPE_CHECKING = False  # httpx is loaded when it is used
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient

_LIMITS = ExchangeLimits(seconds=10.0, response_bytes=4_096, keep_alive=0)


class CallbackClient(Protocol):
    """Sends requests to callbacks."""

    def may_call(self, url: str) -> bool:
        """Return whether a checked URL may be called, judging by its text."""

    async def send(self, request: Request) -> Response:
        """Send a request, and return its whole response. Raise ``ExchangeError`` if there is none."""

    async def aclose(self) -> None:
        """Close the connections."""


def callback_client(client: "AsyncClient | None", addresses: AddressPolicy, at_once: int) -> CallbackClient:
    """Return the client that calls callbacks.

    Args:
        client: The user's own client, with all of its settings, or None.
        addresses: The addresses that may be called, if the user has no client of their own.
        at_once: How many callbacks are called at a time.
    """
    # A request that had to wait for a connection would fail before its callback was called.
    limits = attrs.evolve(_LIMITS, connections=max(_LIMITS.connections, at_once))
    if client is not None:
        return given_client(client, limits)
    return EngineRequests(addresses, limits)
