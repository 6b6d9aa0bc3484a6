"""The messages that a hub's hooks get, and what is delivered."""

import secrets
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import Element

import attrs

from _websub.grammar import media
from _websub.grammar.content import Payload
from _websub.grammar.xml import read_xml
from _websub.http import NO_HEADERS, Headers, as_headers


class MessageType(StrEnum):
    """The type of an update message: the content itself, or only the announcement of an update.

    Example:
        ```python
        from websubhub import Acknowledgement, MessageType


        async def on_update_message(self, message):
            if message.type is MessageType.EVENT:
                print("There is new content to fetch from", message.topic)
            return Acknowledgement()
        ```
    """

    EVENT = "event"
    PUBLISH = "publish"


def _headers() -> Any:
    return attrs.field(default=NO_HEADERS, converter=as_headers)


def _extras() -> Any:
    return attrs.field(factory=dict, converter=dict)


@attrs.frozen(kw_only=True)
class TopicRegistration:
    """A publisher registers a topic.

    Attributes:
        topic: The topic's URL.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.

    Example:
        ```python
        from websubhub import TopicRegistrationError, TopicRegistrationSuccess


        async def on_register_topic(self, message):
            if message.headers.get("Authorization") != "Bearer s3cret":
                return TopicRegistrationError("The token is wrong.", status=401)
            return TopicRegistrationSuccess()
        ```
    """

    topic: str
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class TopicDeregistration:
    """A publisher deregisters a topic.

    Attributes:
        topic: The topic's URL.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
    """

    topic: str
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class UpdateMessage:
    """A publisher sends or announces an update of a topic.

    Attributes:
        topic: The topic's URL.
        type: ``PUBLISH`` if the request has the content, ``EVENT`` if the hub has to fetch it.
        content_type: The exact Content-Type of the content. Empty for ``EVENT``.
        body: The content, byte for byte. Empty for ``EVENT``.
        headers: The headers of the request.
        client: The address that it came from, of IPv6 the /64 network; empty if that is unknown.
        extras: Parameters that WebSub does not know, by name.

    Example:
        ```python
        from websubhub import Acknowledgement, ContentError, UpdateMessageError


        async def on_update_message(self, message):
            try:
                print(message.topic, message.json())
            except ContentError:
                return UpdateMessageError("This hub distributes JSON only.")
            return Acknowledgement()
        ```
    """

    topic: str
    type: MessageType
    content_type: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    headers: Headers = _headers()
    client: str = attrs.field(default="", eq=False)
    extras: dict[str, str] = _extras()

    def text(self) -> str:
        """Return the content as text. Raise ``ContentError`` if it is not text."""
        return media.read_text(self.body, self.content_type)

    def json(self) -> Any:
        """Return the content as JSON. Raise ``ContentError`` if it is not JSON."""
        return media.read_json(self.body)

    def xml(self) -> Element:
        """Return the content as XML. Raise ``ContentError`` if it is not XML, or an attack."""
        return read_xml(self.body, self.content_type)

    def form(self) -> dict[str, str]:
        """Return the content as form fields. Raise ``ContentError`` if it is not a form."""
        return media.read_fields(self.body)


@attrs.frozen(kw_only=True)
class Subscription:
    """A subscriber subscribes to a topic (W3C 5.1).

    Attributes:
        hub: The hub's own public URL.
        topic: The topic's URL, as the subscriber wrote it.
        callback: The URL to deliver to, as the subscriber wrote it.
        lease_seconds: The lease that will be granted, in seconds, within the limits of the hub.
        secret: The key to sign deliveries with.
        headers: The headers of the request.
        client: The address that it came from, of IPv6 the /64 network; empty if that is unknown.
        extras: Parameters that WebSub does not know, by name.
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


@attrs.frozen(kw_only=True)
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


@attrs.frozen(kw_only=True)
class Unsubscription:
    """A subscriber unsubscribes from a topic (W3C 5.1).

    Attributes:
        hub: The hub's own public URL.
        topic: The topic's URL, as the subscriber wrote it.
        callback: The callback of the subscription, as the subscriber wrote it.
        secret: The secret, if one was sent. It has no meaning here.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
        request_id: Your own id for a request that you store and verify later. Its verified message has the same id.
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    secret: str | None = attrs.field(default=None, repr=False)
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()
    request_id: str = ""


@attrs.frozen(kw_only=True)
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


@attrs.frozen(kw_only=True)
class ContentDistributionMessage:
    """A message to the subscribers of a topic.

    Attributes:
        content: Bytes, which are sent as they are, text, an XML element, or a value that JSON can express.
        content_type: The exact Content-Type. By default it follows from the type of the content.
        headers: Additional headers for the subscribers.
        hubs: The topic's hubs as its publisher advertises them. The default is the hub's public URL (W3C 7).
        topic: The topic's canonical URL as its publisher advertises it. The default is that of the subscription.
        message_id: The id of the message, which is the same when it is sent again, so that subscribers recognise it.

    Example:
        ```python
        from websubhub import ContentDistributionMessage

        json = ContentDistributionMessage(content={"headline": "It works"})
        feed = ContentDistributionMessage(content=b"<feed/>", content_type="application/atom+xml")
        ```
    """

    content: Payload = attrs.field(repr=False)
    content_type: str | None = None
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    hubs: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    topic: str | None = None
    message_id: str = attrs.field(factory=lambda: secrets.token_hex(16))


@attrs.frozen(kw_only=True)
class ContentDistributionSuccess:
    """A subscriber accepted a message.

    Attributes:
        status: The status of its response, a 2xx.
        headers: The headers of its response.
        body: The body of its response, as much of it as was read. WebSub gives it no meaning (W3C 7).
    """

    status: int
    headers: Headers = _headers()
    body: bytes = attrs.field(default=b"", repr=False)
