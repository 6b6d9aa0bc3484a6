"""The port to the dead letters, for searching them."""

from typing import Protocol

from attrs import field, frozen

from websubhub.standalone.ports.records import DeadLetter, Update


@frozen(kw_only=True)
class LetterFilter:
    """A filter for dead letters, which must match everything given here.

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


#: Matches every dead letter.
EVERY_LETTER = LetterFilter()


class DeadLetterStore(Protocol):
    """Reads dead letters, oldest first. The result of a call includes everything settled before it."""

    async def page(self, only: LetterFilter = EVERY_LETTER, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of the matching dead letters, after the id of the last one of the previous page."""
        ...

    async def ids(self, only: LetterFilter = EVERY_LETTER, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of the matching dead letters. The arguments are the same as for ``page``."""
        ...

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids exist."""
        ...

    async def count(self, only: LetterFilter = EVERY_LETTER) -> int:
        """Return how many dead letters match."""
        ...

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None if there is no such dead letter."""
        ...
