"""How many large contents are in memory at once, however many topics are fetched."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

import anyio

#: Contents up to this size are not counted: thirty of them take less than one large one.
FREE_BYTES = 256 * 1024
_STRANGERS = 2
_KNOWN = 2

# What lies between those who use a content and those who fetch it has no place for it.
_holding: ContextVar[AsyncExitStack | None] = ContextVar("_holding", default=None)


class LargeContents:
    """Lets so many large contents arrive at once; the others wait where they are, with what has arrived of them.

    Hosts that nothing good is known of have places of their own, so that they hold up nobody but each other.

    Args:
        strangers: The places of hosts that nothing good is known of.
        known: The places of the others.
    """

    def __init__(self, strangers: int = _STRANGERS, known: int = _KNOWN) -> None:
        self._places = {False: anyio.CapacityLimiter(strangers), True: anyio.CapacityLimiter(known)}

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Count what is fetched within the block until its end, instead of until it has arrived."""
        async with AsyncExitStack() as stack:
            token = _holding.set(stack)
            try:
                yield
            finally:
                _holding.reset(token)

    async def admit(self, arriving: AsyncExitStack, *, known: bool) -> None:
        """Wait for a place.

        Args:
            arriving: Gives the place back at its end, unless what is fetched is held for longer.
            known: Whether something good is known of the host.
        """
        places, borrower = self._places[known], object()
        await places.acquire_on_behalf_of(borrower)
        (_holding.get() or arriving).callback(places.release_on_behalf_of, borrower)
