"""Operations of the admin API on announced topics, as functions from JSON to JSON."""

from collections.abc import Callable
from typing import Any

from websubhub.standalone.admin.parameters import OperationError, read_ids, read_limit, read_number, shown
from websubhub.standalone.ports import Announcement, AnnouncementState, AnnouncementStore


class AnnouncementOperations:
    """Lists, replays and drops announcements.

    Args:
        announcements: The store of announcements.
        announced: Called when a topic is to be fetched.
    """

    def __init__(self, announcements: AnnouncementStore, announced: Callable[[], None]) -> None:
        self._announcements = announcements
        self._announced = announced

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of the announced topics that were not fetched, in one state or all."""
        after = read_number(parameters.get("after", 0), "after")
        try:
            state = AnnouncementState(parameters["state"]) if parameters.get("state") else None
        except ValueError:
            raise OperationError(400, f"state must be one of {', '.join(AnnouncementState)}.") from None
        page = await self._announcements.page(state=state, after=after, limit=read_limit(parameters))
        return {"announcements": [_shown(announcement) for announcement in page]}

    async def failed(self, limit: int) -> object:
        """Return the failing and the dead announcements, up to a number of each."""
        states = AnnouncementState.FAILING, AnnouncementState.DEAD
        pages = [await self._announcements.page(state=state, limit=limit) for state in states]
        return [_shown(announcement) for page in pages for announcement in page]

    async def replay(self, parameters: dict[str, Any]) -> object:
        """Fetch topics now, with all attempts ahead of them."""
        replayed = await self._announcements.replay(read_ids(parameters))
        self._announced()
        return {"replayed": replayed}

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Forget announcements."""
        return {"dropped": await self._announcements.drop(read_ids(parameters))}


def _shown(announcement: Announcement) -> dict[str, Any]:
    return {**shown(announcement), "state": announcement.state}
