"""Operations of the admin API on the hub as a whole."""

from typing import Any

from websubhub.standalone.admin.announcements import AnnouncementOperations
from websubhub.standalone.admin.parameters import read_limit, shown
from websubhub.standalone.ports import HubStore


class OverviewOperations:
    """Shows how the hub as a whole is doing.

    Args:
        store: The store.
        announcements: The operations on announced topics.
    """

    def __init__(self, store: HubStore, announcements: AnnouncementOperations) -> None:
        self._store = store
        self._announcements = announcements

    async def deliveries(self, parameters: dict[str, Any]) -> object:
        """Return the counts, the deliveries that will be retried, and the topics that could not be fetched."""
        limit = read_limit(parameters)
        failing = await self._store.broker.failing(limit=limit)
        return {
            "statistics": await self.statistics(parameters),
            "failing": [shown(one) for one in failing],
            "announcements": await self._announcements.failed(limit),
        }

    async def statistics(self, _: dict[str, Any]) -> object:
        """Return the current counts."""
        announcements = await self._store.announcements.statistics()
        return {**shown(await self._store.broker.statistics()), "announcements": shown(announcements)}
