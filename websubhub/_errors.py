"""The errors that hooks return or raise, and that clients raise.

::

    WebSubError
    ├── TopicRegistrationError        200, as in Ballerina; pass ``status`` to change it
    ├── TopicDeregistrationError      200
    ├── UpdateMessageError            200
    ├── BadSubscriptionError          400
    ├── InternalSubscriptionError     500
    ├── SubscriptionDeniedError       sent to the callback, after the 202
    ├── BadUnsubscriptionError        400
    ├── InternalUnsubscriptionError   500
    ├── UnsubscriptionDeniedError     sent to the callback, after the 202
    ├── RequestPostponedError         not now: the hub validates or verifies the request again later
    ├── IntentVerificationError       sent to the callback, after the verification
    ├── TopicFetchError               the hub could not fetch a topic
    └── ContentDeliveryError          a delivery failed; ``status`` is that of the subscriber's response, or 0
        └── SubscriptionDeletedError  410: the subscriber wants no more deliveries
"""

from collections.abc import Mapping

from _websub.http import HeaderTypes
from _websub.outcome import WebSubError

__all__ = ["WebSubError"]


class TopicRegistrationError(WebSubError):
    """The topic is not registered.

    Example:
        ```python
        from websubhub import TopicRegistrationError, TopicRegistrationSuccess


        async def on_register_topic(self, message):
            if not message.topic.startswith("https://example.com/"):
                raise TopicRegistrationError("Only topics of example.com are registered here.")
            return TopicRegistrationSuccess()
        ```
    """

    status = 200


class TopicDeregistrationError(WebSubError):
    """The topic stays registered."""

    status = 200


class UpdateMessageError(WebSubError):
    """The update is not distributed.

    Example:
        ```python
        from websubhub import Acknowledgement, UpdateMessageError


        async def on_update_message(self, message):
            if len(message.body) > 65_536:
                raise UpdateMessageError("An update has 64 KiB at most.", status=413)
            return Acknowledgement()
        ```
    """

    status = 200


class BadSubscriptionError(WebSubError):
    """The subscription request is wrong."""

    status = 400


class InternalSubscriptionError(WebSubError):
    """The hub cannot accept the subscription request now."""

    status = 500


class SubscriptionDeniedError(WebSubError):
    """The subscription is not granted. The callback gets ``hub.mode=denied`` (W3C 5.2).

    Example:
        ```python
        from websubhub import SubscriptionDeniedError


        async def on_subscription_validation(self, message):
            if not message.callback.startswith("https://"):
                raise SubscriptionDeniedError("Callbacks need https.")
        ```
    """

    status = 406


class BadUnsubscriptionError(WebSubError):
    """The unsubscription request is wrong."""

    status = 400


class InternalUnsubscriptionError(WebSubError):
    """The hub cannot accept the unsubscription request now."""

    status = 500


class UnsubscriptionDeniedError(WebSubError):
    """The subscription stays. The callback gets ``hub.mode=denied``."""

    status = 406


class RequestPostponedError(WebSubError):
    """An accepted request cannot be decided or carried out now. The subscriber is not notified yet.

    Return or raise it in a hook that validates a request or receives a verified one, if something that the hook needs
    fails, such as a database. The request is then tried again, and a temporary failure does not become a final refusal.

    Args:
        reason: One sentence for the subscriber, sent if there is no further attempt.
        status: As in every error. It is not sent.
        headers: As in every error. They are not sent.
        body: As in every error. It is not sent.
        retry_after: The seconds until the next attempt. By default, the hub decides.
        counts: Whether this uses up one of the request's attempts, which are limited. Set it for failures that are not
            the hub's own.
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
    """A verified request could not be carried out. The callback gets ``hub.mode=hub-error``."""

    status = 500


class TopicFetchError(WebSubError):
    """The topic's content could not be fetched. ``status`` is that of the topic's response, or 0 if there was none.

    If the topic was not requested at all, because the budget of a host or an address is used up, ``wait`` is the number
    of seconds after which to try again, or infinity if another fetch must end first. Otherwise it is 0.
    """

    status = 0
    wait: float = 0.0


class ContentDeliveryError(WebSubError):
    """A delivery failed.

    Args:
        reason: What happened, in one sentence.
        status: The status of the subscriber's response, or 0 if there was none.
        headers: The headers of the response.
        content: The body of the response, as far as it was read.
        cause: Why there was no response: the connection, a timeout, TLS and so on.

    Example:
        ```python
        import anyio

        from websubhub import ContentDeliveryError, ContentDistributionMessage, HubClient, Subscription

        subscription = Subscription(
            hub="https://hub.example.com/hub",
            topic="https://example.com/feed",
            callback="https://subscriber.example.com/down",
            lease_seconds=86_400,
        )


        async def main():
            try:
                await HubClient(subscription).notify_content_distribution(ContentDistributionMessage(content="News"))
            except ContentDeliveryError as error:
                print(error.status, error.reason)


        anyio.run(main)
        ```
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
    """The subscriber answered 410: it wants no more deliveries for this subscription (W3C 7).

    Example:
        ```python
        import anyio

        from websubhub import ContentDistributionMessage, HubClient, Subscription, SubscriptionDeletedError

        subscription = Subscription(
            hub="https://hub.example.com/hub",
            topic="https://example.com/feed",
            callback="https://subscriber.example.com/gone",
            lease_seconds=86_400,
        )


        async def main():
            try:
                await HubClient(subscription).notify_content_distribution(ContentDistributionMessage(content="News"))
            except SubscriptionDeletedError:
                print("Remove this subscription.")


        anyio.run(main)
        ```
    """

    status = 410
