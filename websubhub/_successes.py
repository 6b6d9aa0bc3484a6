"""The successes that a hub's hooks return."""

import attrs

from _websub.arguments import checked_fields
from _websub.grammar.numbers import whole_number
from _websub.grammar.urls import check_url
from _websub.grammar.vocabulary import Header
from _websub.outcome import Success


def _location(_: object, __: object, value: str) -> None:
    check_url(value, "The location of a redirect")


@attrs.frozen(kw_only=True)
class TopicRegistrationSuccess(Success):
    """The topic is registered.

    Example:
        ```python
        from websubhub import TopicRegistrationSuccess


        async def on_register_topic(self, message):
            return TopicRegistrationSuccess(body={"topic": message.topic})
        ```
    """


@attrs.frozen(kw_only=True)
class TopicDeregistrationSuccess(Success):
    """The topic is no longer registered.

    Example:
        ```python
        from websubhub import TopicDeregistrationSuccess


        async def on_deregister_topic(self, message):
            return TopicDeregistrationSuccess()
        ```
    """


@attrs.frozen(kw_only=True)
class Acknowledgement(Success):
    """The update was accepted.

    Example:
        ```python
        from websubhub import Acknowledgement


        async def on_update_message(self, message):
            return Acknowledgement(status=202, headers={"X-Queue": "news"})
        ```
    """

    @property
    def message_id(self) -> str | None:
        """The id that the hub gave the update and sends to subscribers, or None if the hub does not tell."""
        return self.headers.get(Header.MESSAGE_ID)

    @property
    def recipients(self) -> int | None:
        """How many subscriptions the update is owed to, or None if the hub does not tell."""
        return whole_number(self.headers.get(Header.SUBSCRIPTIONS, ""), 10**12)


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class SubscriptionAccepted(Success):
    """The subscription request was accepted. Validation and intent verification follow.

    Attributes:
        lease_seconds: The lease to grant instead of the requested one, in seconds, within the limits of ``HubConfig``.
        verified: Whether the intent is already known, so that no verification request is sent.
        deferred: Whether the service itself verifies later, with ``HubApplication.verify``.

    Example:
        ```python
        from websubhub import SubscriptionAccepted


        async def on_subscription(self, message):
            return SubscriptionAccepted(lease_seconds=3_600)
        ```
    """

    status: int = 202
    lease_seconds: int | None = None
    verified: bool = False
    deferred: bool = False


@attrs.frozen(kw_only=True)
class UnsubscriptionAccepted(Success):
    """The unsubscription request was accepted. Intent verification follows.

    Attributes:
        verified: Whether the intent is already known, so that no verification request is sent.
        deferred: Whether the service itself verifies later, with ``HubApplication.verify``.
    """

    status: int = 202
    verified: bool = False
    deferred: bool = False


@attrs.frozen
class SubscriptionTemporaryRedirect(Success):
    """A redirect of this subscription request to another hub (W3C 5.1.2).

    Attributes:
        location: The URL of the other hub. It is the first argument.
    """

    location: str = attrs.field(validator=_location)
    status: int = attrs.field(default=307, init=False)


@attrs.frozen
class SubscriptionPermanentRedirect(Success):
    """A redirect of all subscription requests for this topic, from now on, to another hub (W3C 5.1.2).

    Attributes:
        location: The URL of the other hub. It is the first argument.
    """

    location: str = attrs.field(validator=_location)
    status: int = attrs.field(default=308, init=False)
