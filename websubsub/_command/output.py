"""Output of events: JSON for programs, one line each for people."""

import base64
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from _websub.grammar.media import ContentError
from websubsub._command.titles import entries, unpacked
from websubsub._events import SubscriberEvent
from websubsub._messages import ContentDistributionMessage

_TEXT_LIMIT = 100
_TITLES = 3
_REMEMBERED = 10_000
_TEXTS = ("text/", "application/json", "application/x-www-form-urlencoded")
_UNITS = ((1024 * 1024, "MB"), (1024, "kB"))

Clock = Callable[[], float]


class JsonLines:
    """Prints one JSON object for each event."""

    def event(self, event: SubscriberEvent) -> None:
        """Print what happened to a subscription."""
        extras: dict[str, Any] = {"reason": event.reason or None, "lease_seconds": event.lease_seconds}
        if event.next_try is not None:
            extras["next_try"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event.next_try))
        shown = {name: value for name, value in extras.items() if value is not None}
        self._print(event=event.kind.value, topic=event.topic, hub=event.hub, **shown)

    def notification(self, message: ContentDistributionMessage) -> None:
        """Print a delivery."""
        self._print(
            event="notification",
            topic=message.topic,
            hub=message.hub,
            content_type=message.content_type,
            body_base64=base64.b64encode(message.body).decode(),
        )

    @staticmethod
    def _print(**fields: object) -> None:
        print(json.dumps(fields), flush=True)


class TextLines:
    """Prints one readable line for each event.

    Args:
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def event(self, event: SubscriberEvent) -> None:
        """Print what happened to a subscription."""
        parts = [event.kind.value, event.topic]
        if event.reason:
            parts.append(event.reason)
        if event.lease_seconds is not None:
            parts.append(f"for {_duration(event.lease_seconds)}")
        if event.next_try is not None:
            parts.append(f"Next try at {time.strftime('%H:%M:%S', time.localtime(event.next_try))}.")
        self._print(*parts)

    def notification(self, message: ContentDistributionMessage) -> None:
        """Print a delivery: topic, type and size, and the new titles of a feed or the first line of a text."""
        kind = message.content_type.partition(";")[0].strip() or "no type"
        self._print("notification", message.topic, kind, _size(len(message.body)), self._summary(message))

    def _summary(self, message: ContentDistributionMessage) -> str:
        read = unpacked(message)
        if read is None:
            return ""
        titles = self._new_titles(read)
        if titles is not None:
            more = f"; {len(titles) - _TITLES} more" if len(titles) > _TITLES else ""
            return "; ".join(title[:_TEXT_LIMIT] for title in titles[:_TITLES]) + more
        if not read.content_type.lower().startswith(_TEXTS):
            return ""
        try:
            text = read.text()
        except ContentError:
            return ""
        return next((line.strip() for line in text.splitlines() if line.strip()), "")[:_TEXT_LIMIT]

    def _new_titles(self, message: ContentDistributionMessage) -> list[str] | None:
        """Return the titles of the entries that were not shown before, or None if the delivery is not a feed."""
        found = entries(message)
        if found is None:
            return None
        new: list[str] = []
        for identity, title in found:
            key = message.topic, identity
            if key not in self._seen:
                new.append(title)
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return new

    def _print(self, *parts: str) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        print("  ".join([at, *(_visible(part) for part in parts if part)]), flush=True)


def _visible(text: str) -> str:
    """Return the text without control characters for the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _size(count: int) -> str:
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def _duration(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds} seconds"
