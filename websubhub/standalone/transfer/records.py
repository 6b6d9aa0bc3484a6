"""The records of an export: the state that moves to another store, each as a JSON object."""

from collections.abc import Callable
from typing import Any

import attrs
from attrs import frozen

from websubhub.standalone.ports import DeliveryMode, FetchedTopic, Mode, PendingVerification, StoredSubscription, Topic
from websubhub.standalone.transfer import checks

_LONG = 4_096
_ENTRIES_MOST = 100_000


@frozen
class TopicRecord:
    """A topic and the result of its last fetch."""

    topic: Topic
    fetched: FetchedTopic | None = None


@frozen
class AnnouncedRecord:
    """A topic that is still to be fetched."""

    url: str


@frozen
class PausedRecord:
    """A host of callbacks that an operator paused."""

    host: str


Record = TopicRecord | StoredSubscription | PendingVerification | AnnouncedRecord | PausedRecord

_FETCHED: dict[str, checks.Check] = {
    "etag": checks.optional(checks.text(_LONG)),
    "last_modified": checks.optional(checks.text(_LONG)),
    "found_at": checks.text(_LONG),
    "digest": checks.text(_LONG),
    "message_id": checks.text(_LONG),
    "canonical": checks.optional(checks.url),
    "hubs": checks.many(checks.url, _LONG),
    "entries": checks.many(checks.text(_LONG), _ENTRIES_MOST),
    "fetched_at": checks.optional(checks.seconds),
}
_TOPIC: dict[str, checks.Check] = {
    "url": checks.url,
    "registered": checks.switch,
    "delivery_mode": checks.word([mode.value for mode in DeliveryMode]),
    "feed_diff": checks.switch,
    "fetched": checks.optional(lambda values: FetchedTopic(**checks.checked(values, _FETCHED, ()))),
}
_SUBSCRIPTION: dict[str, checks.Check] = {
    "topic": checks.url,
    "callback": checks.url,
    "secret": checks.optional(checks.text(_LONG)),
    "lease_seconds": checks.whole,
    "requested_at": checks.seconds,
}
_VERIFICATION: dict[str, checks.Check] = {
    "id": checks.text(_LONG),
    "mode": checks.word([mode.value for mode in Mode]),
    "topic": checks.url,
    "callback": checks.url,
    "secret": checks.optional(checks.text(_LONG)),
    "lease_seconds": checks.whole,
    "attempts": checks.whole,
    "due_at": checks.seconds,
    "reason": checks.text(_LONG),
}


def _topic(values: Any) -> TopicRecord:
    found = checks.checked(values, _TOPIC, ("url",))
    fetched = found.pop("fetched", None)
    mode = DeliveryMode(found.pop("delivery_mode", DeliveryMode.EVERY))
    return TopicRecord(Topic(**found, delivery_mode=mode), fetched)


def _subscription(values: Any) -> StoredSubscription:
    needed = ("topic", "callback", "lease_seconds", "requested_at")
    return StoredSubscription(**checks.checked(values, _SUBSCRIPTION, needed))


def _verification(values: Any) -> PendingVerification:
    found = checks.checked(values, _VERIFICATION, ("id", "mode", "topic", "callback", "due_at"))
    return PendingVerification(**found | {"mode": Mode(found["mode"])})


def _announced(values: Any) -> AnnouncedRecord:
    return AnnouncedRecord(checks.checked(values, {"url": checks.url}, ("url",))["url"])


def _paused(values: Any) -> PausedRecord:
    return PausedRecord(checks.checked(values, {"host": checks.host}, ("host",))["host"])


_READERS: dict[str, Callable[[Any], Record]] = {
    "topic": _topic,
    "subscription": _subscription,
    "verification": _verification,
    "announced": _announced,
    "paused": _paused,
}
_NAMES: dict[type[Record], str] = {
    TopicRecord: "topic",
    StoredSubscription: "subscription",
    PendingVerification: "verification",
    AnnouncedRecord: "announced",
    PausedRecord: "paused",
}
NAMES = tuple(_READERS)
"""The names of the kinds of records."""


def name_of(record: Record) -> str:
    """Return the name of the kind of a record."""
    return _NAMES[type(record)]


def as_json(record: Record) -> dict[str, Any]:
    """Return a record as a JSON object."""
    if isinstance(record, TopicRecord):
        fetched = None if record.fetched is None else attrs.asdict(record.fetched)
        return attrs.asdict(record.topic) | {"fetched": fetched}
    return attrs.asdict(record)


def read_record(name: str, values: Any) -> Record:
    """Return the record in a JSON object.

    Raises:
        ValueError: It is not a record. The message says why.
    """
    reader = _READERS.get(name)
    if reader is None:
        raise ValueError(f"{name[:20]} is not a kind of record")
    return reader(values)
