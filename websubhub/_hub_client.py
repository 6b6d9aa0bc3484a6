"""How a hub delivers to one subscription."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from _websub.client import AsyncClient, ExchangeError, ExchangeLimits, HttpClient
from _websub.http import Headers, Request, Response
from _websub.signature import sign
from _websub.vocabulary import Header, SignatureMethod
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.distributor import ContentDistributor, shared_content
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._errors import ContentDeliveryError, SubscriptionDeletedError
from websubhub._messages import ContentDistributionMessage, ContentDistributionSuccess, Subscription
from websubhub._retry import RetryPolicy

_KEPT_BODY_BYTES = 65_536
_GONE = 410


class HubClient:
    """Delivers content to one subscription, over a connection that it keeps.

    Usable as it is, or as an async context manager that closes its connection. It belongs to one event loop.

    Args:
        subscription: Whom to deliver to.
        signature_method: One of sha1, sha256, sha384, sha512; used when the subscription has a secret.
        retry: How to repeat a failed delivery; by default not at all.
        allow_networks: Networks, as CIDR text, that may be called although they are not public.
        client: Your own HTTP client, with its own pool, proxies and TLS settings.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        signature_method: str = SignatureMethod.SHA256,
        retry: RetryPolicy | None = None,
        allow_networks: Iterable[str] = (),
        client: AsyncClient | None = None,
    ) -> None:
        self._subscription = subscription
        self._method = SignatureMethod(signature_method)
        self._retry = retry
        self._distributor = ContentDistributor(
            subscription.hub, signature_method=signature_method, allow_networks=allow_networks
        )
        limits = ExchangeLimits(response_bytes=_KEPT_BODY_BYTES)
        self._http = HttpClient(client, limits=limits) if client is not None else None

    async def notify_content_distribution(self, message: ContentDistributionMessage) -> ContentDistributionSuccess:
        """Deliver a message, signed when the subscription has a secret (W3C 7, 7.1).

        Args:
            message: What to send.

        Raises:
            SubscriptionDeletedError: The subscriber answered 410: it wants no more.
            ContentDeliveryError: It answered something else that is not 2xx, or not at all.
        """
        if self._retry is None:
            return await self._deliver(message)
        return await self._retry.run(lambda: self._deliver(message))

    async def _deliver(self, message: ContentDistributionMessage) -> ContentDistributionSuccess:
        if self._http is not None:
            return self._judge(await self._send(self._http, message))
        subscription, distributor = self._subscription, self._distributor
        content = distributor.prepare(message, subscription.topic, kept_body_bytes=_KEPT_BODY_BYTES)
        delivery = Delivery(subscription.callback, content, subscription.secret, subscription)
        outcomes: list[DeliveryOutcome] = []
        await distributor.send((delivery,), lambda _, outcome: outcomes.append(outcome))
        [outcome] = outcomes
        if outcome.failure is not None:
            raise self._unanswered(outcome.failure)
        return self._judge(Response(status=outcome.status, headers=Headers(outcome.headers), body=outcome.body))

    async def _send(self, client: HttpClient, message: ContentDistributionMessage) -> Response:
        subscription = self._subscription
        content = shared_content(message, topic=subscription.topic, hub=subscription.hub)
        headers = list(content.headers)
        if subscription.secret is not None:
            headers.append((Header.SIGNATURE, sign(self._method, subscription.secret, content.body)))
        request = Request(method="POST", url=subscription.callback, headers=headers, body=content.body)
        try:
            return await client.send(request)
        except ExchangeError as error:
            raise self._unanswered(error.failure) from error

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
        """Close the connection; a client that was given stays open."""
        await self._distributor.aclose()
        if self._http is not None:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Keep the connection until the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.aclose()
