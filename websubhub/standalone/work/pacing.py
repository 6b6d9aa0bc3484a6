"""Limits on how soon a topic may be fetched again, and how soon the next request of a pair may be verified."""

from collections import OrderedDict
from collections.abc import Callable

_LONGEST_SECONDS = 60.0
_REMEMBERED_SECONDS = 600.0
_TOPICS = 20_000


class TopicPace:
    """Decides how long topics rest between fetches: longer each time while full fetches bring nothing new.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def until(self, topic: str) -> float:
        """Return when a topic may be fetched again, or 0 if it may be fetched at once."""
        return self._rests.get(topic, (0.0, 0.0))[0]

    def rest(self, topic: str, seconds: float, *, longer: bool = False) -> None:
        """Make a topic rest from now on.

        Args:
            topic: Its URL.
            seconds: For how long, at least.
            longer: Whether a full fetch brought nothing new, so that it rests twice as long as the last time.
        """
        now = self._clock()
        until, last = self._rests.pop(topic, (0.0, 0.0))
        if longer and last and until + _REMEMBERED_SECONDS > now:
            seconds = max(seconds, min(last * 2, _LONGEST_SECONDS))
        self._rests[topic] = now + seconds, seconds if longer else 0.0
        while self._rests and (len(self._rests) > _TOPICS or self._is_over(now)):
            self._rests.popitem(last=False)

    def _is_over(self, now: float) -> bool:
        until, _ = next(iter(self._rests.values()))
        return until + _REMEMBERED_SECONDS < now


Pair = tuple[str, str]


class PairPace:
    """Makes the hub verify the requests of a topic and callback one after the other, and not too often.

    Args:
        clock: A monotonic clock, in seconds.
        interval: The least seconds between two verifications.
    """

    def __init__(self, clock: Callable[[], float], interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._under_way: set[Pair] = set()
        self._asked: OrderedDict[Pair, float] = OrderedDict()
        self._held: dict[Pair, float] = {}

    def is_free(self, pair: Pair) -> bool:
        """Return whether a request of the pair may be verified now."""
        return pair not in self._under_way and pair not in self._asked and pair not in self._held

    def begin(self, pair: Pair) -> None:
        """Hold back other requests of the pair."""
        self._under_way.add(pair)
        self._asked[pair] = self._clock() + self._interval

    def end(self, pair: Pair) -> None:
        """Allow the next request of the pair, once the interval is over."""
        self._under_way.discard(pair)

    def hold(self, pair: Pair, seconds: float) -> None:
        """Hold back the requests of the pair for some seconds."""
        self._held[pair] = self._clock() + seconds

    def recover(self) -> None:
        """Remove the waits that are over."""
        now = self._clock()
        self._held = {pair: until for pair, until in self._held.items() if until > now}
        while self._asked and next(iter(self._asked.values())) <= now:
            self._asked.popitem(last=False)

    def wait(self, most: float) -> float:
        """Return the seconds until the interval of some pair is over, but at most ``most``."""
        if not self._asked:
            return most
        return min(max(next(iter(self._asked.values())) - self._clock(), 0.0), most)
