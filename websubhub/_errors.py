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
    ├── RequestPostponedError         not now: the request is validated, or verified, again later
    ├── IntentVerificationError       told to the callback, after the verification
    ├── TopicFetchError               the hub could not fetch a topic
    └── ContentDeliveryError          a delivery failed; ``status`` is the subscriber's answer, 0 if there was none
        └── SubscriptionDeletedError  410: the subscriber wants no more
"""

from collections.abc import Mapping

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


class RequestPostponedError(WebSubError):
    """An accepted request cannot be decided, or carried out, at present; the subscriber is told nothing yet.

    A hook that validates or that is told of a verified intent answers with it when it lacks what it needs, a database
    for example, so that a passing failure of the hub is no final no. The request is tried again.

    Args:
        reason: One sentence, for the subscriber, should there be no further attempt.
        status: As of every error; nothing is answered with it.
        headers: Likewise.
        body: Likewise.
        retry_after: The seconds until the next attempt; by default the hub's choice.
        counts: Whether this is one of the attempts that a request has, after which it is given up: for what does not
            depend on the hub.
    """

    status = 503

    def __init__(
        self,
        reason: str = "",
        *,
        status: int | None = None,
        headers: HeaderTypes = (),
        body: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        counts: bool = False,
    ) -> None:
        super().__init__(reason, status=status, headers=headers, body=body)
        self.retry_after = retry_after
        self.counts = counts


class IntentVerificationError(WebSubError):
    """A verified request could not be carried out; the callback is told so with ``hub.mode=hub-error``."""

    status = 500


class TopicFetchError(WebSubError):
    """The topic's content could not be fetched; ``status`` is the topic's answer, 0 if there was none.

    ``wait`` is 0 unless it was not asked at all, because the budget of a host or an address is used up: then it is in
    how many seconds to try again, infinity if another fetch must end first.
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
