"""The messages that a subscriber's hooks get, and the successes that they return."""

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
    """A hub verifies the intent of a subscription that was requested (W3C 5.3).

    Attributes:
        hub: The hub of the subscription.
        topic: The topic's URL, as the hub wrote it.
        challenge: The text to echo in the response.
        lease_seconds: The lease that the hub grants, in seconds, within the limit of the policy.
        headers: The headers of the request.
        extras: Parameters that WebSub does not define, by name.
    """

    hub: str
    topic: str
    challenge: str = attrs.field(repr=False)
    lease_seconds: int
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class UnsubscriptionVerification:
    """A hub verifies the intent of an unsubscription that was requested (W3C 5.3).

    Attributes:
        hub: The hub of the subscription.
        topic: The topic's URL, as the hub wrote it.
        challenge: The text to echo in the response.
        headers: The headers of the request.
        extras: Parameters that WebSub does not define, by name.
    """

    hub: str
    topic: str
    challenge: str = attrs.field(repr=False)
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class SubscriptionDenied:
    """A hub denied a subscription, which may have been active. The subscription has ended (W3C 5.2).

    Attributes:
        hub: The hub.
        topic: The topic's URL.
        reason: The hub's reason, or an empty string.
        headers: The headers of the request.
        extras: Parameters that WebSub does not define, by name.
    """

    hub: str
    topic: str
    reason: str = ""
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class HubError:
    """A hub reports that it failed with a verified subscription.

    Attributes:
        hub: The hub.
        topic: The topic's URL.
        reason: The hub's reason, or an empty string.
        headers: The headers of the request.
        extras: Parameters that WebSub does not define, by name.
    """

    hub: str
    topic: str
    reason: str = ""
    headers: Headers = _headers()
    extras: dict[str, str] = _extras()


@attrs.frozen(kw_only=True)
class ContentDistributionMessage:
    """A hub delivers the content of a topic. Its signature has already been checked (W3C 7).

    Attributes:
        hub: The hub of the subscription.
        topic: The topic that was subscribed to, whatever the Link headers say.
        body: The content, byte for byte.
        content_type: The Content-Type, exactly as it was sent, or an empty string.
        headers: The headers of the request. The signature does not cover them.

    Example:
        ```python
        async def on_event_notification(self, message):
            print(message.topic, message.json()["headline"])
        ```
    """

    hub: str
    topic: str
    body: bytes = attrs.field(repr=False)
    content_type: str = ""
    headers: Headers = _headers()

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


Notice = SubscriptionVerification | UnsubscriptionVerification | SubscriptionDenied | HubError


@attrs.frozen(kw_only=True)
class Acknowledgement(Success):
    """The message was accepted."""

    status: int = 202


@attrs.frozen(kw_only=True)
class SubscriptionVerificationSuccess(Success):
    """The subscription is wanted."""


@attrs.frozen(kw_only=True)
class UnsubscriptionVerificationSuccess(Success):
    """The subscription is no longer wanted."""


@attrs.frozen(kw_only=True)
class SubscriptionChangeResponse:
    """A hub accepted a request to subscribe or unsubscribe. Nothing changes until it is verified (W3C 5.1.2).

    Attributes:
        hub: The hub that accepted it, after redirects.
        topic: The topic's URL.
        callback: The callback of the subscription.
        status: The status of the hub's response.
        headers: The headers of the hub's response.
        body: The body of the hub's response.
    """

    hub: str
    topic: str
    callback: str = attrs.field(repr=False)
    status: int
    headers: Headers = _headers()
    body: bytes = attrs.field(default=b"", repr=False)
