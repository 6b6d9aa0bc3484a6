"""The client with which a hub delivers to one subscription."""

import ssl
from collections.abc import Iterable

from anyio.abc import AsyncResource

from _websub.arguments import check_kind, check_seconds
from _websub.calls.client import AsyncClient, ExchangeError, ExchangeLimits, HttpClient, check_client, check_proxy
from _websub.calls.sharing import Share
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.vocabulary import Header, SignatureMethod
from _websub.http import Headers, Request, Response
from websubhub._clients.retry import RetryPolicy
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.distributor import shared_content
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.sharing import EngineShare
from websubhub._errors import ContentDeliveryError, SubscriptionDeletedError
from websubhub._messages import ContentDistributionMessage, ContentDistributionSuccess
from websubhub._subscriptions import Subscription

_KEPT_BODY_BYTES = 65_536
_GONE = 410


class HubClient(AsyncResource):
    """Delivers content to one subscription.

    You can make one for each subscription: clients on one event loop with the same settings (addresses, limits, TLS,
    proxy) share their connections and cost next to nothing. Use it directly, or as an async context manager that
    releases the connections at exit. It may be used on several event loops, one after the other.

    Args:
        subscription: The subscription to deliver to.
        signature_method: One of sha1, sha256, sha384, sha512. Used if the subscription has a secret.
        retry: How to repeat a failed delivery. By default, it is not repeated.
        timeout: Seconds from the start of the connection to the end of the response, instead of those in ``limits``.
        limits: Connections, timeouts and sizes, for all clients that share the connections.
        allow_networks: Networks that may be called even if they are not public, in CIDR notation.
        tls: Your own TLS context for https, for example with a client certificate or your own certificate authorities.
        proxy: The URL of an HTTP or SOCKS proxy for callbacks. The proxy resolves their names, so it must keep them
            away from private addresses.
        client: Your own HTTP client instead, with all of its settings: timeouts, headers, authentication, proxies, TLS.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument cannot be used, or cannot be used together with a client.

    Example:
        ```python
        import anyio

        from websubhub import ContentDistributionMessage, HubClient, Subscription

        subscription = Subscription(
            hub="https://hub.example.com/hub",
            topic="https://example.com/feed",
            callback="https://subscriber.example.com/callback",
            lease_seconds=86_400,
            secret="s3cret",
        )


        async def main():
            update = ContentDistributionMessage(content={"headline": "It works"})
            async with HubClient(subscription) as client:
                success = await client.notify_content_distribution(update)
            print(success.status)


        anyio.run(main)
        ```
    """

    def __init__(  # noqa: PLR0913 - the settings of Ballerina's clients, keyword-only except for the first
        self,
        subscription: Subscription,
        *,
        signature_method: str = SignatureMethod.SHA256,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        limits: EngineLimits | None = None,
        allow_networks: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        client: AsyncClient | None = None,
    ) -> None:
        check_kind(
            "HubClient.subscription",
            subscription,
            Subscription,
            advice="pass the message of on_subscription_intent_verified",
        )
        check_kind("HubClient.retry", retry, RetryPolicy, optional=True)
        check_kind("HubClient.limits", limits, EngineLimits, optional=True)
        check_kind("HubClient.tls", tls, ssl.SSLContext, optional=True)
        check_seconds("HubClient.timeout", timeout)
        check_client(client, timeout=timeout, limits=limits, tls=tls, proxy=proxy)
        self._subscription = subscription
        self._method = SignatureMethod(signature_method).value
        self._retry = retry
        self._timeout = timeout
        addresses = AddressPolicy.for_public_url(subscription.hub, tuple(allow_networks))
        limits = limits or EngineLimits()
        bounds = _exchange_limits(limits, timeout)
        self._engine = EngineShare(limits=limits, addresses=addresses, tls=tls)
        self._closed = False
        self._http: Share[HttpClient] | HttpClient | None = None
        if client is not None:
            self._http = HttpClient(client, limits=bounds)
        elif proxy is not None:
            self._http = _proxied(check_proxy("HubClient.proxy", proxy), addresses, bounds, tls)

    async def notify_content_distribution(self, message: ContentDistributionMessage) -> ContentDistributionSuccess:
        """Deliver a message, signed if the subscription has a secret (W3C 7, 7.1).

        Args:
            message: The message.

        Raises:
            SubscriptionDeletedError: The subscriber answered 410: it wants no more deliveries.
            ContentDeliveryError: The subscriber answered with another status that is not 2xx, or did not answer.
            RuntimeError: The client is closed, or was closed during the delivery.
        """
        check_kind("The message", message, ContentDistributionMessage)
        if self._retry is None:
            return await self._deliver(message)
        return await self._retry.run(lambda: self._deliver(message))

    async def _deliver(self, message: ContentDistributionMessage) -> ContentDistributionSuccess:
        if self._closed:
            raise RuntimeError("The client is closed.")
        subscription = self._subscription
        content = shared_content(
            message,
            topic=subscription.topic,
            hub=subscription.hub,
            signature_method=self._method,
            kept_body_bytes=_KEPT_BODY_BYTES,
            total_seconds=self._timeout,
        )
        if self._http is None:
            return self._judge(await self._send_by_engine(content))
        http = self._http.take() if isinstance(self._http, Share) else self._http
        return self._judge(await self._send_by(http, content))

    async def _send_by_engine(self, content: SharedContent) -> Response:
        subscription = self._subscription
        outcome = await self._engine.send_one(
            Delivery(subscription.callback, content, subscription.secret, subscription)
        )
        if outcome.failure is not None:
            raise self._unanswered(outcome.failure)
        return Response(status=outcome.status, headers=Headers(outcome.headers), body=outcome.body)

    async def _send_by(self, http: HttpClient, content: SharedContent) -> Response:
        subscription, answer, body = self._subscription, None, bytearray()
        headers = list(content.headers)
        if subscription.secret is not None:
            headers.append((Header.SIGNATURE, content.signature(subscription.secret)))
        request = Request(method=content.method, url=subscription.callback, headers=headers, body=content.body)
        try:
            async with http.open(request) as answer:
                async for chunk in answer.chunks:
                    body += chunk
                    if len(body) >= _KEPT_BODY_BYTES:
                        break
        except ExchangeError as error:
            # The status decides. The body has no meaning, so it may break off (W3C 7).
            if answer is None:
                raise self._unanswered(error.failure) from error
        return Response(status=answer.status, headers=answer.headers, body=bytes(body[:_KEPT_BODY_BYTES]))

    def _judge(self, response: Response) -> ContentDistributionSuccess:
        if response.ok:
            return ContentDistributionSuccess(status=response.status, headers=response.headers, body=response.body)
        if response.status == _GONE:
            reason = f"Subscription to topic [{self._subscription.topic}] is terminated by the subscriber"
            raise SubscriptionDeletedError(reason, headers=response.headers, content=response.body)
        raise ContentDeliveryError(
            "Error occurred distributing updated content",
            status=response.status,
            headers=response.headers,
            content=response.body,
        )

    def _unanswered(self, cause: str) -> ContentDeliveryError:
        reason = f"Content distribution failed for topic [{self._subscription.topic}]"
        return ContentDeliveryError(reason, cause=str(cause))

    async def aclose(self) -> None:
        """Release the connections. Those that other clients share, and your own HTTP client, stay open."""
        self._closed = True
        await self._engine.aclose()
        http = self._http.give_back() if isinstance(self._http, Share) else self._http
        if http is not None:
            await http.aclose()


def _exchange_limits(limits: EngineLimits, timeout: float | None) -> ExchangeLimits:
    return ExchangeLimits(
        seconds=timeout or limits.total_seconds,
        connect_seconds=limits.connect_seconds,
        response_bytes=_KEPT_BODY_BYTES,
        connections=limits.connections,
        keep_alive=limits.connections,
    )


def _proxied(
    proxy: str, addresses: AddressPolicy, limits: ExchangeLimits, tls: ssl.SSLContext | None
) -> Share[HttpClient]:
    rules = (HttpClient, proxy, addresses, limits, tls)
    return Share(rules, lambda: HttpClient(addresses=addresses, limits=limits, tls=tls, proxy=proxy))
