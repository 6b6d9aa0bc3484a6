"""What a hub says no with, and what the clients raise.

::

    WebSubError
    ├── TopicRegistrationError        200, as Ballerina answers; set ``status`` for another
    ├── TopicDeregistrationError      200
    ├── UpdateMessageError            200
    ├── BadSubscriptionError          400
    ├── InternalSubscriptionError     500
    ├── SubscriptionDeniedError       told to the callback, after the 202
    ├── BadUnsubscriptionError        400
    ├── InternalUnsubscriptionError   500
    ├── UnsubscriptionDeniedError     told to the callback, after the 202
    ├── IntentVerificationError       told to the callback, after the verification
    ├── TopicFetchError               the hub could not fetch a topic
    └── ContentDeliveryError          a delivery failed; ``status`` is the subscriber's answer, 0 if there was none
        └── SubscriptionDeletedError  410: the subscriber wants no more
"""

from _websub.http import HeaderTypes
from _websub.outcome import WebSubError

__all__ = ["WebSubError"]


class TopicRegistrationError(WebSubError):
    """The topic is not registered."""

    status = 200


class TopicDeregistrationError(WebSubError):
    """The topic stays registered."""

    status = 200


class UpdateMessageError(WebSubError):
    """The update is not distributed."""

    status = 200


class BadSubscriptionError(WebSubError):
    """The subscription request is wrong."""

    status = 400


class InternalSubscriptionError(WebSubError):
    """The hub cannot take the subscription request now."""

    status = 500


class SubscriptionDeniedError(WebSubError):
    """The subscription is not granted; the callback is told so with ``hub.mode=denied`` (W3C 5.2)."""

    status = 406


class BadUnsubscriptionError(WebSubError):
    """The unsubscription request is wrong."""

    status = 400


class InternalUnsubscriptionError(WebSubError):
    """The hub cannot take the unsubscription request now."""

    status = 500


class UnsubscriptionDeniedError(WebSubError):
    """The subscription stays; the callback is told so with ``hub.mode=denied``."""

    status = 406


class IntentVerificationError(WebSubError):
    """A verified request could not be carried out; the callback is told so with ``hub.mode=hub-error``."""

    status = 500


class TopicFetchError(WebSubError):
    """The topic's content could not be fetched; ``status`` is the topic's answer, 0 if there was none.

    ``wait`` is 0 unless it was not asked at all, because a host may not be called yet: then it is in how many seconds
    that may be, infinity if another fetch must end first.
    """

    status = 0
    wait = 0.0


class ContentDeliveryError(WebSubError):
    """A delivery failed.

    Args:
        reason: What happened, in one sentence.
        status: The subscriber's answer; 0 when there was none.
        headers: The headers of the answer.
        content: The body of the answer, as much of it as was read.
        cause: Why there was no answer: a connection, a timeout, TLS and so on.
    """

    status = 0

    def __init__(
        self,
        reason: str = "",
        *,
        status: int | None = None,
        headers: HeaderTypes = (),
        content: bytes = b"",
        cause: str | None = None,
    ) -> None:
        super().__init__(reason, status=status, headers=headers)
        self.content = content
        self.cause = cause


class SubscriptionDeletedError(ContentDeliveryError):
    """The subscriber answered 410: it wants no more deliveries for this subscription (W3C 7)."""

    status = 410
