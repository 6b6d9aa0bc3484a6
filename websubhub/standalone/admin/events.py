"""Operations of the admin API on events."""

from collections.abc import AsyncIterator
from typing import Any

import anyio

from websubhub.standalone.admin.parameters import iso_time, read_limit, read_number, read_text
from websubhub.standalone.events.events import Event, Events

_ALL = 100_000
_AT_ONCE = 100


class EventOperations:
    """Shows the newest events, and follows new ones.

    Args:
        events: The events.
    """

    def __init__(self, events: Events) -> None:
        self._events = events

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return the newest events, or the first ones after a given id, oldest first."""
        limit, name, topic = read_limit(parameters), read_text(parameters, "name"), read_text(parameters, "topic")
        after = read_text(parameters, "after")
        found = [
            event
            for event in self._events.after(0 if after is None else read_number(after, "after"), _ALL)
            if name in {None, event.name} and topic in {None, event.fields.get("topic")}
        ]
        page = found[-limit:] if after is None else found[:limit]
        more = after is not None and len(found) > limit
        return {"events": [shown_event(event) for event in page], "next": str(page[-1].id) if more else None}

    @property
    def newest(self) -> int:
        """The id of the newest event, or 0."""
        events = self._events.after(0, _ALL)
        return events[-1].id if events else 0

    async def follow(self, after: int, *, quiet_seconds: float) -> AsyncIterator[dict[str, Any] | None]:
        """Yield each event after this id as it happens, and None whenever nothing happens for a while.

        Args:
            after: The id of the last known event.
            quiet_seconds: How long to wait before yielding None.
        """
        while True:
            with anyio.move_on_after(quiet_seconds) as patience:
                await self._events.changed(after)
            if patience.cancelled_caught:
                yield None
            for event in self._events.after(after, _AT_ONCE):
                after = event.id
                yield shown_event(event)


def shown_event(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return {
        "id": event.id,
        "at": iso_time(event.at),
        "name": event.name,
        "level": event.level,
        "text": event.text,
        "fields": dict(event.fields),
    }
