"""References to things that addresses must not reveal: a subscription, a shared link, a notice."""

from collections.abc import Callable

import attrs

from websubhub.standalone.admin.dashboard.access.sealing import Sealing

_NOTICE_SECONDS = 60


@attrs.frozen(kw_only=True)
class SharedLink:
    """A shared link to one subscription or one topic.

    Attributes:
        topic: The topic URL.
        callback: The callback of the subscription that it shows, or None if it shows the topic.
        until: When it expires, in seconds since 1970.
    """

    topic: str
    callback: str | None = attrs.field(default=None, repr=False)
    until: float


class References:
    """Makes references, and reads them.

    Args:
        key: The key of the hub. References and links become invalid when it changes.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        self._subscriptions = Sealing(key, "subscription")
        self._callbacks = Sealing(key, "callback")
        self._shared = Sealing(key, "shared link")
        self._cursors = Sealing(key, "cursor")
        self._notices = Sealing(key, "notice")
        self._clock = clock

    def to_subscription(self, topic: str, callback: str) -> str:
        """Return the reference to a subscription."""
        return self._subscriptions.seal([topic, callback])

    def subscription(self, text: str) -> tuple[str, str] | None:
        """Return the topic and callback of a reference, or None if this hub did not make it."""
        value = self._subscriptions.open(text)
        return (value[0], value[1]) if isinstance(value, list) else None

    def to_callback(self, callback: str) -> str:
        """Return the reference to a callback, of any topic."""
        return self._callbacks.seal(callback)

    def callback(self, text: str) -> str | None:
        """Return the callback of a reference, or None if this hub did not make it."""
        value = self._callbacks.open(text)
        return value if isinstance(value, str) else None

    def to_cursor(self, cursor: str) -> str:
        """Return the reference to the next page of a list. Its cursor may contain a callback."""
        return self._cursors.seal(cursor)

    def cursor(self, text: str) -> str | None:
        """Return the cursor of a reference, or None if this hub did not make it."""
        value = self._cursors.open(text)
        return value if isinstance(value, str) else None

    def to_shared(self, link: SharedLink) -> str:
        """Return the reference in a shared link."""
        return self._shared.seal([link.topic, link.callback, link.until])

    def shared(self, text: str) -> SharedLink | None:
        """Return what a shared link shows, or None if it has expired or is not from this hub."""
        value = self._shared.open(text)
        if not isinstance(value, list) or self._clock() >= value[2]:
            return None
        return SharedLink(topic=value[0], callback=value[1], until=value[2])

    def to_notice(self, sentence: str) -> str:
        """Return the reference to a sentence for the next page to show."""
        return self._notices.seal([sentence, self._clock() + _NOTICE_SECONDS])

    def notice(self, text: str) -> str:
        """Return the sentence of a reference, or an empty string if it has expired."""
        value = self._notices.open(text)
        return str(value[0]) if isinstance(value, list) and self._clock() < value[1] else ""
