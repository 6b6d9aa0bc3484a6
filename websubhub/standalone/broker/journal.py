"""The journal of updates, positions and dead letters: the inner port between the broker and an adapter."""

from collections.abc import Collection, Sequence
from typing import Protocol

from attrs import frozen

from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.ports import (
    DeadLetter,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
    PublishKey,
    Update,
)
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission


@frozen
class Appended:
    """The result of appending an update.

    Attributes:
        id: The id of the accepted update, or of the first one with the same key.
        admission: Whether it was admitted.
        settled: Whether the outcomes that came along were written.
        recipients: How many subscriptions the update is owed to, or None if one with the same key was accepted before
            and that is not known.
    """

    id: str
    admission: Admission
    settled: bool = True
    recipients: int | None = 0


class Journal(Protocol):
    """Keeps updates by topic and sequence number, and the position and failures of each subscription.

    Changes are durable when a method returns. As soon as they are, and before anything else can know, the ``Ledger`` is
    told, on the event loop and in the order in which they became durable, even if the caller was cancelled meanwhile.
    Topics and subscriptions are named by the numbers that the adapter gave them in the ledger.

    All methods raise ``StoreError`` if the journal cannot be read or written. Nothing has changed then.
    """

    async def append(
        self, update: Update, key: PublishKey | None = None, outcomes: Settlements | None = None
    ) -> Appended:
        """Append an update to the log of its topic, unless one was accepted under its key within a day.

        ``Members.admit`` decides in the same step whether it is admitted. If so, it gets the next sequence number of
        its topic, and ``Ledger.published`` is called. ``publish_keys`` defines what is remembered of keys, and which id
        an update gets. A key that was refused as ``FULL`` is not remembered.

        Outcomes may come along, to be written as by ``settle`` in the same step. They are written even if the update
        is not admitted, and if they cannot be written, the update still is.

        Raises:
            DiskFullError: There is no space for it.
        """
        ...

    async def read(self, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]) -> Needed:
        """Return the data that claims need.

        Rows that exist but can never be read are named in the result, so that others need not wait for them.

        Args:
            updates: The updates to read.
            subscriptions: The subscriptions to read, those of claims and of later ones.
            repeated: The subscriptions among them whose attempts to read, since a delivery failed.
        """
        ...

    async def settle(self, settlements: Sequence[Settlements]) -> None:
        """Write outcomes, all of them or none. Outcomes that were already written may come again.

        It may use the space reserved for a full disk. The ledger knows all outcomes already. Subscriptions that have
        ended since are skipped.
        """
        ...

    async def delete_updates(self, bounds: Sequence[Key]) -> int:
        """Delete the updates of topics up to and including these, except those of dead letters. Return how many.

        Many topics are deleted in one step, in steps that are short enough for other work in between.
        """
        ...

    async def counts(self, owed: Sequence[Key]) -> tuple[int, float | None]:
        """Return the number of dead letters, and when the oldest of these updates was published, if one is there."""
        ...

    async def failing(self, only: DeliveryFilter, after: FailingPlace | None, limit: int) -> list[FailingDelivery]:
        """Return a page of the deliveries that failed and will be tried again, the next one first, after a place."""
        ...

    async def dead_letters(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, the oldest first, after an id."""
        ...

    async def replay(self, letters: Sequence[int]) -> int:
        """Mark these dead letters as replaying, if their subscription is active. Return how many were marked.

        ``Ledger.replaying`` is called for each. The mark is removed if the letter fails again or its subscription ends.
        """
        ...

    async def drop(self, letters: Sequence[int]) -> int:
        """Delete these dead letters. Return how many there were. ``Ledger.dropped`` is called for each."""
        ...

    async def hold_host(self, host: str, *, paused: bool) -> None:
        """Store that a host is paused or no longer paused, and call ``Ledger.host_held``."""
        ...
