"""Messages from publishers to a hub and from a hub to its subscribers, and the successes that answer them."""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import Element

import attrs

from _websub.arguments import checked_fields
from _websub.grammar import media
from _websub.grammar.content import Payload
from _websub.grammar.numbers import whole_number
from _websub.grammar.vocabulary import Header
from _websub.grammar.xml import read_xml
from _websub.http import NO_HEADERS, Headers, as_headers
from _websub.outcome import Success


def _headers() -> Any:
    return attrs.field(default=NO_HEADERS, converter=as_headers)


def _extras() -> Any:
    return attrs.field(factory=dict, converter=dict)


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


@attrs.frozen(kw_only=True)
class TopicRegistration:
    """A publisher registers a topic.

    Attributes:
        topic: The topic's URL.
        headers: The headers of the request.
        extras: Parameters that WebSub does not define, by name.

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
        extras: Parameters that WebSub does not define, by name.
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
        client: The address that the request came from (for IPv6, its /64 network). Empty if unknown.
        extras: Parameters that WebSub does not define, by name.

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
        """Return the content as XML. Raise ``ContentError`` if it is not XML, or is an attack."""
        return read_xml(self.body, self.content_type)

    def form(self) -> dict[str, str]:
        """Return the content as form fields. Raise ``ContentError`` if it is not a form."""
        return media.read_fields(self.body)


def _hubs(urls: Iterable[str]) -> tuple[str, ...]:
    if isinstance(urls, str):  # its characters would be taken for URLs
        raise TypeError("ContentDistributionMessage.hubs must be a list of URLs, not text.")
    return tuple(urls)


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class ContentDistributionMessage:
    """A message to the subscribers of a topic.

    Attributes:
        content: Bytes (sent as they are), text, an XML element, or a value that JSON can express.
        content_type: The exact Content-Type. By default, it follows from the type of the content.
        headers: Additional headers for the subscribers.
        hubs: The topic's hubs as its publisher advertises them. The default is the hub's public URL (W3C 7).
        topic: The topic's canonical URL as its publisher advertises it. The default is that of the subscription.
        message_id: The id of the message. It stays the same when the message is sent again, so that subscribers
            recognise it.

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
    hubs: tuple[str, ...] = attrs.field(default=(), converter=_hubs)
    topic: str | None = None
    message_id: str = attrs.field(factory=lambda: secrets.token_hex(16))


@attrs.frozen(kw_only=True)
class ContentDistributionSuccess:
    """A subscriber accepted a message.

    Attributes:
        status: The status of its response, a 2xx.
        headers: The headers of its response.
        body: The body of its response, as far as it was read. WebSub gives it no meaning (W3C 7).
    """

    status: int
    headers: Headers = _headers()
    body: bytes = attrs.field(default=b"", repr=False)


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
        """The id that the hub gave the update and sends to subscribers, or None if the hub does not say."""
        return self.headers.get(Header.MESSAGE_ID)

    @property
    def recipients(self) -> int | None:
        """How many subscriptions the hub delivers the update to, or None if the hub does not say."""
        return whole_number(self.headers.get(Header.SUBSCRIPTIONS, ""), 10**12)
