"""The store of dead letters in memory."""

from collections.abc import Awaitable, Callable

from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.ports import EVERY_DELIVERY, DeadLetter, DeliveryFilter, Update


class MemoryLetters:
    """Satisfies ``DeadLetterStore``.

    Args:
        state: The state in memory.
        flush: Waits until all settlements are in the state.
    """

    def __init__(self, state: State, flush: Callable[[], Awaitable[None]]) -> None:
        self._state = state
        self._flush = flush

    async def page(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Return a page of the matching dead letters, oldest first."""
        await self._settled()
        return self._state.letters.page(after, limit, only)

    async def ids(self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of the matching dead letters, oldest first."""
        return [letter.id for letter in await self.page(only, after=after, limit=limit)]

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids exist."""
        await self._settled()
        return {letter.value.id for letter in self._state.letters.known(letters)}

    async def count(self, only: DeliveryFilter = EVERY_DELIVERY) -> int:
        """Return how many dead letters match."""
        await self._settled()
        return self._state.letters.count(only)

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None."""
        await self._settled()
        return self._state.letters.update(letter)

    async def _settled(self) -> None:
        await self._flush()
        await self._state.turn()
