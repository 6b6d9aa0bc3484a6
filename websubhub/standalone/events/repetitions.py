"""Counting events that are too frequent to be logged one by one."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from attrs import define

from websubhub.standalone.events.kinds import Kind

Value = str | int | float | None
Fields = Mapping[str, Value]
_Subject = tuple[Kind, tuple[Value, ...]]

_SAME_SECONDS = 60.0
_AT_ONCE = 60.0
_PER_SECOND = 1.0
_SUBJECTS = 1_000


@define
class _Told:
    """When something was last logged, and what has not been logged since."""

    at: float
    untold: int = 0
    latest: Fields | None = None


@define
class _Allowance:
    """How many events of a kind may be logged now."""

    left: float = _AT_ONCE
    at: float = 0.0

    def take(self, now: float) -> bool:
        self.left = min(_AT_ONCE, self.left + max(now - self.at, 0.0) * _PER_SECOND)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Repetitions:
    """Lets an event through unless it repeats one from the last minute, or there were too many of its kind.

    Events that do not pass are counted, and the next one that passes says how many there were. A kind may log sixty
    lines at once and one per second after that, so that no flood fills a disk.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[_Subject, _Told] = OrderedDict()
        self._allowances: dict[Kind, _Allowance] = {}
        self._beyond: dict[Kind, _Told] = {}

    def admit(self, kind: Kind, fields: Fields, now: float) -> int | None:
        """Return how many events like this one were not logged since the last, or None if this one is only counted."""
        same = kind.shape.same
        told = self._told.get((kind, tuple(fields[name] for name in same))) if same else None
        if told is not None and now - told.at < _SAME_SECONDS:
            told.untold, told.latest = told.untold + 1, fields
            return None
        if not self._allowances.setdefault(kind, _Allowance(at=now)).take(now):
            beyond = self._beyond.setdefault(kind, _Told(now))
            beyond.untold, beyond.latest = beyond.untold + 1, fields
            return None
        return self._note(kind, fields, now)

    def _note(self, kind: Kind, fields: Fields, now: float) -> int:
        """Note that an event is logged, and return how many were not."""
        untold = beyond.untold if (beyond := self._beyond.pop(kind, None)) else 0
        if not kind.shape.same:
            return untold
        subject = kind, tuple(fields[name] for name in kind.shape.same)
        if told := self._told.pop(subject, None):
            untold += told.untold
        self._told[subject] = _Told(now)
        if len(self._told) > _SUBJECTS:
            (forgotten, _), dropped = self._told.popitem(last=False)
            if dropped.untold:
                beyond = self._beyond.setdefault(forgotten, _Told(now))
                beyond.untold, beyond.latest = beyond.untold + dropped.untold, dropped.latest
        return untold

    def left_over(self, now: float, *, everything: bool = False) -> Iterator[tuple[Kind, Fields, int]]:
        """Take out, for each run of events that were counted for a minute, the newest and how many more there were.

        Args:
            now: The time.
            everything: Whether to include runs shorter than a minute, because the hub is stopping.
        """
        of_one = [(kind, told) for (kind, _), told in self._told.items()]
        for kind, told in [*of_one, *self._beyond.items()]:
            if told.latest is not None and (everything or now - told.at >= _SAME_SECONDS):
                latest, more = told.latest, told.untold - 1
                told.at, told.untold, told.latest = now, 0, None
                yield kind, latest, more
