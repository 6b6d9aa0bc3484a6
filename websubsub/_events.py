"""Events of subscriptions, for the log and for an observer."""

import logging
from collections.abc import Callable
from enum import StrEnum

import attrs

log = logging.getLogger("websubsub")


class EventKind(StrEnum):
    """The kind of an event."""

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
    """An event of a subscription. It never contains the secret or the callback.

    Attributes:
        kind: What happened. ``resumed``: the subscription was found in the state. ``rejected``: a delivery was not
            accepted, for example because its signature is invalid or it is too large. ``refused``: a verification was
            not confirmed. ``failed``: the hub did not accept or verify a request, or the state could not be stored. The
            same failure is reported once an hour.
        topic: The topic, or the resource if a request failed before the topic was known.
        hub: The hub, or an empty string while it is unknown.
        reason: The reason in one sentence, if there is more to say.
        lease_seconds: The granted lease, in seconds.
        next_try: The time of the next attempt after a failure, in seconds since 1970 by the wall clock, or None if
            there is none.
        error: The error of a failure.
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
    """Logs events and passes them to an observer, whose errors are only logged.

    Args:
        observer: Called with every event. It must not block.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer

    def __call__(self, event: SubscriberEvent) -> None:
        """Report one event."""
        level = logging.WARNING if event.kind in _TROUBLE else logging.INFO
        # Topics and reasons come from others. They are quoted, so that a line break in them does not start a new line.
        log.log(level, "%s: topic %r, hub %r %s", event.kind, event.topic, event.hub, ascii(event.reason)[:300])
        if self._observer is None:
            return
        try:
            self._observer(event)
        except KeyboardInterrupt:
            raise
        except BaseException:
            log.exception("The observer failed.")
