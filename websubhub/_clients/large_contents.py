"""A limit on the large contents in memory at once, however many topics are fetched."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

import anyio

#: Contents up to this size are not counted: thirty of them take less than one large one.
FREE_BYTES = 256 * 1024
_STRANGERS = 2
_KNOWN = 2

# A context variable, since the code between the user of a content and its fetch cannot pass this on.
_holding: ContextVar[AsyncExitStack | None] = ContextVar("_holding", default=None)


class LargeContents:
    """Limits how many large contents arrive at once. The others wait, with what has already arrived of them.

    Unproven hosts have places of their own, so that they only hold up each other.

    Args:
        strangers: The places for unproven hosts.
        known: The places for proven hosts.
    """

    def __init__(self, strangers: int = _STRANGERS, known: int = _KNOWN) -> None:
        self._places = {False: anyio.CapacityLimiter(strangers), True: anyio.CapacityLimiter(known)}

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Count contents that are fetched within the block until its end, instead of until they have arrived."""
        async with AsyncExitStack() as stack:
            token = _holding.set(stack)
            try:
                yield
            finally:
                _holding.reset(token)

    async def admit(self, arriving: AsyncExitStack, *, known: bool) -> None:
        """Wait for a place.

        Args:
            arriving: Frees the place at its end, unless the content is held for longer.
            known: Whether the host is proven.
        """
        places, borrower = self._places[known], object()
        await places.acquire_on_behalf_of(borrower)
        (_holding.get() or arriving).callback(places.release_on_behalf_of, borrower)
