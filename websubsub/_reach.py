"""Whom a subscriber calls: anyone its user names, but nobody inside on the word of a page outside."""

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
class Reached:
    """An answer, and whether it came from inside.

    Attributes:
        incoming: The answer.
        inside: Whether the address is none of the public internet: what such a page names may be inside as well.
    """

    incoming: Incoming
    inside: bool


class Reach:
    """Calls what a user names wherever it is, and what a public page names only where the public may call.

    Args:
        client: The user's own client, whose reach is the user's business; it is used whole.
        limits: The bounds of each exchange.
    """

    def __init__(self, client: AsyncClient | None = None, *, limits: ExchangeLimits | None = None) -> None:
        self._outside = HttpClient(client, limits=limits)
        self._anywhere = self._outside if client else HttpClient(addresses=_EVERYWHERE, limits=limits)
        self._given = client is not None

    @asynccontextmanager
    async def open(self, request: Request, *, inside: bool, named: str | None = None) -> AsyncIterator[Reached]:
        """Send a request and hand out its answer while the body arrives.

        Args:
            request: The request.
            inside: Whether it may go to an address that is not public.
            named: The URL that the user named, where the request may follow a redirect from there: credentials go to no
                other server.

        Raises:
            ExchangeError: Nothing usable came back within the limits.
        """
        async with AsyncExitStack() as stack:
            try:
                incoming = await stack.enter_async_context(self._outside.open(request, named=named))
                reached = Reached(incoming=incoming, inside=self._given)
            except ExchangeError as error:
                if error.failure is not Failure.ADDRESS or not inside:
                    raise
                incoming = await stack.enter_async_context(self._anywhere.open(request, named=named))
                reached = Reached(incoming=incoming, inside=True)
            yield reached

    async def aclose(self) -> None:
        """Close the connections; a client that was given stays open."""
        await self._outside.aclose()
        await self._anywhere.aclose()


def may_follow(origin: str, location: str) -> bool:
    """Return whether a redirect may be followed: not from https to http."""
    return is_https(location) or not is_https(origin)


def have_one_origin(one: str, other: str) -> bool:
    """Return whether two checked URLs have the same scheme, host and port (RFC 6454, 5)."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[bool, str, int]:
    return is_https(url), host_of(url), urlsplit(url).port or (443 if is_https(url) else 80)
