"""The port to the dead letters, for searching them."""

from typing import Protocol

from websubhub.standalone.ports.records import Update
from websubhub.standalone.ports.undelivered import EVERY_DELIVERY, DeadLetter, DeliveryFilter


class DeadLetterStore(Protocol):
    """Reads dead letters, oldest first. The result of a call includes everything settled before it."""

    async def page(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Return a page of the matching dead letters, after the id of the last one of the previous page."""
        ...

    async def ids(self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of the matching dead letters. The arguments are the same as for ``page``."""
        ...

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids exist."""
        ...

    async def count(self, only: DeliveryFilter = EVERY_DELIVERY) -> int:
        """Return how many dead letters match."""
        ...

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None if there is no such dead letter."""
        ...
