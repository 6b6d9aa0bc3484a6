"""What a hub's hooks are called with, and what they say yes with."""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import Element

import attrs

from _websub.grammar import media
from _websub.grammar.content import Payload
from _websub.grammar.urls import check_url
from _websub.grammar.vocabulary import Header
from _websub.grammar.xml import read_xml
from _websub.http import NO_HEADERS, Headers, as_headers
from _websub.outcome import Success

__all__ = ["Success"]


class MessageType(StrEnum):
    """What a publisher sent: the content itself, or only the news of it."""

    EVENT = "event"
    PUBLISH = "publish"


def _headers() -> Any:
    return attrs.field(default=NO_HEADERS, converter=as_headers)


def _client() -> Any:
    return attrs.field(default="", eq=False)


def _urls(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _location(_: object, __: object, value: str) -> None:
    check_url(value, "The location of a redirect")


def _extras() -> Any:
    return attrs.field(factory=dict, converter=dict)


@attrs.frozen(kw_only=True)
class TopicRegistration:
    """A publisher asks the hub to take a topic.

    Attributes:
        topic: The topic's URL.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
    """

    topic: str
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class TopicDeregistration:
    """A publisher asks the hub to give a topic up.

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
    """A publisher says that a topic was updated.

    Attributes:
        topic: The topic's URL.
        type: ``PUBLISH`` when the content came along, ``EVENT`` when the hub has to fetch it.
        content_type: The exact Content-Type of the content; empty for ``EVENT``.
        body: The content, byte for byte; empty for ``EVENT``.
        headers: The headers of the request.
        client: The address that it came from, of IPv6 the /64 network; empty if that is unknown.
        extras: Parameters that WebSub does not know, by name.
    """

    topic: str
    type: MessageType
    content_type: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    headers: Headers = _headers()
    client: str = _client()
    extras: dict[str, str] = _extras()

    def text(self) -> str:
        """The content as text; raises ``ContentError`` when it is none."""
        return media.read_text(self.body, self.content_type)

    def json(self) -> Any:
        """The content as JSON; raises ``ContentError`` when it is none."""
        return media.read_json(self.body)

    def xml(self) -> Element:
        """The content as XML; raises ``ContentError`` when it is none, or an attack."""
        return read_xml(self.body, self.content_type)

    def form(self) -> dict[str, str]:
        """The content as form fields; raises ``ContentError`` when it is no form."""
        return media.read_fields(self.body)


@attrs.frozen(kw_only=True)
class Subscription:
    """A subscriber asks to be sent the updates of a topic (W3C 5.1).

    Attributes:
        hub: The hub's own public URL.
        topic: The topic's URL, as the subscriber wrote it.
        callback: Where to deliver to, as the subscriber wrote it.
        lease_seconds: The lease that will be granted, in seconds, already clamped.
        secret: The key to sign deliveries with.
        headers: The headers of the request.
        client: The address that it came from, of IPv6 the /64 network; empty if that is unknown.
        extras: Parameters that WebSub does not know, by name.
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    lease_seconds: int
    secret: str | None = attrs.field(default=None, repr=False)
    headers: Headers = _headers()
    client: str = _client()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class VerifiedSubscription(Subscription):
    """A subscription whose subscriber has confirmed it (W3C 5.3).

    Attributes:
        verified_at: When the verification request was sent, in seconds since 1970: the lease runs from there.
    """

    verified_at: float

    @property
    def expires_at(self) -> float:
        """When the lease ends, in seconds since 1970."""
        return self.verified_at + self.lease_seconds


@attrs.frozen(kw_only=True)
class Unsubscription:
    """A subscriber asks for no more updates of a topic (W3C 5.1).

    Attributes:
        hub: The hub's own public URL.
        topic: The topic's URL, as the subscriber wrote it.
        callback: The callback of the subscription, as the subscriber wrote it.
        secret: A secret, if one was sent; it has no meaning here.
        headers: The headers of the request.
        client: The address that it came from, of IPv6 the /64 network; empty if that is unknown.
        extras: Parameters that WebSub does not know, by name.
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    secret: str | None = attrs.field(default=None, repr=False)
    headers: Headers = _headers()
    client: str = _client()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class VerifiedUnsubscription(Unsubscription):
    """An unsubscription that the subscriber has confirmed (W3C 5.3).

    Attributes:
        verified_at: When the verification request was sent, in seconds since 1970.
    """

    verified_at: float


@attrs.frozen(kw_only=True)
class ContentDistributionMessage:
    """What is sent to the subscribers of a topic.

    Attributes:
        content: Bytes, sent as they are; or text, an XML element, or what JSON can say.
        content_type: The exact Content-Type; by default that of the content's type.
        headers: Further headers for the subscribers.
        hubs: The topic's hubs as its publisher advertises them; by default the hub's public URL (W3C 7).
        topic: The topic's canonical URL as its publisher advertises it; by default that of the subscription.
        message_id: Stays the same when the message is sent again, so that a subscriber can tell.
    """

    content: Payload = attrs.field(repr=False)
    content_type: str | None = None
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    hubs: tuple[str, ...] = attrs.field(default=(), converter=_urls)
    topic: str | None = None
    message_id: str = attrs.field(factory=lambda: secrets.token_hex(16))


@attrs.frozen(kw_only=True)
class ContentDistributionSuccess:
    """A subscriber took a message.

    Attributes:
        status: The status of its answer, one of 2xx.
        headers: The headers of its answer.
        body: The body of its answer, as much of it as was read; WebSub gives it no meaning (W3C 7).
    """

    status: int
    headers: Headers = _headers()
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen(kw_only=True)
class TopicRegistrationSuccess(Success):
    """The topic is registered."""


@attrs.frozen(kw_only=True)
class TopicDeregistrationSuccess(Success):
    """The topic is no longer registered."""


@attrs.frozen(kw_only=True)
class Acknowledgement(Success):
    """The update was taken."""

    @property
    def message_id(self) -> str | None:
        """The id under which the hub keeps the update, where it says one; its subscribers get the same."""
        return self.headers.get(Header.MESSAGE_ID)


@attrs.frozen(kw_only=True)
class SubscriptionAccepted(Success):
    """The subscription request was taken; validation and intent verification follow.

    Attributes:
        lease_seconds: The lease to grant instead of the requested one, in seconds, within the range of ``HubConfig``.
        verified: The intent is known already: no verification request is sent.
        deferred: The service verifies later by itself, with ``HubApplication.verify``.
    """

    status: int = 202
    lease_seconds: int | None = None
    verified: bool = False
    deferred: bool = False


@attrs.frozen(kw_only=True)
class UnsubscriptionAccepted(Success):
    """The unsubscription request was taken; intent verification follows.

    Attributes:
        verified: The intent is known already: no verification request is sent.
        deferred: The service verifies later by itself, with ``HubApplication.verify``.
    """

    status: int = 202
    verified: bool = False
    deferred: bool = False


@attrs.frozen
class SubscriptionTemporaryRedirect(Success):
    """Another hub takes this subscription for now (W3C 5.1.2).

    Attributes:
        location: The URL of that hub; the first argument.
    """

    location: str = attrs.field(validator=_location)
    status: int = attrs.field(default=307, init=False)


@attrs.frozen
class SubscriptionPermanentRedirect(Success):
    """Another hub takes the subscriptions of this topic from now on (W3C 5.1.2).

    Attributes:
        location: The URL of that hub; the first argument.
    """

    location: str = attrs.field(validator=_location)
    status: int = attrs.field(default=308, init=False)
