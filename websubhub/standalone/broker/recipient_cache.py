"""The callbacks and secrets that were read last."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

Recipient = tuple[str, str | None]
"""A callback, and the secret of its subscription or None."""

_RECIPIENTS = 16_384
_CHARACTERS = 4 * 1_048_576


class RecipientCache:
    """Callbacks and secrets by the number of their subscription, bounded by their number and by their length.

    Whoever changes a subscription must ``forget`` it as soon as that is durable. Nothing that was read before is put in
    afterwards, so that an old secret never outlives a new one.
    """

    def __init__(self) -> None:
        self._recipients: OrderedDict[int, Recipient] = OrderedDict()
        self._characters = 0
        self._readings: list[set[int]] = []

    def get(self, subscription: int) -> Recipient | None:
        """Return where a subscription is delivered to, if it is here."""
        recipient = self._recipients.get(subscription)
        if recipient is not None:
            self._recipients.move_to_end(subscription)
        return recipient

    @contextmanager
    def reading(self) -> Iterator[set[int]]:
        """Gives the subscriptions that change while the block reads: what it reads of them may be out of date."""
        changed: set[int] = set()
        self._readings.append(changed)
        try:
            yield changed
        finally:
            self._readings = [each for each in self._readings if each is not changed]

    def put(self, subscription: int, recipient: Recipient) -> None:
        """Keep what was read, evicting what was not asked for the longest."""
        self.forget(subscription)
        self._recipients[subscription] = recipient
        self._characters += _length(recipient)
        while len(self._recipients) > _RECIPIENTS or self._characters > _CHARACTERS:
            _, dropped = self._recipients.popitem(last=False)
            self._characters -= _length(dropped)

    def forget(self, subscription: int) -> None:
        """Drop what is known of a subscription, which has changed or ended."""
        for changed in self._readings:
            changed.add(subscription)
        known = self._recipients.pop(subscription, None)
        if known is not None:
            self._characters -= _length(known)


def _length(recipient: Recipient) -> int:
    return len(recipient[0]) + len(recipient[1] or "")
