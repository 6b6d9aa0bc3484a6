"""The ledger: what subscriptions are owed now, according to the journal."""

from collections.abc import Callable

from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.cache import UpdateCache
from websubhub.standalone.broker.recipient_cache import RecipientCache
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.members import Members


class Ledger:
    """The state from which a broker claims. An adapter reports what became durable, in order, on the event loop.

    Changes of topics and subscriptions go to ``members``, all other changes to the methods here.

    Args:
        limits: The limits of deliveries.
        clock: Returns the time of the store, in seconds since 1970.

    Attributes:
        clock: That clock.
        board: The state of topics, subscriptions and hosts.
        members: Adds topics and subscriptions to the board, changes and ends them.
        cache: Recently published or read updates.
        recipients: The callbacks and secrets of recently used subscriptions.
        due: Rings when a delivery may have become due.
        disposable: The topics that may have updates to delete.
        look: Called before each claim, so that an adapter can remove subscriptions from the board first.
    """

    def __init__(self, limits: DeliveryLimits, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.board: Board = Board(limits)
        self.due: Bell = Bell()
        self.recipients: RecipientCache = RecipientCache()
        self.members: Members = Members(self.board, self.due.ring, self.recipients.forget)
        self.cache: UpdateCache = UpdateCache()
        self.disposable: set[int] = set()
        self.look: Callable[[], None] = _nothing

    def published(self, update: Update, topic: int, sequence: int) -> int:
        """Owe an update, which was appended to its topic's log, to every subscription. Return how many there are."""
        self.cache.put((topic, sequence), update)
        self.disposable.add(topic)
        return self.members.publish(topic, sequence, self.clock())

    def replaying(self, topic: int, subscription: int, letter: int, sequence: int) -> None:
        """Owe the update of a dead letter to a subscription."""
        self.members.replay(topic, subscription, letter, sequence)

    def dropped(self, topic: int, subscription: int | None, letter: int) -> None:
        """Remove a dead letter. ``subscription`` is None if it has ended."""
        self.disposable.add(topic)
        if subscription is not None:
            self.members.drop_letter(topic, subscription, letter)

    def host_held(self, host: str, *, paused: bool) -> None:
        """Pause or resume deliveries to a host, named as by ``canonical_authority``."""
        if paused:
            self.board.hosts.pause(host)
        else:
            self.board.hosts.resume(host)
            self.due.ring()


def _nothing() -> None:
    """Do nothing."""
