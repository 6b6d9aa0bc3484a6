"""The last fetch of each topic, successful or not."""

from collections import OrderedDict
from enum import StrEnum

import attrs

from websubhub import url_identity

_KEPT = 10_000


class FetchResult(StrEnum):
    """The result of a fetch."""

    UPDATED = "updated"
    """The content was new, and was published."""
    UNCHANGED = "unchanged"
    """The content was not new."""
    FAILED = "failed"
    """The topic could not be fetched."""


@attrs.frozen(kw_only=True)
class LastFetch:
    """The last fetch of a topic.

    Attributes:
        attempted_at: When it ended, in seconds since 1970, or None if that is unknown.
        result: Its result.
        status: The status of the last response, or 0 if there was none.
        reason: Why it failed, in one sentence, or an empty string.
    """

    attempted_at: float | None
    result: FetchResult
    status: int
    reason: str = ""


class LastFetches:
    """The last fetches by topic, in memory. Above a limit, the oldest are removed."""

    def __init__(self) -> None:
        self._fetches: OrderedDict[str, LastFetch] = OrderedDict()

    def note(self, topic: str, fetch: LastFetch) -> None:
        """Keep the last fetch of a topic."""
        identity = url_identity(topic)
        self._fetches[identity] = fetch
        self._fetches.move_to_end(identity)
        if len(self._fetches) > _KEPT:
            self._fetches.popitem(last=False)

    def of(self, topic: str) -> LastFetch | None:
        """Return the last fetch of a topic, or None if it is not known."""
        return self._fetches.get(url_identity(topic))
