"""The navigation that every page shows."""

import attrs


@attrs.frozen
class Entry:
    """A page in the navigation.

    Attributes:
        path: Its path.
        name: Its name.
        key: The key to press after ``g`` to open it.
    """

    path: str
    name: str
    key: str


NAVIGATION = (
    Entry("/", "Overview", "o"),
    Entry("/topics", "Topics", "t"),
    Entry("/subscriptions", "Subscriptions", "s"),
    Entry("/messages", "Messages", "m"),
    Entry("/attempts", "Failed attempts", "a"),
    Entry("/retries", "Retries", "r"),
    Entry("/dead-letters", "Dead letters", "d"),
    Entry("/hosts", "Hosts", "h"),
    Entry("/verifications", "Verifications", "v"),
    Entry("/announcements", "Announcements", "n"),
    Entry("/settings", "Settings", "e"),
    Entry("/live", "Live", "l"),
)
