"""The port to the dead letters, for those who look for some of many."""

from typing import Protocol

from attrs import field, frozen

from websubhub.standalone.ports.records import DeadLetter, Update


@frozen(kw_only=True)
class LetterFilter:
    """Which dead letters are meant: those that have everything that is given here.

    Args:
        topic: The topic URL.
        host: The host of the callback, named as by ``canonical_authority``.
        callback: The callback URL.
        reason: The whole reason.
    """

    topic: str | None = None
    host: str | None = None
    callback: str | None = field(default=None, repr=False)
    reason: str | None = None


#: Means every dead letter.
EVERY_LETTER = LetterFilter()


class DeadLetterStore(Protocol):
    """Reads dead letters, the oldest first. Everything that was settled before a call is in its result."""

    async def page(self, only: LetterFilter = EVERY_LETTER, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of these dead letters, after the id of the last one of the previous page."""
        ...

    async def ids(self, only: LetterFilter = EVERY_LETTER, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of these dead letters. The arguments are those of ``page``."""
        ...

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids there are."""
        ...

    async def count(self, only: LetterFilter = EVERY_LETTER) -> int:
        """Return how many of these there are."""
        ...

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None if there is no such dead letter."""
        ...
