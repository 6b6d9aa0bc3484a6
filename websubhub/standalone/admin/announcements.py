"""Operations of the admin API on announced topics."""

from collections.abc import Callable
from typing import Any

from websubhub.standalone.admin.cursors import next_cursor, read_cursor
from websubhub.standalone.admin.parameters import (
    OperationError,
    read_ids,
    read_limit,
    read_number,
    shown,
    unknown_ids,
)
from websubhub.standalone.ports import Announcement, AnnouncementState, AnnouncementStore


class AnnouncementOperations:
    """Lists, replays and drops announcements.

    Args:
        announcements: The store of announcements.
        announced: Called when a topic should be fetched.
    """

    def __init__(self, announcements: AnnouncementStore, announced: Callable[[], None]) -> None:
        self._announcements = announcements
        self._announced = announced

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of the announced topics that have not been fetched, in one state or in all."""
        limit, cursor = read_limit(parameters), read_cursor(parameters, int)
        after = cursor[0] if cursor else read_number(parameters.get("after") or 0, "after")
        try:
            state = AnnouncementState(parameters["state"]) if parameters.get("state") else None
        except ValueError:
            raise OperationError(400, f"state must be one of {', '.join(AnnouncementState)}.") from None
        page = await self._announcements.page(state=state, after=after, limit=limit)
        return {
            "announcements": [shown_announcement(announcement) for announcement in page],
            "next": next_cursor(page, limit, page[-1].id) if page else None,
        }

    async def failed(self, limit: int) -> object:
        """Return the failing and the dead announcements, up to a limit for each."""
        states = AnnouncementState.FAILING, AnnouncementState.DEAD
        pages = [await self._announcements.page(state=state, limit=limit) for state in states]
        return [shown_announcement(announcement) for page in pages for announcement in page]

    async def replay(self, parameters: dict[str, Any]) -> object:
        """Fetch topics now, starting over with the first attempt."""
        ids = read_ids(parameters)
        known = await self._announcements.known(ids)
        replayed = await self._announcements.replay(sorted(known)) if known else 0
        self._announced()
        return {"replayed": replayed, "unknown": unknown_ids(ids, known)}

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Drop announcements."""
        ids = read_ids(parameters)
        known = await self._announcements.known(ids)
        dropped = await self._announcements.drop(sorted(known)) if known else 0
        return {"dropped": dropped, "unknown": unknown_ids(ids, known)}


def shown_announcement(announcement: Announcement) -> dict[str, Any]:
    """Return an announcement as a JSON object."""
    return {**shown(announcement), "state": announcement.state}
