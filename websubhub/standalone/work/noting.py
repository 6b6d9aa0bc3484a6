"""Noting the result of each fetch of a topic."""

from collections.abc import Awaitable, Callable

from websubhub import TopicFetchError
from websubhub.standalone.hub.last_fetches import FetchResult, LastFetch, LastFetches
from websubhub.standalone.work.refreshing import Refreshed

_OK, _NOT_MODIFIED = 200, 304


class NotedRefresh:
    """Fetches topics, and notes the result of each fetch.

    Args:
        refresh: Fetches a topic.
        fetches: Keeps the results.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self, refresh: Callable[[str], Awaitable[Refreshed]], fetches: LastFetches, clock: Callable[[], float]
    ) -> None:
        self._refresh = refresh
        self._fetches = fetches
        self._clock = clock

    async def __call__(self, topic: str) -> Refreshed:
        """Fetch a topic. The result and errors are the same as for ``TopicRefresher.refresh``."""
        try:
            found = await self._refresh(topic)
        except TopicFetchError as error:
            if not error.wait:  # otherwise no request was made
                self._note(topic, FetchResult.FAILED, error.status, error.reason)
            raise
        result = FetchResult.UPDATED if found is Refreshed.UPDATED else FetchResult.UNCHANGED
        self._note(topic, result, _NOT_MODIFIED if found is Refreshed.NOT_MODIFIED else _OK)
        return found

    def _note(self, topic: str, result: FetchResult, status: int, reason: str = "") -> None:
        fetch = LastFetch(attempted_at=self._clock(), result=result, status=status, reason=reason)
        self._fetches.note(topic, fetch)
