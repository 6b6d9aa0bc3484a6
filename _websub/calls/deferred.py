"""An HTTP client that is loaded when it is first used, since httpx takes memory and would slow down the start."""

from importlib import import_module
from typing import Any

import anyio

from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure
from _websub.grammar.addresses import AddressPolicy

TYPE_CHECKING = False  # these imports are for type checkers only
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient, HttpClient

_HOME = "_websub.calls.client"


def given_client(client: "AsyncClient", limits: ExchangeLimits) -> "HttpClient":
    """Return a client around the user's own. The user has already loaded httpx.

    Raises:
        TypeError: It is not an ``httpx.AsyncClient``.
    """
    http: HttpClient = _load().HttpClient(client, limits=limits)
    return http


class DeferredClient:
    """An ``HttpClient`` that is created when it is first used, or at once if it wraps the user's own client.

    Args:
        client: The user's ``httpx.AsyncClient``, or None.
        addresses: The addresses that may be called, if no client is given.
        limits: The limits of each exchange. If a client is given, only the size applies.
    """

    def __init__(self, client: "AsyncClient | None", *, addresses: AddressPolicy, limits: ExchangeLimits) -> None:
        self._addresses = addresses
        self._limits = limits
        self._http = None if client is None else given_client(client, limits)

    async def get(self) -> "HttpClient":
        """Return the client. It is loaded in a thread, so that the event loop is not held up.

        Raises:
            ExchangeError: It cannot be loaded now, for example because no file descriptor is free.
        """
        if self._http is None:
            try:
                await anyio.to_thread.run_sync(_load)  # also while another thread loads it, since importing would wait
            except (OSError, ImportError) as error:
                raise ExchangeError(Failure.BROKEN) from error
        return self._made()

    def _made(self) -> "HttpClient":
        if self._http is None:  # another task may have made it meanwhile
            self._http = _load().HttpClient(addresses=self._addresses, limits=self._limits)
        return self._http

    async def aclose(self) -> None:
        """Close the connections. The user's own client stays open."""
        if self._http is not None:
            await self._http.aclose()


def _load() -> Any:
    return import_module(_HOME)
