"""A cache of the most recently read callbacks and secrets."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

Recipient = tuple[str, str | None]
"""A callback, and the secret of its subscription, or None."""

_RECIPIENTS = 16_384
_CHARACTERS = 4 * 1_048_576


class RecipientCache:
    """Callbacks and secrets by the number of their subscription, limited in number and length.

    Call ``forget`` for a changed subscription as soon as the change is durable. Data read before that is not cached
    afterwards, so that an old secret never outlives a new one.
    """

    def __init__(self) -> None:
        self._recipients: OrderedDict[int, Recipient] = OrderedDict()
        self._characters = 0
        self._readings: list[set[int]] = []

    def get_all(self, subscriptions: Sequence[int]) -> list[Recipient] | None:
        """Return the callbacks and secrets of subscriptions, or None if they are not all cached."""
        found = list(map(self._recipients.get, subscriptions))
        if not all(found):
            return None
        for subscription in subscriptions:
            self._recipients.move_to_end(subscription)
        return cast("list[Recipient]", found)

    def drop(self, subscription: int) -> None:
        """Drop the data of a subscription, if it is cached."""
        recipient = self._recipients.pop(subscription, None)
        if recipient is not None:
            self._characters -= _length(recipient)

    @contextmanager
    def reading(self) -> Iterator[set[int]]:
        """Yield the set of subscriptions that change during the block, whose data may be outdated when it is read."""
        changed: set[int] = set()
        self._readings.append(changed)
        try:
            yield changed
        finally:
            self._readings = [each for each in self._readings if each is not changed]

    def put(self, subscription: int, recipient: Recipient) -> None:
        """Cache a callback and secret, and evict the least recently used ones above the limits."""
        self.forget(subscription)
        self._recipients[subscription] = recipient
        self._characters += _length(recipient)
        while len(self._recipients) > _RECIPIENTS or self._characters > _CHARACTERS:
            _, dropped = self._recipients.popitem(last=False)
            self._characters -= _length(dropped)

    def forget(self, subscription: int) -> None:
        """Drop the cached data of a subscription that has changed or ended."""
        for changed in self._readings:
            changed.add(subscription)
        self.drop(subscription)


def _length(recipient: Recipient) -> int:
    return len(recipient[0]) + len(recipient[1] or "")
