"""One message to many subscriptions."""

import ssl
from collections.abc import Callable, Iterable
from typing import Protocol, Self, cast

from anyio.abc import AsyncResource

from _websub.arguments import check_kind
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.content import encode
from _websub.grammar.links import write_links
from _websub.grammar.urls import check_url
from _websub.grammar.vocabulary import Header, SignatureMethod
from _websub.tracing import with_trace
from websubhub._distribution.delivery import FRAMING, Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.sharing import EngineShare
from websubhub._messages import ContentDistributionMessage

_OWN_HEADERS = FRAMING | {"content-type", "link", "x-hub-signature", "x-hub-message-id"}


class Recipient(Protocol):
    """A recipient of messages: a ``Subscription``, or anything else with a callback and a secret.

    Example:
        ```python
        import attrs


        @attrs.frozen
        class Member:
            name: str
            callback: str = attrs.field(repr=False)
            secret: str | None = attrs.field(default=None, repr=False)
        ```
    """

    @property
    def callback(self) -> str:
        """The URL to deliver to."""

    @property
    def secret(self) -> str | None:
        """The secret to sign with, or None."""


def shared_content(
    message: ContentDistributionMessage,
    *,
    topic: str,
    hub: str,
    signature_method: str = SignatureMethod.SHA256.value,
    kept_body_bytes: int = 0,
    error_body_bytes: int = 0,
    timed: bool = False,
    total_seconds: float | None = None,
) -> SharedContent:
    """Return the content that all subscribers of a topic get: body, Content-Type and one Link header (W3C 7).

    If there is a current span of OpenTelemetry, the content names it, so that subscribers continue its trace.

    Args:
        message: The message.
        topic: The topic's URL, unless the message names another.
        hub: The hub's public URL, unless the message names the topic's hubs.
        signature_method: One of sha1, sha256, sha384, sha512.
        kept_body_bytes: How much of each response's body to return, or 0 for none.
        error_body_bytes: How much of the body of a response other than 2xx to return, or 0 for none.
        timed: Whether outcomes include the duration of deliveries that arrived.
        total_seconds: How long each exchange may take, instead of the limit of the engine.
    """
    body, content_type = encode(message.content, message.content_type)
    own = [
        (Header.CONTENT_TYPE, content_type),
        (Header.LINK, write_links(message.hubs or (hub,), message.topic or topic)),
        (Header.MESSAGE_ID, message.message_id),
    ]
    further = [pair for pair in with_trace(message.headers).pairs if pair[0].lower() not in _OWN_HEADERS]
    return SharedContent(
        body=body,
        headers=[*own, *further],
        signature_method=signature_method,
        kept_body_bytes=kept_body_bytes,
        error_body_bytes=error_body_bytes,
        timed=timed,
        total_seconds=total_seconds,
    )


class ContentDistributor(AsyncResource):
    """Sends one message to many subscriptions, over connections that it keeps.

    Use it directly, or as an async context manager that closes its connections. With ``limits``, it has connections of
    its own, and belongs to the event loop that uses it first. Otherwise, it shares the connections of the event loop
    with every ``HubClient`` that has no ``limits``.

    Args:
        hub: The hub's public URL. If it is on loopback, callbacks may be too.
        signature_method: One of sha1, sha256, sha384, sha512.
        allow_networks: Networks that may be called even if they are not public, in CIDR notation.
        limits: Connections, timeouts and sizes.
        tls: Your own TLS context for https, for example with a client certificate or your own certificate authorities.

    Example:
        ```python
        import anyio

        from websubhub import ContentDistributionMessage, ContentDistributor, Subscription

        HUB, TOPIC = "https://hub.example.com/hub", "https://example.com/feed"
        callbacks = [f"https://subscriber.example.com/callback?{number}" for number in range(3)]
        subscriptions = [Subscription(hub=HUB, topic=TOPIC, callback=url, lease_seconds=86_400) for url in callbacks]


        def settled(subscription, outcome):
            print(subscription.callback, outcome.status)


        async def main():
            async with ContentDistributor(HUB) as distributor:
                update = ContentDistributionMessage(content="It works.")
                await distributor.distribute(update, TOPIC, subscriptions, settled)


        anyio.run(main)
        ```
    """

    def __init__(
        self,
        hub: str,
        *,
        signature_method: str = SignatureMethod.SHA256,
        allow_networks: Iterable[str] = (),
        limits: EngineLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        check_kind("ContentDistributor.limits", limits, EngineLimits, optional=True)
        check_kind("ContentDistributor.tls", tls, ssl.SSLContext, optional=True)
        self._hub = check_url(hub, "The hub's URL")
        self._method = SignatureMethod(signature_method).value
        addresses = AddressPolicy.for_public_url(hub, tuple(allow_networks))
        self._engine: DeliveryEngine | EngineShare
        if limits is None:
            self._engine = EngineShare(limits=EngineLimits(), addresses=addresses, tls=tls)
        else:  # These limits are meant for this distributor alone.
            self._engine = DeliveryEngine(limits=limits, addresses=addresses, tls=tls)

    def prepare(
        self,
        message: ContentDistributionMessage,
        topic: str,
        *,
        kept_body_bytes: int = 0,
        error_body_bytes: int = 0,
        timed: bool = False,
    ) -> SharedContent:
        """Return the content that all subscribers of a topic get, rendered once.

        Args:
            message: The message.
            topic: The topic's URL.
            kept_body_bytes: How much of each response's body to return, or 0 for none.
            error_body_bytes: How much of the body of a response other than 2xx to return, or 0 for none.
            timed: Whether outcomes include the duration of deliveries that arrived.
        """
        return shared_content(
            message,
            topic=topic,
            hub=self._hub,
            signature_method=self._method,
            kept_body_bytes=kept_body_bytes,
            error_body_bytes=error_body_bytes,
            timed=timed,
        )

    async def distribute(
        self,
        message: ContentDistributionMessage,
        topic: str,
        recipients: Iterable[Recipient],
        settled: Callable[[Recipient, DeliveryOutcome], None],
    ) -> None:
        """Deliver a message to every recipient, signed for each that has a secret (W3C 7, 7.1).

        Args:
            message: The message.
            topic: The topic's URL.
            recipients: The recipients. They are read only as fast as they are served, so there may be many.
            settled: Called once for each recipient, when its delivery has ended.
        """
        content = self.prepare(message, topic)
        await self.send(
            (Delivery(recipient.callback, content, recipient.secret, recipient) for recipient in recipients),
            lambda delivery, outcome: settled(cast("Recipient", delivery.key), outcome),
        )

    async def send(
        self, deliveries: Iterable[Delivery | None], settled: Callable[[Delivery, DeliveryOutcome], None]
    ) -> None:
        """Make deliveries, of one message or of many.

        Args:
            deliveries: The deliveries. They are read only as fast as they are served. Where there is none at present,
                the iterable may give None: it is asked again after the next outcome, and has ended if nothing is under
                way.
            settled: Called once for each delivery, when it has ended.
        """
        await self._engine.send(deliveries, settled)

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many are kept for the next delivery."""
        if not isinstance(self._engine, DeliveryEngine):
            return 0, 0
        statistics = self._engine.statistics()
        return statistics.busy, statistics.idle

    def close_idle(self) -> None:
        """Close the connections that have been idle for too long, or that their subscribers have closed.

        Deliveries also do this. Call it now and then if there may be no deliveries for a long time.
        """
        self._engine.close_idle()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._engine.aclose()

    async def __aenter__(self) -> Self:
        """Keep connections until the end of the block.

        Raises:
            OSError: No file descriptor is left.
        """
        if isinstance(self._engine, DeliveryEngine):
            self._engine.open()
        return self
