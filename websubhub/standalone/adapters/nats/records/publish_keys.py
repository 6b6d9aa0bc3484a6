"""The keys under which updates were published, as a process knows them."""

import json
from collections import OrderedDict

from attrs import evolve, frozen

from websubhub import url_identity
from websubhub.standalone.adapters.nats.wire.names import short_hash
from websubhub.standalone.broker import publish_keys
from websubhub.standalone.ports import PublishKey


@frozen
class Use:
    """The use of an id by a publisher for a topic.

    Attributes:
        id: The id that the update got.
        used_at: When it was used.
        accepted: Whether the update is known to be stored.
    """

    id: str
    used_at: float
    accepted: bool


Uses = dict[str, Use]
"""The uses of one id for one topic, by publisher."""


def read_uses(data: bytes) -> Uses:
    """Return a stored record.

    Raises:
        ValueError, TypeError: The data is not such a record.
    """
    return {publisher: Use(*values) for publisher, values in json.loads(data or b"{}").items()}


def write_uses(uses: Uses) -> bytes:
    """Return the record of some uses."""
    return json.dumps({publisher: [use.id, use.used_at, use.accepted] for publisher, use in uses.items()}).encode()


def key_hash(key: PublishKey, topic: str) -> str:
    """Return the hash of a topic and an id that any publisher has given for it."""
    return short_hash(f"{url_identity(topic)}\0{key.id}")


def recent(uses: Uses, now: float) -> Uses:
    """Return the uses that are still remembered."""
    return {who: use for who, use in uses.items() if use.used_at > now - publish_keys.WINDOW_SECONDS}


def reserve(uses: Uses, key: PublishKey, topic: str, wanted: str, now: float) -> Uses:
    """Return the uses with a new one, under the wanted id unless another publisher has used it."""
    taken = any(use.id == wanted for use in uses.values())
    chosen = publish_keys.own_id(key, topic) if taken else wanted
    return uses | {key.publisher: Use(chosen, now, accepted=False)}


def accept(uses: Uses, key: PublishKey) -> Uses:
    """Return the uses with one marked as accepted."""
    use = uses.get(key.publisher)
    return uses if use is None else uses | {key.publisher: evolve(use, accepted=True)}


class KnownKeys:
    """The records of keys by subject, oldest first."""

    def __init__(self) -> None:
        self._uses: OrderedDict[str, Uses] = OrderedDict()

    def of(self, subject: str) -> Uses:
        """Return the uses in a record."""
        return self._uses.get(subject, {})

    def put(self, subject: str, uses: Uses) -> None:
        """Note the current content of a record."""
        if uses:
            self._uses[subject] = uses
        else:
            self._uses.pop(subject, None)

    def excess(self) -> list[str]:
        """Return the oldest records, which exceed the limit."""
        count = len(self._uses) - publish_keys.KEYS_LIMIT
        return [subject for subject, _ in zip(self._uses, range(count), strict=False)]
