"""The journal of updates, positions and dead letters: the inner port between the broker and an adapter."""

from collections.abc import Collection, Sequence
from typing import Protocol

from attrs import frozen

from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.ports import DeadLetter, FailingDelivery, PublishKey, Update
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission


@frozen
class Appended:
    """The result of appending an update.

    Attributes:
        id: The id of the update that was accepted, now or before under the same key.
        admission: Whether it was taken.
        settled: Whether the outcomes that came along are kept.
    """

    id: str
    admission: Admission
    settled: bool = True


class Journal(Protocol):
    """Keeps updates by topic and sequence number, and for each subscription how far it is and what failed.

    Whatever a method changes is durable when it returns. As soon as it is, and before anybody else can know, the
    ``Ledger`` is told, on the event loop and in the order in which things became durable; also when whoever asked has
    left meanwhile. Topics and subscriptions go by the numbers that the adapter has given to them in the ledger.

    All methods raise ``StoreError`` when the journal cannot be read or written; nothing has changed then.
    """

    async def append(
        self, update: Update, key: PublishKey | None = None, outcomes: Settlements | None = None
    ) -> Appended:
        """Append an update to the log of its topic, unless one was accepted under its key within a day.

        ``Members.admit`` decides in the same step whether it is taken. If it is, it gets the next sequence number of
        its topic, and ``Ledger.published`` is told. ``publish_keys`` says what is remembered of keys, and which id an
        update gets; a key that was refused as ``FULL`` is not remembered.

        Outcomes may come along, to be kept as ``settle`` does without a step of their own. They are kept whether the
        update is taken or not, and if they cannot be kept, the update does not suffer from it.

        Raises:
            DiskFullError: There is no space for it.
        """
        ...

    async def read(self, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]) -> Needed:
        """Return what claims need.

        What is there and cannot be read, now or ever, is named in the result, so that others need not wait for it.

        Args:
            updates: The updates that are wanted.
            subscriptions: The subscriptions that are wanted, one for each claim.
            repeated: Those of them that failed before, whose attempts are wanted.
        """
        ...

    async def settle(self, settlements: Sequence[Settlements]) -> None:
        """Keep outcomes, all of them or none; what is kept already may come again.

        It may use what is held in reserve for a full disk. The ledger knows of all this already. A subscription that
        has ended since is passed over.
        """
        ...

    async def delete_updates(self, bounds: Sequence[Key]) -> int:
        """Delete the updates of topics, up to these and with them, that no dead letter refers to. Returns how many.

        Many topics in one step, and in steps that are short enough for everything else to go on between them.
        """
        ...

    async def counts(self, owed: Sequence[Key]) -> tuple[int, float | None]:
        """Return the number of dead letters, and when the oldest of these updates was published, if one is there."""
        ...

    async def failing(self, limit: int) -> list[FailingDelivery]:
        """Return the deliveries that failed and will be tried again, the next one first."""
        ...

    async def dead_letters(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, the oldest first, from behind an id."""
        ...

    async def replay(self, letters: Sequence[int]) -> int:
        """Mark those of these dead letters as replaying whose subscription is active. Returns how many these are.

        ``Ledger.replaying`` is told of each. The mark goes when the letter fails again or its subscription ends.
        """
        ...

    async def drop(self, letters: Sequence[int]) -> int:
        """Delete these dead letters. Returns how many there were; ``Ledger.dropped`` is told of each."""
        ...

    async def hold_host(self, host: str, *, paused: bool) -> None:
        """Keep that a host is paused, or is not any more, and tell ``Ledger.host_held``."""
        ...
