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
        settled: Whether the accompanying outcomes were written.
        recipients: How many subscriptions the update is owed to, or None if that is unknown, because an update with
            the same key was accepted before.
    """

    id: str
    admission: Admission
    settled: bool = True
    recipients: int | None = 0


class Journal(Protocol):
    """Stores updates by topic and sequence number, and the position and failures of each subscription.

    Changes are durable when a method returns. As soon as they are durable, and before anything else can see them, the
    ``Ledger`` is notified on the event loop, in the order of the changes, even if the caller was cancelled meanwhile.
    Topics and subscriptions are identified by the numbers that the adapter gave them in the ledger.

    All methods raise ``StoreError`` if the journal cannot be read or written. In that case, nothing has changed.
    """

    async def append(
        self, update: Update, key: PublishKey | None = None, outcomes: Settlements | None = None
    ) -> Appended:
        """Append an update to the log of its topic, unless one with the same key was accepted within a day.

        ``Members.admit`` decides in the same step whether to admit it. If so, it gets the next sequence number of its
        topic, and ``Ledger.published`` is called. ``publish_keys`` defines which keys are remembered, and which id an
        update gets. The key of an update that was refused as ``FULL`` is not remembered.

        Outcomes may accompany the update, to be written as by ``settle`` in the same step. They are written even if
        the update is not admitted. If they cannot be written, the update is still appended.

        Raises:
            DiskFullError: There is no space for the update.
        """
        ...

    async def read(self, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]) -> Needed:
        """Return the data that claims need.

        The result names rows that exist but can never be read, so that others do not wait for them.

        Args:
            updates: The updates to read.
            subscriptions: The subscriptions to read, for these claims and for later ones.
            repeated: Those whose attempts to read too, because a delivery failed.
        """
        ...

    async def settle(self, settlements: Sequence[Settlements]) -> None:
        """Write all of these outcomes or none. Outcomes that were already written may be repeated.

        This may use the space reserved for a full disk. The ledger already knows all outcomes. Subscriptions that
        have ended since are skipped.
        """
        ...

    async def delete_updates(self, bounds: Sequence[Key]) -> int:
        """Delete the updates of topics up to and including these, except those of dead letters. Return how many.

        Several topics are handled in one step, but the steps are short enough to let other work through.
        """
        ...

    async def counts(self, owed: Sequence[Key]) -> tuple[int, float | None]:
        """Return the number of dead letters, and when the oldest of these updates was published, or None."""
        ...

    async def failing(self, only: DeliveryFilter, after: FailingPlace | None, limit: int) -> list[FailingDelivery]:
        """Return a page of the deliveries that failed and will be retried, next one first, after a place."""
        ...

    async def dead_letters(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first, after an id."""
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
