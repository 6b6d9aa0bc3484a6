"""Changes of topics and subscriptions, and their effects on the board."""

from collections.abc import Callable
from enum import Enum, auto

from attrs import frozen

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.columns import TopicLog
from websubhub.standalone.schedule.states import EXPIRED, IDLE, READY, TRANSITIONS, Cause


class Admission(Enum):
    """Whether an update is admitted."""

    TAKEN = auto()
    NOBODY = auto()
    """The topic has no subscriptions."""
    FULL = auto()
    """Too many deliveries are waiting."""
    REPEATED = auto()
    """An update with the same key was accepted before."""


@frozen(kw_only=True)
class Member:
    """A subscription as the schedule knows it: numbers instead of URLs.

    Args:
        topic: The number of its topic.
        subscription: Its number, above those of all older subscriptions.
        host: The key of its callback's host.
        position: The sequence number of the last update that it has.
        expires_at: When its lease ends.
    """

    topic: int
    subscription: int
    host: int
    position: int
    expires_at: float


class Members:
    """Adds, renews and ends subscriptions, and owes them updates.

    Args:
        board: The board.
        wake: Called when a delivery may have become due.
        changed: Called with each subscription that is renewed, possibly with another secret, or that ends.

    Attributes:
        gone: The subscriptions that ended here (410) and are still in the store. They cannot be renewed.
    """

    def __init__(
        self, board: Board, wake: Callable[[], None], changed: Callable[[int], None] = lambda _subscription: None
    ) -> None:
        self._board = board
        self._wake = wake
        self._changed = changed
        self.gone: set[int] = set()

    def add_topic(self, topic: int, mode: DeliveryMode, head: int = 0) -> None:
        """Add a topic, or change the mode of a known one."""
        log = self._board.logs.get(topic)
        if log is None:
            self._board.logs[topic] = TopicLog(topic, mode, head)
        elif log.mode is not mode:
            log.mode = mode
            self._board.owe(log, _owed(log) - log.waiting)

    def forget_topic(self, topic: int) -> None:
        """Remove a topic that has no subscriptions."""
        self._board.logs.pop(topic, None)

    def knows(self, topic: int) -> bool:
        """Return whether a topic was added."""
        return topic in self._board.logs

    def add(self, member: Member) -> None:
        """Add a subscription to a known topic."""
        log = self._board.logs[member.topic]
        self._board.add(log, member.subscription, member.position, member.host, member.expires_at)

    def renew(self, topic: int, subscription: int, expires_at: float, now: float) -> None:
        """Change when a lease ends. The spelling of the callback and the secret may change too."""
        self._changed(subscription)
        place = self._board.find(topic, subscription)
        if place is not None:
            log, segment, index = place
            segment.expiries[index] = expires_at
            if segment.states[index] == EXPIRED:
                self._board.rest(log, segment, index, now)
                self._wake()
            log.pack()

    def end(self, topic: int, subscription: int) -> None:
        """End a subscription, unless it has already ended."""
        self._changed(subscription)
        place = self._board.find(topic, subscription)
        if place is not None:
            log, segment, index = place
            self._board.end(log, segment, index)
            log.shrink(segment)
            log.pack()

    def restore_retry(self, topic: int, subscription: int, *, due_at: float, attempted_at: float, firm: bool) -> None:
        """Make a subscription wait for a retry that was scheduled before a restart."""
        place = self._board.find(topic, subscription)
        if place is not None:
            log, segment, index = place
            segment.fail(index, attempted=attempted_at)
            self._board.wait(log, segment, index, due_at, firm=firm)

    def admit(self, topic: int) -> Admission:
        """Return whether another update of a topic is admitted. It changes nothing, so any thread may call it."""
        log = self._board.logs.get(topic)
        if log is None or not log.active:
            return Admission.NOBODY
        return Admission.FULL if self._board.waiting + log.active > self._board.limits.waiting else Admission.TAKEN

    def count(self, topic: int) -> int:
        """Return how many subscriptions a topic has. As with ``admit``, any thread may call it."""
        log = self._board.logs.get(topic)
        return 0 if log is None else log.active

    def publish(self, topic: int, sequence: int, now: float) -> int:
        """Owe one more update to every subscription of a topic. Return how many there are."""
        log = self._board.logs[topic]
        self._board.owe(log, log.active - log.waiting if log.mode is DeliveryMode.LATEST else log.active)
        log.publish(sequence, now)
        self._board.enter(log)
        self._wake()
        return log.active

    def replay(self, topic: int, subscription: int, letter: int, sequence: int) -> bool:
        """Owe the update of a dead letter to a subscription. Return False if the subscription has ended."""
        place = self._board.find(topic, subscription)
        if place is None:
            return False
        log, segment, index = place
        log.add_letter(subscription, letter, sequence)
        if segment.states[index] in TRANSITIONS[Cause.REPLAYED]:
            self._board.ready(log, segment, index)
            self._wake()
        return True

    def drop_letter(self, topic: int, subscription: int, letter: int) -> None:
        """Cancel a replay that has not been claimed yet."""
        log = self._board.logs.get(topic)
        if log is None:
            return
        log.forget_letter(subscription, letter)
        place = self._board.find(topic, subscription)
        if place is not None and place[1].states[place[2]] == READY and log.owes_nothing(*place[1:]):
            place[1].states[place[2]] = IDLE


def _owed(log: TopicLog) -> int:
    return sum(
        log.owed(segment, index)
        for segment in log.segments
        for index in range(len(segment.ids))
        if segment.positions[index] < log.head
    )
