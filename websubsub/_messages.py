"""What a subscriber's hooks are called with, and what they say yes with."""

from typing import Any
from xml.etree.ElementTree import Element

import attrs

from _websub.grammar import media
from _websub.grammar.xml import read_xml
from _websub.http import NO_HEADERS, Headers, as_headers
from _websub.outcome import Success


def _headers() -> Any:
    return attrs.field(default=NO_HEADERS, converter=as_headers)


def _extras() -> Any:
    return attrs.field(factory=dict, converter=dict)


@attrs.frozen(kw_only=True)
class SubscriptionVerification:
    """A hub asks whether a subscription is wanted; only asked about those that are (W3C 5.3).

    Attributes:
        hub: The hub that was asked for the subscription.
        topic: The topic's URL, as the hub wrote it.
        challenge: What the hub wants to read in the answer.
        lease_seconds: The lease that the hub grants, in seconds, already clamped.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
    """

    hub: str
    topic: str
    challenge: str = attrs.field(repr=False)
    lease_seconds: int
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class UnsubscriptionVerification:
    """A hub asks whether a subscription is to end; only asked about those that are (W3C 5.3).

    Attributes:
        hub: The hub that was asked to end the subscription.
        topic: The topic's URL, as the hub wrote it.
        challenge: What the hub wants to read in the answer.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
    """

    hub: str
    topic: str
    challenge: str = attrs.field(repr=False)
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class SubscriptionDenied:
    """A hub denies a subscription, even one that was active: it is over (W3C 5.2).

    Attributes:
        hub: The hub.
        topic: The topic's URL.
        reason: What the hub says, or nothing.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
    """

    hub: str
    topic: str
    reason: str = ""
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class HubError:
    """A hub says that it failed with a subscription although that was verified.

    Attributes:
        hub: The hub.
        topic: The topic's URL.
        reason: What the hub says, or nothing.
        headers: The headers of the request.
        extras: Parameters that WebSub does not know, by name.
    """

    hub: str
    topic: str
    reason: str = ""
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class ContentDistributionMessage:
    """A hub delivers the content of a topic; its signature is checked already (W3C 7).

    Attributes:
        hub: The hub of the subscription.
        topic: The topic that was subscribed to, whatever the Link headers say.
        body: The content, byte for byte.
        content_type: The Content-Type, exactly as it came; empty if none did.
        headers: The headers of the request; no signature covers them.
    """

    hub: str
    topic: str
    body: bytes = attrs.field(repr=False)
    content_type: str = ""
    headers: Headers = _headers()

    def text(self) -> str:
        """Return the content as text; raises ``ContentError`` when it is none."""
        return media.read_text(self.body, self.content_type)

    def json(self) -> Any:
        """Return the content as JSON; raises ``ContentError`` when it is none."""
        return media.read_json(self.body)

    def xml(self) -> Element:
        """Return the content as XML; raises ``ContentError`` when it is none, or an attack."""
        return read_xml(self.body, self.content_type)

    def form(self) -> dict[str, str]:
        """Return the content as form fields; raises ``ContentError`` when it is no form."""
        return media.read_fields(self.body)


Notice = SubscriptionVerification | UnsubscriptionVerification | SubscriptionDenied | HubError


@attrs.frozen(kw_only=True)
class Acknowledgement(Success):
    """The message was taken."""

    status: int = 202


@attrs.frozen(kw_only=True)
class SubscriptionVerificationSuccess(Success):
    """The subscription is wanted."""


@attrs.frozen(kw_only=True)
class UnsubscriptionVerificationSuccess(Success):
    """The subscription is to end."""


@attrs.frozen(kw_only=True)
class SubscriptionChangeResponse:
    """A hub took a request to subscribe or unsubscribe; nothing has changed until it is verified (W3C 5.1.2).

    Attributes:
        hub: The hub that took it, after redirects.
        topic: The topic's URL.
        callback: The callback of the subscription.
        status: The status of the hub's answer.
        headers: The headers of the hub's answer.
        body: The body of the hub's answer.
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    status: int
    headers: Headers = _headers()
    body: bytes = attrs.field(default=b"", repr=False)
