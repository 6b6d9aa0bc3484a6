"""The subscriptions of a topic in columns, about 35 bytes each, with their positions in the topic's log."""

from array import array
from bisect import bisect_right
from itertools import compress
from operator import attrgetter
from struct import Struct

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.states import ENDED, IDLE, READY, UPDATED

_SIZE = 4096
_AHEAD = 2**62
_ENDED_BEFORE_COMPACTION = 64

# Most hubs have many topics with a few subscriptions each. So segments share empty columns, and the subscriptions of an
# idle topic are packed into a few bytes.
_FEW = 16
_ROW = Struct("qqqd")
_RESTING = bytes((IDLE, ENDED))
_NEVER = array("d", bytes(8 * _SIZE))
_NO_LETTERS: dict[int, list[tuple[int, int]]] = {}
_FIRST = attrgetter("first")


class Segment:
    """Up to 4,096 subscriptions of one topic by ascending number, in columns of equal length.

    Attributes:
        ids: The numbers of the subscriptions.
        states: One byte each, as in ``states``.
        positions: The sequence number of the last update that each one has.
        hosts: The keys of their hosts.
        expiries: When their leases end.
        dues: When the scheduled retry is due, or 0 if no attempt at the next update has failed. Change it with
            ``fail``.
        attempted: When the last failed attempt was made. Change it with ``fail``.
        first: A lower bound of the numbers in it.
        claimed: How many are IN_FLIGHT, or were when they ended.
        ended: How many are ENDED.
        queued: Whether the segment is in the queue of its topic.
        cursor: Where the search for the next READY one starts.
    """

    __slots__ = (
        "attempted", "claimed", "cursor", "dues", "ended", "expiries", "first", "hosts", "ids", "positions", "queued",
        "states",
    )  # fmt: skip

    def __init__(self, first: int = 0, packed: bytes = b"") -> None:
        numbers = array("q", packed)
        self.ids: array[int] = numbers[0::4]
        self.positions: array[int] = numbers[1::4]
        self.hosts: array[int] = numbers[2::4]
        self.expiries: array[float] = array("d", packed)[3::4]
        self.states: bytearray = bytearray(len(self.ids))
        self.dues: array[float] = _NEVER
        self.attempted: array[float] = _NEVER
        self.first: int = first
        self.claimed: int = 0
        self.ended: int = 0
        self.queued: bool = False
        self.cursor: int = 0

    def append(self, subscription: int, position: int, host: int, expires_at: float, *, state: int) -> None:
        """Add a subscription, whose number is above all others."""
        self.ids.append(subscription)
        self.states.append(state)
        self.positions.append(position)
        self.hosts.append(host)
        self.expiries.append(expires_at)
        if self.dues is not _NEVER:
            self.dues.append(0.0)
            self.attempted.append(0.0)

    def pack(self) -> bytes | None:
        """Return the subscriptions as bytes if they are few and idle and nothing points into the segment, else None."""
        if len(self.ids) > _FEW or self.claimed or self.queued or self.states.strip(_RESTING):
            return None
        rows = zip(self.states, self.ids, self.positions, self.hosts, self.expiries, strict=True)
        return b"".join(_ROW.pack(*row) for state, *row in rows if state == IDLE)

    def fail(self, index: int, *, attempted: float | None = None, due: float | None = None) -> None:
        """Note when an attempt failed, when the next one is due, or both."""
        if self.dues is _NEVER:
            self.dues, self.attempted = _NEVER[: len(self.ids)], _NEVER[: len(self.ids)]
        if attempted is not None:
            self.attempted[index] = attempted
        if due is not None:
            self.dues[index] = due

    def index(self, subscription: int) -> int:
        """Return the index of a subscription, or -1."""
        index = bisect_right(self.ids, subscription) - 1
        return index if index >= 0 and self.ids[index] == subscription else -1

    def has(self, subscription: int, index: int) -> bool:
        """Return whether a subscription is still at an index that it had before."""
        return index < len(self.ids) and self.ids[index] == subscription

    def published(self) -> None:
        """Make IDLE subscriptions READY, and RETRY_WAITING ones RETRY_EARLY."""
        self.states = self.states.translate(UPDATED)

    def end(self, index: int) -> None:
        """End a subscription, which is owed nothing from now on."""
        self.states[index] = ENDED
        self.positions[index] = _AHEAD
        self.ended += 1

    def oldest(self) -> int:
        """Return the position of the subscription that is furthest behind."""
        return min(self.positions, default=_AHEAD)

    def compact(self) -> None:
        """Free the space of ended subscriptions once there are many and no claim points into the segment."""
        if self.claimed or self.ended < _ENDED_BEFORE_COMPACTION or self.ended * 2 < len(self.ids):
            return
        kept = bytes(state != ENDED for state in self.states)
        for name in ("ids", "positions", "hosts"):
            setattr(self, name, array("q", compress(getattr(self, name), kept)))
        for name in ("expiries",) if self.dues is _NEVER else ("expiries", "dues", "attempted"):
            setattr(self, name, array("d", compress(getattr(self, name), kept)))
        self.states = bytearray(compress(self.states, kept))
        self.cursor = self.ended = 0


class TopicLog:
    """The log of one topic: the sequence number of its newest update, and the positions of its subscriptions.

    Attributes:
        number: The number of the topic.
        mode: The updates that a subscription gets when it has fallen behind.
        head: The sequence number of the newest update.
        published_at: When that was published, or 0 if never.
        active: How many subscriptions have not ended.
        waiting: How many deliveries are owed.
        queue: The segments that may have READY or RETRY_EARLY subscriptions.
        turning: Whether the topic is in the ring of topics that take turns.
        letters: The dead letters to replay, as number and update, by the number of the subscription. Change it with
            the methods below.
    """

    __slots__ = (
        "_packed", "_segments", "active", "head", "letters", "mode", "number", "published_at", "queue", "turning",
        "waiting",
    )  # fmt: skip

    def __init__(self, number: int, mode: DeliveryMode, head: int) -> None:
        self.number: int = number
        self.mode: DeliveryMode = mode
        self.head: int = head
        self.published_at: float = 0.0
        self.active: int = 0
        self.waiting: int = 0
        self.turning: bool = False
        self.queue: tuple[Segment, ...] = ()
        self._segments: tuple[Segment, ...] = ()
        self._packed = b""
        self.letters: dict[int, list[tuple[int, int]]] = _NO_LETTERS

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The subscriptions."""
        if self._packed:
            self._segments, self._packed = (Segment(packed=self._packed),), b""
        return self._segments

    def pack(self) -> None:
        """Keep the subscriptions in as little space as possible until they are needed, if they are few and idle.

        No caller may hold a reference to a segment.
        """
        if len(self._segments) == 1 and not self.letters:
            packed = self._segments[0].pack()
            if packed is not None:
                self._segments, self._packed = (), packed

    def append(self, subscription: int, position: int, host: int, expires_at: float) -> int:
        """Add a subscription, whose number is above all others. Return how many updates it is owed."""
        self.active += 1
        behind = position < self.head
        if not (behind or self._segments) and len(self._packed) < _FEW * _ROW.size:
            self._packed += _ROW.pack(subscription, position, host, expires_at)
            return 0
        if not self.segments or len(self._segments[-1].ids) >= _SIZE:
            self._segments += (Segment(subscription if self._segments else 0),)
        segment = self._segments[-1]
        segment.append(subscription, position, host, expires_at, state=READY if behind else IDLE)
        if behind:
            self.enqueue(segment)
        return self.owed(segment, -1)

    def find(self, subscription: int) -> tuple[Segment, int] | None:
        """Return the place of a subscription, or None if it has ended."""
        segments = self.segments
        if not segments:
            return None
        # One below all lower bounds is in no segment, so the first one may say so.
        segment = segments[bisect_right(segments, subscription, lo=1, key=_FIRST) - 1]
        index = segment.index(subscription)
        return None if index < 0 or segment.states[index] == ENDED else (segment, index)

    def enqueue(self, segment: Segment) -> None:
        """Queue a segment to be searched for READY subscriptions."""
        if not segment.queued:
            segment.queued = True
            self.queue += (segment,)

    def publish(self, sequence: int, now: float) -> None:
        """Owe every subscription one more update."""
        self.head = sequence
        self.published_at = now
        for segment in self.segments:
            segment.published()
            if not segment.queued:
                self.enqueue(segment)

    def owed(self, segment: Segment, index: int) -> int:
        """Return how many updates a subscription is owed."""
        behind = self.head - segment.positions[index]
        return min(behind, 1) if self.mode is DeliveryMode.LATEST else behind

    def owes_nothing(self, segment: Segment, index: int) -> bool:
        """Return whether a subscription has every update and no dead letter to replay."""
        return segment.positions[index] >= self.head and segment.ids[index] not in self.letters

    def add_letter(self, subscription: int, letter: int, sequence: int, *, first: bool = False) -> None:
        """Queue a dead letter to be replayed, after the others of its subscription or before them."""
        if not self.letters:
            self.letters = {}
        letters = self.letters.setdefault(subscription, [])
        if (letter, sequence) not in letters:
            letters.insert(0 if first else len(letters), (letter, sequence))

    def forget_letter(self, subscription: int, letter: int) -> None:
        """Remove a dead letter from those to replay."""
        self._keep_letters(subscription, [pair for pair in self.letters.get(subscription, ()) if pair[0] != letter])

    def take_letter(self, subscription: int) -> tuple[int, int] | None:
        """Remove the next dead letter to replay, and return its number and that of its update, or None."""
        letters = self.letters.get(subscription)
        if not letters:
            return None
        self._keep_letters(subscription, letters[1:])
        return letters[0]

    def _keep_letters(self, subscription: int, letters: list[tuple[int, int]]) -> None:
        if letters:
            self.letters[subscription] = letters
        else:
            self.letters.pop(subscription, None)
            self.letters = self.letters or _NO_LETTERS

    def end(self, segment: Segment, index: int) -> None:
        """End a subscription."""
        self._keep_letters(segment.ids[index], [])
        segment.end(index)
        self.active -= 1

    def shrink(self, segment: Segment) -> None:
        """Free the space of ended subscriptions that no claim points to."""
        segment.compact()
        if not segment.ids and not segment.queued:
            self._segments = tuple(each for each in self._segments if each is not segment)
