"""The ledger of what subscriptions are owed now, according to the journal."""

from collections.abc import Callable

from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.cache import UpdateCache
from websubhub.standalone.broker.recipient_cache import RecipientCache
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.members import Members


class Ledger:
    """The state that a broker claims from. An adapter tells it what has become durable, in order, on the event loop.

    Of topics and subscriptions it tells ``members``, of everything else the methods here.

    Args:
        limits: What deliveries are scheduled within.
        clock: The time, in seconds since 1970, that everything in the store goes by.

    Attributes:
        clock: That clock.
        board: Who is owed what.
        members: Adds topics and subscriptions to the board, changes and ends them.
        cache: Updates that were published or read not long ago.
        recipients: The callbacks and secrets of subscriptions that got updates not long ago.
        due: Rings when a delivery may have become due.
        disposable: The topics that may have updates to delete.
    """

    def __init__(self, limits: DeliveryLimits, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.board = Board(limits)
        self.due = Bell()
        self.recipients = RecipientCache()
        self.members = Members(self.board, self.due.ring, self.recipients.forget)
        self.cache = UpdateCache()
        self.disposable: set[int] = set()

    def published(self, update: Update, topic: int, sequence: int) -> None:
        """Owe every subscription of a topic an update that was appended to its log."""
        self.cache.put((topic, sequence), update)
        self.disposable.add(topic)
        self.members.publish(topic, sequence, self.clock())

    def replaying(self, topic: int, subscription: int, letter: int, sequence: int) -> None:
        """Owe a subscription an update that it was given up for."""
        self.members.replay(topic, subscription, letter, sequence)

    def dropped(self, topic: int, subscription: int | None, letter: int) -> None:
        """Forget a dead letter; ``subscription`` is None when that has ended."""
        self.disposable.add(topic)
        if subscription is not None:
            self.members.drop_letter(topic, subscription, letter)

    def host_held(self, host: str, *, paused: bool) -> None:
        """Hold back what goes to a host, or no longer; ``host`` is its name by ``canonical_authority``."""
        if paused:
            self.board.hosts.pause(host)
        else:
            self.board.hosts.resume(host)
            self.due.ring()
