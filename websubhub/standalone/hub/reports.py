"""Reporting the results of requests as events, and the store's errors to clients without details."""

from websubhub import (
    RequestPostponedError,
    Subscription,
    Unsubscription,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
    authority_of,
)
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.hub.space import Space
from websubhub.standalone.ports import HubStore, Mode, StoreError

_STORE_SECONDS = 10.0


class Reports:
    """Records the results of requests.

    Args:
        events: Where to record them.
        store: The store.

    Attributes:
        space: Notes when the store is full.
    """

    def __init__(self, events: Events, store: HubStore) -> None:
        self._events = events
        self.space: Space = Space(store, events)

    def publish_refused(self, message: UpdateMessage, error: UpdateMessageError) -> UpdateMessageError:
        """Record that a publish was refused, and return the error."""
        self._events.record(Kind.PUBLISH_REFUSED, topic=message.topic, status=error.status, reason=error.reason)
        return error

    def backlog_full(self, message: UpdateMessage, error: StoreError) -> str:
        """Record that a publish was refused because of a full backlog, and return the reason for the publisher."""
        self._events.record(Kind.BACKLOG_FULL, topic=message.topic, reason=str(error))
        return error.public

    def request_refused(self, message: Subscription | Unsubscription, status: int, reason: str) -> None:
        """Record that a request to subscribe or unsubscribe was refused."""
        self._events.record(
            Kind.SUBSCRIPTION_REFUSED,
            topic=message.topic,
            host=authority_of(message.callback),
            mode=Mode.SUBSCRIBE if isinstance(message, Subscription) else Mode.UNSUBSCRIBE,
            status=status,
            reason=reason,
        )

    def subscribed(self, message: VerifiedSubscription, *, renewed: bool) -> None:
        """Record that a subscription became active or was renewed."""
        self._events.record(
            Kind.RENEWED if renewed else Kind.SUBSCRIBED,
            topic=message.topic,
            host=authority_of(message.callback),
            lease_seconds=message.lease_seconds,
        )

    def unsubscribed(self, message: VerifiedUnsubscription) -> None:
        """Record that a subscriber ended its subscription."""
        self._events.record(Kind.UNSUBSCRIBED, topic=message.topic, host=authority_of(message.callback))

    def failed(self, error: StoreError) -> str:
        """Record that the store failed a request, and return the reason for the client."""
        self.space.note(error)
        self._events.record(Kind.STORE_FAILED, reason=str(error))
        return error.public

    def postponed(self, error: StoreError) -> RequestPostponedError:
        """Record that the store failed, and return the error that postpones the request until it works again."""
        self.space.note(error)
        self._events.record(Kind.STORE_AWAITED, reason=str(error))
        return RequestPostponedError(error.public, retry_after=_STORE_SECONDS)
