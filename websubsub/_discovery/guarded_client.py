"""Outgoing requests of a subscriber: a public page must not make it call private addresses."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import attrs

from _websub.calls.client import AsyncClient, ExchangeError, ExchangeLimits, Failure, HttpClient, Incoming
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.urls import host_of, is_https
from _websub.http import Request

_EVERYWHERE = AddressPolicy(networks=("0.0.0.0/0", "::/0"))


@attrs.frozen(kw_only=True)
class GuardedResponse:
    """A response, and where it came from.

    Attributes:
        incoming: The response.
        from_private_network: Whether it came from a private network, so that the URLs it names may be there too.
    """

    incoming: Incoming
    from_private_network: bool


class GuardedClient:
    """A client that calls any address for the user, but only public addresses for a public page.

    Args:
        client: The user's own client, with all of its settings. It may call any address.
        limits: The limits of each exchange.
    """

    def __init__(self, client: AsyncClient | None = None, *, limits: ExchangeLimits | None = None) -> None:
        self._public = HttpClient(client, limits=limits)
        self._unrestricted = self._public if client else HttpClient(addresses=_EVERYWHERE, limits=limits)
        self._given = client is not None

    @asynccontextmanager
    async def open(
        self, request: Request, *, allow_private: bool, named: str | None = None
    ) -> AsyncIterator[GuardedResponse]:
        """Send a request, and yield its response while the body arrives.

        Args:
            request: The request.
            allow_private: Whether it may go to a private address.
            named: The URL that the user named, if the request may follow a redirect from there. Credentials are sent to
                that server only.

        Raises:
            ExchangeError: No usable response came back within the limits.
        """
        async with AsyncExitStack() as stack:
            try:
                incoming = await stack.enter_async_context(self._public.open(request, named=named))
                response = GuardedResponse(incoming=incoming, from_private_network=self._given)
            except ExchangeError as error:
                if error.failure is not Failure.ADDRESS or not allow_private:
                    raise
                incoming = await stack.enter_async_context(self._unrestricted.open(request, named=named))
                response = GuardedResponse(incoming=incoming, from_private_network=True)
            yield response

    async def aclose(self) -> None:
        """Close the connections. The user's own client stays open."""
        await self._public.aclose()
        await self._unrestricted.aclose()


def may_follow(origin: str, location: str) -> bool:
    """Return whether a redirect may be followed. Redirects from https to http may not."""
    return is_https(location) or not is_https(origin)


def have_one_origin(one: str, other: str) -> bool:
    """Return whether two checked URLs have the same scheme, host and port (RFC 6454, 5)."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[bool, str, int]:
    return is_https(url), host_of(url), urlsplit(url).port or (443 if is_https(url) else 80)
