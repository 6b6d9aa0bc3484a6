"""The content of updates, prepared once for all deliveries of an update."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from websubhub import ContentDistributionMessage, Delivery, DeliveryOutcome, SharedContent
from websubhub.standalone.ports import ANSWER_BYTES, Update

_KEPT = 64
_BYTES_KEPT = 16 * 1_048_576


class Distributor(Protocol):
    """Prepares messages and sends them: a ``ContentDistributor``, or a wrapper around one."""

    def prepare(
        self, message: ContentDistributionMessage, topic: str, *, error_body_bytes: int = 0, timed: bool = False
    ) -> SharedContent:
        """Return the content that all subscribers of a topic get."""
        ...

    async def send(
        self, deliveries: Iterable[Delivery | None], settled: Callable[[Delivery, DeliveryOutcome], None]
    ) -> None:
        """Make deliveries, and call ``settled`` once for each. After None, ask again after the next outcome."""
        ...


class Contents:
    """A cache of the contents of the most recently delivered updates.

    Args:
        distributor: Prepares and sends them.

    Attributes:
        timed: Whether to measure how long successful deliveries take.
    """

    def __init__(self, distributor: Distributor) -> None:
        self._distributor = distributor
        self._kept: OrderedDict[tuple[str, str, float], SharedContent] = OrderedDict()
        self._bytes = 0
        self.timed = False

    def of(self, update: Update) -> SharedContent:
        """Return the content of an update, and evict the oldest ones above a limit."""
        key = (update.id, update.topic, update.published_at)  # publishers may use an id for several updates
        content = self._kept.get(key)
        if content is None:
            content = self._kept[key] = self._make(update)
            self._bytes += len(content.body)
            while len(self._kept) > 1 and (len(self._kept) > _KEPT or self._bytes > _BYTES_KEPT):
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.body)
        return content

    def _make(self, update: Update) -> SharedContent:
        message = ContentDistributionMessage(
            content=update.content,
            content_type=update.content_type,
            hubs=update.hubs,
            topic=update.canonical or update.topic,
            message_id=update.id,
            headers=trace_headers(update.trace),
        )
        return self._distributor.prepare(message, update.topic, error_body_bytes=ANSWER_BYTES, timed=self.timed)


def trace_headers(trace: str) -> list[tuple[str, str]]:
    """Return the headers that name the trace of an update."""
    parent, _, state = trace.partition(" ")
    return [(name, value) for name, value in (("traceparent", parent), ("tracestate", state)) if value]
