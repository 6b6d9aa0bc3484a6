"""How callbacks are asked: by the engine, or by an HTTP client of the user's own."""

from typing import Protocol

from _websub.calls.client import AsyncClient, HttpClient
from _websub.calls.exchange import ExchangeLimits
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request, Response
from websubhub._distribution.requests import EngineRequests

_LIMITS = ExchangeLimits(seconds=10.0, response_bytes=4_096, keep_alive=0)


class CallbackClient(Protocol):
    """Sends requests to callbacks."""

    def may_call(self, url: str) -> bool:
        """Return whether a checked URL may be called, as far as its text says."""

    async def send(self, request: Request) -> Response:
        """Send one request and return its whole answer, or raise ``ExchangeError``."""

    async def aclose(self) -> None:
        """Close the connections."""


def callback_client(client: AsyncClient | None, addresses: AddressPolicy) -> CallbackClient:
    """Return what callbacks are asked with.

    Args:
        client: The user's own client, used whole, or None.
        addresses: Which addresses may be called where there is none.
    """
    if client is not None:
        return HttpClient(client, limits=_LIMITS)
    return EngineRequests(addresses, _LIMITS)
