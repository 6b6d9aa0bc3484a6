"""The events of a hub. Each becomes a log line, and the newest are kept in memory."""

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice

import anyio
from attrs import frozen

from websubhub.standalone.events.kinds import Kind, plural_of
from websubhub.standalone.events.printing import printable
from websubhub.standalone.events.repetitions import Fields, Repetitions, Value

log: logging.Logger = logging.getLogger("websubhub")

_KEPT = 2_000
_CHARACTERS = 500


@frozen(kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        id: Its number, greater than that of every earlier event, including those of earlier runs.
        at: When it happened, in seconds since 1970.
        name: The name of its kind, such as ``host_held_back``.
        level: Its level, such as ``warning``.
        text: What happened, in one line.
        fields: The same as values by name. ``more`` counts similar events that were not logged since the last one.
    """

    id: int
    at: float
    name: str
    level: str
    text: str
    fields: Fields


class Events:
    """Records what happens, for the log and for operators who watch. It is not thread-safe.

    Repeated events are counted instead of logged (see ``Repetitions``). Texts from others are cut and made printable.

    Args:
        clock: Returns the time, in seconds since 1970.
        kept: How many events to keep in memory.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, kept: int = _KEPT) -> None:
        self._clock = clock
        self._kept: deque[Event] = deque(maxlen=kept)
        self._repetitions = Repetitions()
        self._next = int(clock() * 1_000)
        self._recorded: anyio.Event | None = None

    @property
    def detailed(self) -> bool:
        """Whether every delivery attempt is logged."""
        return log.isEnabledFor(logging.DEBUG)

    def record(self, kind: Kind, /, **fields: Value) -> None:
        """Record an event with the fields of its kind.

        An event at level ``debug`` only goes to the log, and is not counted. Recording never raises: an event that
        cannot be recorded becomes an error in the log.
        """
        try:
            self._record(kind, {name: _clean(fields[name]) for name in kind.shape.fields})
        except Exception:
            log.exception("An event of the kind %s cannot be recorded.", kind.title)

    def _record(self, kind: Kind, fields: dict[str, Value]) -> None:
        if kind.shape.level <= logging.DEBUG:
            if log.isEnabledFor(kind.shape.level):
                _log(self._event(kind, fields, 0), kind.shape.level)
            return
        more = self._repetitions.admit(kind, fields, self._clock())
        if more is not None:
            self._tell(kind, fields, more)

    def tell_counted(self, *, everything: bool = False) -> None:
        """Report events that were only counted, once a minute has passed without reporting one like them.

        Args:
            everything: Whether to report them at once, because the hub is stopping.
        """
        for kind, fields, more in list(self._repetitions.left_over(self._clock(), everything=everything)):
            self._tell(kind, fields, more)

    def after(self, number: int, limit: int = 100) -> list[Event]:
        """Return the events with a greater number that are still kept, oldest first."""
        kept = self._kept
        newer = next((place for place, event in enumerate(kept) if event.id > number), len(kept))
        return list(islice(kept, newer, newer + limit))

    async def changed(self, number: int) -> None:
        """Return once there is an event with a greater number."""
        while not self._kept or self._kept[-1].id <= number:
            if self._recorded is None:
                self._recorded = anyio.Event()
            await self._recorded.wait()

    def _tell(self, kind: Kind, fields: Fields, more: int) -> None:
        event = self._event(kind, fields, more)
        self._kept.append(event)
        _log(event, kind.shape.level)
        if self._recorded is not None:
            recorded, self._recorded = self._recorded, None
            recorded.set()

    def _event(self, kind: Kind, fields: Fields, more: int) -> Event:
        self._next += 1
        shape, text = kind.shape, kind.shape.line(partial(_written, fields))
        return Event(
            id=self._next,
            at=self._clock(),
            name=kind.title,
            level=logging.getLevelName(shape.level).lower(),
            text=f"{text} ({more} more since the last line)" if more else text,
            fields={**fields, "more": more} if more else fields,
        )


def _log(event: Event, level: int) -> None:
    log.log(level, "%s", event.text, extra={"event": event})


def _written(fields: Fields, name: str, noun: str) -> str:
    value = fields[name]
    return f"{value} {noun if value == 1 else plural_of(noun)}" if noun else str(value)


def _clean(value: Value) -> Value:
    return printable(value, _CHARACTERS) if isinstance(value, str) else value
