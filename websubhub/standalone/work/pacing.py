"""How soon each topic may be fetched again."""

from collections import OrderedDict
from collections.abc import Callable

_LONGEST_SECONDS = 60.0
_REMEMBERED_SECONDS = 600.0
_TOPICS = 20_000


class TopicPace:
    """Remembers how long topics are left alone: longer each time, while full fetches of one bring nothing new.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def until(self, topic: str) -> float:
        """Return when a topic may be fetched again; 0 for at once."""
        return self._rests.get(topic, (0.0, 0.0))[0]

    def rest(self, topic: str, seconds: float, *, longer: bool = False) -> None:
        """Leave a topic alone from now on.

        Args:
            topic: Its URL.
            seconds: For how long, at least.
            longer: Whether it was fetched in full for nothing, so that it rests twice as long as the last time.
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
