"""The subscriptions of a topic in columns, about 50 bytes each, and how far each of them is in the topic's log."""

from array import array
from bisect import bisect_left
from collections import deque
from itertools import compress

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.states import ENDED, IDLE, READY, UPDATED

_SIZE = 4096
_AHEAD = 2**62
_ENDED_BEFORE_COMPACTION = 64


class Segment:
    """Up to 4,096 subscriptions of one topic by ascending number, in columns of equal length.

    Attributes:
        ids: The numbers of the subscriptions.
        states: One byte each, as in ``states``.
        positions: The sequence number of the last update that each of them has.
        hosts: The keys of their hosts.
        expiries: When their leases end.
        dues: When the scheduled retry is due, 0 if no attempt of the next update has failed.
        attempted: When the last failed attempt was made.
        claimed: How many are IN_FLIGHT, or were when they ended.
        ended: How many are ENDED.
        queued: Whether the segment stands in the queue of its topic.
        cursor: Where the search for the next READY one starts.
    """

    __slots__ = (
        "attempted", "claimed", "cursor", "dues", "ended", "expiries", "hosts", "ids", "positions", "queued", "states",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ids = array("q")
        self.states = bytearray()
        self.positions = array("q")
        self.hosts = array("q")
        self.expiries = array("d")
        self.dues = array("d")
        self.attempted = array("d")
        self.claimed = 0
        self.ended = 0
        self.queued = False
        self.cursor = 0

    def append(self, subscription: int, position: int, host: int, expires_at: float, *, state: int) -> None:
        """Add a subscription, whose number is above all others."""
        self.ids.append(subscription)
        self.states.append(state)
        self.positions.append(position)
        self.hosts.append(host)
        self.expiries.append(expires_at)
        self.dues.append(0.0)
        self.attempted.append(0.0)

    def index(self, subscription: int) -> int:
        """Where a subscription stands, or -1."""
        index = bisect_left(self.ids, subscription)
        return index if index < len(self.ids) and self.ids[index] == subscription else -1

    def published(self) -> None:
        """Make those that had everything READY, and those that wait for a retry RETRY_EARLY."""
        self.states = self.states.translate(UPDATED)

    def end(self, index: int) -> None:
        """Make a subscription one that is owed nothing."""
        self.states[index] = ENDED
        self.positions[index] = _AHEAD
        self.ended += 1

    def oldest(self) -> int:
        """The position of the one that is furthest behind."""
        return min(self.positions, default=_AHEAD)

    def compact(self) -> None:
        """Give the space of ended subscriptions back, once they are many and no claim points into the segment."""
        if self.claimed or self.ended < _ENDED_BEFORE_COMPACTION or self.ended * 2 < len(self.ids):
            return
        kept = bytes(state != ENDED for state in self.states)
        for name in ("ids", "positions", "hosts"):
            setattr(self, name, array("q", compress(getattr(self, name), kept)))
        for name in ("expiries", "dues", "attempted"):
            setattr(self, name, array("d", compress(getattr(self, name), kept)))
        self.states = bytearray(compress(self.states, kept))
        self.cursor = self.ended = 0


class TopicLog:
    """One topic: the sequence number of its newest update, and how far each subscription is.

    Attributes:
        number: The number of the topic.
        mode: Which updates a subscription gets that has fallen behind.
        head: The sequence number of the newest update.
        published_at: When that was published, 0 if never.
        active: How many subscriptions have not ended.
        waiting: How many deliveries are owed.
        segments: The subscriptions.
        queue: The segments that may have READY or RETRY_EARLY subscriptions.
        turning: Whether the topic stands in the ring of those that get their turns.
        letters: The dead letters to be replayed, by the number of the subscription: their numbers and updates.
    """

    __slots__ = (
        "_firsts", "active", "head", "letters", "mode", "number", "published_at", "queue", "segments", "turning",
        "waiting",
    )  # fmt: skip

    def __init__(self, number: int, mode: DeliveryMode, head: int) -> None:
        self.number = number
        self.mode = mode
        self.head = head
        self.published_at = 0.0
        self.active = 0
        self.waiting = 0
        self.turning = False
        self.queue: deque[Segment] = deque()
        self.segments: list[Segment] = []
        self._firsts: list[int] = []
        self.letters: dict[int, list[tuple[int, int]]] = {}

    def append(self, subscription: int, position: int, host: int, expires_at: float) -> None:
        """Add a subscription, whose number is above all others."""
        if not self.segments or len(self.segments[-1].ids) >= _SIZE:
            self.segments.append(Segment())
            self._firsts.append(subscription)
        segment = self.segments[-1]
        behind = position < self.head
        segment.append(subscription, position, host, expires_at, state=READY if behind else IDLE)
        self.active += 1
        if behind:
            self.enqueue(segment)

    def find(self, subscription: int) -> tuple[Segment, int] | None:
        """Where a subscription stands that has not ended."""
        place = bisect_left(self._firsts, subscription + 1) - 1
        if place < 0:
            return None
        segment = self.segments[place]
        index = segment.index(subscription)
        return None if index < 0 or segment.states[index] == ENDED else (segment, index)

    def enqueue(self, segment: Segment) -> None:
        """Let a segment be searched for READY subscriptions."""
        if not segment.queued:
            segment.queued = True
            self.queue.append(segment)

    def publish(self, sequence: int, now: float) -> None:
        """Owe every subscription one more update."""
        self.head = sequence
        self.published_at = now
        for segment in self.segments:
            segment.published()
            self.enqueue(segment)

    def owed(self, segment: Segment, index: int) -> int:
        """How many updates a subscription is owed."""
        behind = self.head - segment.positions[index]
        return min(behind, 1) if self.mode is DeliveryMode.LATEST else behind

    def owes_nothing(self, segment: Segment, index: int) -> bool:
        """Return whether a subscription has every update, and no dead letter is to be tried once more."""
        return segment.positions[index] >= self.head and segment.ids[index] not in self.letters

    def forget_letter(self, subscription: int, letter: int) -> None:
        """Take a dead letter out of those to be replayed."""
        letters = [pair for pair in self.letters.get(subscription, ()) if pair[0] != letter]
        if letters:
            self.letters[subscription] = letters
        else:
            self.letters.pop(subscription, None)

    def end(self, segment: Segment, index: int) -> None:
        """Make a subscription one that gets nothing any more."""
        self.letters.pop(segment.ids[index], None)
        segment.end(index)
        self.active -= 1

    def shrink(self, segment: Segment) -> None:
        """Give the space of ended subscriptions back where no claim points to it."""
        segment.compact()
        if not segment.ids and not segment.queued:
            place = self.segments.index(segment)
            del self.segments[place], self._firsts[place]
