"""The port to the dead letters, for those who look for some of many."""

from typing import Protocol

from websubhub.standalone.ports.records import Update
from websubhub.standalone.ports.undelivered import EVERY_DELIVERY, DeadLetter, DeliveryFilter


class DeadLetterStore(Protocol):
    """Reads dead letters, the oldest first. Everything that was settled before a call is in its result."""

    async def page(self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of these dead letters, after the id of the last one of the previous page."""
        ...

    async def ids(self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of these dead letters. The arguments are those of ``page``."""
        ...

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids there are."""
        ...

    async def count(self, only: DeliveryFilter = EVERY_DELIVERY) -> int:
        """Return how many of these there are."""
        ...

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None if there is no such dead letter."""
        ...
