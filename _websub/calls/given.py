"""A client around the user's own, so that httpx is loaded only if it is used, since it would slow down the start."""

from importlib import import_module

from _websub.calls.exchange import ExchangeLimits

TYPE_CHECKING = False  # these imports are for type checkers only
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient, HttpClient


def given_client(client: "AsyncClient", limits: ExchangeLimits) -> "HttpClient":
    """Return a client around the user's own. The user has already loaded httpx.

    Args:
        client: The user's ``httpx.AsyncClient``.
        limits: The limits of each exchange, of which only the size applies.

    Raises:
        TypeError: It is not an ``httpx.AsyncClient``.
    """
    http: HttpClient = import_module("_websub.calls.client").HttpClient(client, limits=limits)
    return http
