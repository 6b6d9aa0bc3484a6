"""What happens to subscriptions, told to whoever wants to watch."""

import logging
from collections.abc import Callable
from enum import StrEnum

import attrs

log = logging.getLogger("websubsub")


class EventKind(StrEnum):
    """What happened."""

    SUBSCRIBED = "subscribed"
    RESUMED = "resumed"
    RENEWED = "renewed"
    REJECTED = "rejected"
    REFUSED = "refused"
    DENIED = "denied"
    HUB_ERROR = "hub-error"
    FAILED = "failed"
    UNSUBSCRIBED = "unsubscribed"


@attrs.frozen(kw_only=True)
class SubscriberEvent:
    """Something that happened to a subscription; never with its secret or its callback.

    Attributes:
        kind: What happened: ``resumed`` is a subscription that the state still had, ``rejected`` a delivery that was
            not taken, as its signature proves nothing or it is too large, ``refused`` a verification that was not
            confirmed, ``failed`` a request that the hub did not take or did not verify, or state that was not kept. The
            same failure is told once an hour.
        topic: The topic; of a request that failed before it was known, the resource.
        hub: The hub, empty while it is not known.
        reason: Why, in one sentence, where there is more to say.
        lease_seconds: The lease that was granted.
        next_try: When what failed is tried again, in seconds since 1970 by the wall clock; None when it is not.
        error: What failed.
    """

    kind: EventKind
    topic: str
    hub: str = ""
    reason: str = ""
    lease_seconds: int | None = None
    next_try: float | None = None
    error: Exception | None = attrs.field(default=None, eq=False)


Observer = Callable[[SubscriberEvent], None]

_TROUBLE = frozenset({EventKind.REJECTED, EventKind.REFUSED, EventKind.DENIED, EventKind.HUB_ERROR, EventKind.FAILED})


class Reporter:
    """Logs events and hands them to an observer, whose own failures stay with it.

    Args:
        observer: Called with every event, at once; it must not block.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer

    def __call__(self, event: SubscriberEvent) -> None:
        """Report one event."""
        level = logging.WARNING if event.kind in _TROUBLE else logging.INFO
        # Topics and reasons come from outside: quoted, a line break in them starts no line of its own.
        log.log(level, "%s: topic %r, hub %r %s", event.kind, event.topic, event.hub, ascii(event.reason)[:300])
        if self._observer is None:
            return
        try:
            self._observer(event)
        except KeyboardInterrupt:
            raise
        except BaseException:
            log.exception("The observer failed.")
