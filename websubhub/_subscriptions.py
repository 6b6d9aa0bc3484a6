"""Requests from subscribers to a hub, and the successes that answer them."""

from typing import Any

import attrs

from _websub.arguments import checked_fields
from _websub.grammar.urls import check_url
from _websub.http import NO_HEADERS, Headers, as_headers
from _websub.outcome import Success


def _headers() -> Any:
    return attrs.field(default=NO_HEADERS, converter=as_headers)


def _extras() -> Any:
    return attrs.field(factory=dict, converter=dict)


def _location(_: object, __: object, value: str) -> None:
    check_url(value, "The location of a redirect")


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class Subscription:
    """A subscriber subscribes to a topic (W3C 5.1).

    Attributes:
        hub: The hub's own public URL.
        topic: The topic's URL, as the subscriber wrote it.
        callback: The URL to deliver to, as the subscriber wrote it.
        lease_seconds: The lease that will be granted, in seconds, within the limits of the hub.
        secret: The key to sign deliveries with.
        headers: The headers of the request.
        client: The address that the request came from (for IPv6, its /64 network). Empty if unknown.
        extras: Parameters that WebSub does not define, by name.
        request_id: Your own id for a request that you store and verify later. Its verified message has the same id.

    Example:
        ```python
        from websubhub import SubscriptionDeniedError


        async def on_subscription_validation(self, message):
            if message.secret is None:
                return SubscriptionDeniedError("This topic needs a secret.")
            return None
        ```
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    lease_seconds: int
    secret: str | None = attrs.field(default=None, repr=False)
    headers: Headers = _headers()
    client: str = attrs.field(default="", eq=False)
    extras: dict[str, str] = _extras()
    request_id: str = ""


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class VerifiedSubscription(Subscription):
    """A subscription that the subscriber has confirmed (W3C 5.3).

    Attributes:
        verified_at: When the verification request was sent, in seconds since 1970. The lease begins then.

    Example:
        ```python
        from websubhub import HubClient


        async def on_subscription_intent_verified(self, message):
            self.subscribers[message.topic, message.callback] = HubClient(message)
        ```
    """

    verified_at: float

    @property
    def expires_at(self) -> float:
        """When the lease ends, in seconds since 1970."""
        return self.verified_at + self.lease_seconds


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class Unsubscription:
    """A subscriber unsubscribes from a topic (W3C 5.1).

    Attributes:
        hub: The hub's own public URL.
        topic: The topic's URL, as the subscriber wrote it.
        callback: The callback of the subscription, as the subscriber wrote it.
        secret: The secret, if one was sent. It has no meaning here.
        headers: The headers of the request.
        extras: Parameters that WebSub does not define, by name.
        request_id: Your own id for a request that you store and verify later. Its verified message has the same id.
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    secret: str | None = attrs.field(default=None, repr=False)
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()
    request_id: str = ""


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class VerifiedUnsubscription(Unsubscription):
    """An unsubscription that the subscriber has confirmed (W3C 5.3).

    Attributes:
        verified_at: When the verification request was sent, in seconds since 1970.

    Example:
        ```python
        async def on_unsubscription_intent_verified(self, message):
            self.subscribers.pop((message.topic, message.callback), None)
        ```
    """

    verified_at: float


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
