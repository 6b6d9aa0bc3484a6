"""The kinds of events: a table with the level, sentence and fields of each."""

import logging
import re
from collections.abc import Callable
from enum import Enum

from attrs import field, frozen

_FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}")


def plural_of(noun: str) -> str:
    """Return the plural of a noun in a sentence."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


@frozen(kw_only=True)
class Shape:
    """How the events of one kind are logged.

    Attributes:
        level: The level of their log lines.
        sentence: The line for people, with its fields in braces. A number may have a noun: ``{attempts:attempt}``
            becomes "1 attempt" or "2 attempts".
        further: The fields that are not in the sentence.
        same: The fields that are equal in repetitions of an event; empty if no event counts as a repetition.
        fields: All fields.
    """

    level: int = logging.INFO
    sentence: str
    further: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    fields: tuple[str, ...] = field(init=False)

    @fields.default
    def _all_fields(self) -> tuple[str, ...]:
        return (*dict.fromkeys(name for name, _ in _FIELD.findall(self.sentence)), *self.further)

    def line(self, write: Callable[[str, str], str]) -> str:
        """Return the sentence, with what is written for the name and the noun of each field."""
        return _FIELD.sub(lambda found: write(found[1], found[2] or ""), self.sentence)


class Kind(Enum):
    """The kinds of events. A callback is named only by its host and port, since its URL is a credential.

    Attributes:
        shape: How its events are logged.
    """

    STARTED = Shape(
        sentence="websubhub {version} is serving {url} from {store} on {loop}.",
        further=("concurrency", "concurrency_per_host", "max_content_bytes", "max_backlog", "max_subscriptions"),
    )
    STOPPING = Shape(sentence="Stopping: finishing the requests in progress.")

    SUBSCRIBED = Shape(sentence="{host} subscribed to {topic} for {lease_seconds} s.")
    RENEWED = Shape(sentence="{host} renewed its subscription to {topic} for {lease_seconds} s.")
    UNSUBSCRIBED = Shape(sentence="{host} unsubscribed from {topic}.")
    EXPIRED = Shape(sentence="The lease of {host} for {topic} expired.")
    GONE = Shape(sentence="{host} answered 410 to {id}, which ended its subscription to {topic}.")
    REMOVED = Shape(sentence="An operator ended the subscription of {host} to {topic}: {reason}")
    DENIED = Shape(sentence="A request from {host} to {mode} to {topic} was denied: {reason}")
    VERIFICATION_UNANSWERED = Shape(
        sentence="{host} has not confirmed yet that it wants to {mode} to {topic}: {reason}",
        further=("status", "attempt", "retry_seconds"),
        same=("host", "reason"),
    )
    VERIFICATION_FAILED = Shape(
        sentence="{host} did not confirm that it wants to {mode} to {topic}: {reason}",
        further=("status", "attempt"),
    )
    SUBSCRIPTION_REFUSED = Shape(
        level=logging.WARNING,
        sentence="A request from {host} to {mode} to {topic} was answered with {status}: {reason}",
        same=("host", "status", "reason"),
    )

    PUBLISHED = Shape(
        sentence="Message {id} was published to {topic}: {size:byte} of {type} for {recipients:subscription}.",
        further=("publisher",),
    )
    PUBLISH_REFUSED = Shape(
        level=logging.WARNING,
        sentence="A publish to {topic} was answered with {status}: {reason}",
        same=("status", "reason"),
    )
    BACKLOG_FULL = Shape(
        level=logging.WARNING, sentence="A publish to {topic} was answered with 503: {reason}", same=("reason",)
    )
    STORE_FAILED = Shape(level=logging.WARNING, sentence="A request was answered with 503: {reason}", same=("reason",))
    STORE_AWAITED = Shape(
        level=logging.WARNING, sentence="An accepted request is waiting for the store: {reason}", same=("reason",)
    )
    STORE_LOST = Shape(
        level=logging.WARNING, sentence="The connection to the store was lost, and another is being made: {reason}"
    )
    STORE_FOUND = Shape(sentence="The store is connected again, after {seconds} s.")
    DISK_FULL = Shape(level=logging.ERROR, sentence="The store accepts nothing new: {reason}")
    SPACE_AGAIN = Shape(sentence="The store has space again.")

    ANNOUNCED = Shape(sentence="{topic} was announced and will be fetched.", same=("topic",))
    FETCHED = Shape(sentence="{topic} was fetched and has changed.")
    UNCHANGED = Shape(sentence="{topic} was fetched and has not changed.", same=("topic",))
    FETCH_FAILED = Shape(
        level=logging.WARNING,
        sentence="{topic}: {reason}",
        further=("status", "attempt", "dead"),
        same=("topic", "reason"),
    )

    ATTEMPT = Shape(
        level=logging.DEBUG,
        sentence="Attempt {attempt} to deliver {id} to {host} took {milliseconds} ms: {result}",
        further=("topic", "status"),
    )
    DEAD_LETTER = Shape(
        level=logging.WARNING,
        sentence="The hub gave up on delivering {id} to {host} after {attempts:attempt}: {reason}",
        further=("topic", "status"),
        same=("host", "reason"),
    )
    HOST_HELD_BACK = Shape(
        level=logging.WARNING,
        sentence="{host} is held back for {seconds} s, because {failures:delivery} in a row failed.",
        same=("host",),
    )
    HOST_RECOVERED = Shape(sentence="{host} is accepting deliveries again.", same=("host",))
    HOST_PAUSED = Shape(sentence="An operator paused the deliveries to {host}.")
    HOST_RESUMED = Shape(sentence="An operator resumed the deliveries to {host}.")

    def __init__(self, shape: Shape) -> None:
        self.shape: Shape = shape  # the same as ``value``, which takes longer

    @property
    def title(self) -> str:
        """The name of the kind, such as ``host_held_back``."""
        return self.name.lower()
