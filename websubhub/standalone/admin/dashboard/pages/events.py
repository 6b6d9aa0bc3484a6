"""The page of the live tail, which shows what is happening right now."""

from typing import Any

from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations

_SECTION = "/live"
_SHOWN = 100
_LEVELS = ("debug", "info", "warning", "error")


class EventPages:
    """Shows the newest events.

    Args:
        operations: The operations of the admin API.
    """

    def __init__(self, operations: Operations) -> None:
        self._events = operations.events

    async def live(self, visit: Visit) -> View:
        """Show the newest events, newest first: all, or those at or above a level."""
        level = visit.field("level")
        found = await answer_of(self._events.page, {"limit": 1_000})
        events = [event for event in reversed(found["events"]) if is_of_level(event, level)]
        newest = found["events"][-1]["id"] if found["events"] else 0
        values = {"events": events[:_SHOWN], "newest": newest, "level": level if level in _LEVELS else ""}
        return View(template="live.html", values=values, section=_SECTION)


def is_of_level(event: dict[str, Any], lowest: str) -> bool:
    """Return whether an event is at or above this level. An unknown level includes all events."""
    known = lowest in _LEVELS and event["level"] in _LEVELS
    return not known or _LEVELS.index(event["level"]) >= _LEVELS.index(lowest)
