"""The client that requests subscriptions and unsubscriptions. It stores each request before sending it."""

from collections.abc import Mapping

from anyio.abc import AsyncResource

from _websub.arguments import check_number
from _websub.calls.client import AsyncClient, ExchangeError, ExchangeLimits, Failure
from _websub.grammar.addresses import is_loopback_host
from _websub.grammar.signature import check_secret
from _websub.grammar.urls import UrlError, check_url, host_of, is_https
from _websub.grammar.vocabulary import Mode, Parameter
from _websub.http import Headers, HeaderTypes, Request, Response
from websubsub import _protocol as protocol
from websubsub._config import LEASE_LIMIT
from websubsub._discovery.guarded_client import GuardedClient, may_follow
from websubsub._errors import InsecureSecretError, SubscriptionInitiationError
from websubsub._messages import SubscriptionChangeResponse
from websubsub._state.state import Step, Subscription, token_of
from websubsub._state.subscriptions import Subscriptions

#: A hub that verifies before it answers needs the time of two exchanges.
_LIMITS = ExchangeLimits(seconds=30.0)
_KEEPS_METHOD = frozenset({307, 308})
_REASON_LIMIT = 200

Fields = dict[str, str | None]


class SubscriptionClient(AsyncResource):
    """Sends subscription requests to hubs. It is an async context manager that keeps connections.

    Args:
        subscriptions: The store of requests, so that their verification is confirmed: ``subscriptions`` of the
            application that answers the callbacks.
        client: Your own HTTP client, with all of its settings: headers, authentication, timeouts, proxies.
        max_redirects: How many 307 and 308 redirects to other hubs to follow.
        insecure_secrets: Whether secrets may be sent over plain http to other machines (W3C 5.1 advises against it).
        private_hubs: Whether hubs may be at private addresses. Set it to False for hubs that a public page names.

    Example:
        ```python
        import anyio

        from websubsub import SubscriptionClient


        async def main():
            async with SubscriptionClient() as client:
                response = await client.subscribe(
                    hub="https://hub.example.com/hub",
                    topic="https://example.com/feed",
                    callback="https://subscriber.example.com/callback",
                )
            print(response.status)


        anyio.run(main)
        ```
    """

    def __init__(
        self,
        subscriptions: Subscriptions | None = None,
        *,
        client: AsyncClient | None = None,
        max_redirects: int = 3,
        insecure_secrets: bool = False,
        private_hubs: bool = True,
    ) -> None:
        self._subscriptions = subscriptions
        self._client = GuardedClient(client, limits=_LIMITS)
        self._max_redirects = max_redirects
        self._insecure_secrets = insecure_secrets
        self._private_hubs = private_hubs

    async def subscribe(
        self,
        *,
        hub: str,
        topic: str,
        callback: str,
        lease_seconds: int | None = None,
        secret: str | None = None,
        parameters: Mapping[str, str] | None = None,
        headers: HeaderTypes = (),
    ) -> SubscriptionChangeResponse:
        """Request a subscription of a callback to a topic, or its renewal (W3C 5.1).

        Args:
            hub: The hub's URL.
            topic: The topic's URL, exactly as discovered.
            callback: The callback's URL. Nobody should be able to guess it.
            lease_seconds: The lease to request, in seconds, or None to leave it to the hub.
            secret: The secret to sign deliveries with, shorter than 200 bytes, or None for unsigned deliveries.
            parameters: Additional parameters.
            headers: Additional headers.

        Raises:
            SubscriptionInitiationError: The hub refused the request, or did not answer.
            InsecureSecretError: The secret would be sent in clear text.
            ValueError: A URL, the lease or the secret cannot be used.
        """
        check_number("The lease", lease_seconds)
        if lease_seconds is not None and not 0 < lease_seconds < LEASE_LIMIT:
            raise ValueError("The lease must be a positive number of seconds, with at most twelve digits.")
        if secret is not None:
            self._check_transport(hub, check_secret(secret))
        fields = _fields(hub, topic, callback)
        fields[Parameter.LEASE_SECONDS] = None if lease_seconds is None else str(lease_seconds)
        fields[Parameter.SECRET] = secret
        await self._remember(Subscription(callback=callback, target=f"{hub} {topic}", hub=hub, topic=topic), secret)
        return await self._send(Mode.SUBSCRIBE, hub, {**fields, **(parameters or {})}, headers)

    async def unsubscribe(
        self,
        *,
        hub: str,
        topic: str,
        callback: str,
        parameters: Mapping[str, str] | None = None,
        headers: HeaderTypes = (),
    ) -> SubscriptionChangeResponse:
        """Request the end of a subscription (W3C 5.1).

        Args:
            hub: The hub's URL.
            topic: The subscription's topic.
            callback: The subscription's callback.
            parameters: Additional parameters.
            headers: Additional headers.

        Raises:
            SubscriptionInitiationError: The hub refused the request, or did not answer.
            ValueError: A URL cannot be used.
        """
        fields = _fields(hub, topic, callback)
        if self._subscriptions is not None:
            await self._subscriptions.change(
                token_of(callback), lambda known: known.after(Step.UNSUBSCRIBE) if not known.is_over else None
            )
        return await self._send(Mode.UNSUBSCRIBE, hub, {**fields, **(parameters or {})}, headers)

    async def _remember(self, new: Subscription, secret: str | None) -> None:
        if self._subscriptions is None:
            return
        known = self._subscriptions.get(new.token)
        if known is not None and (known.topic, known.callback) != (new.topic, new.callback):
            raise ValueError("The callback belongs to the subscription of another topic.")
        await self._subscriptions.change(new.token, lambda known: known.requested(secret), new=new)

    async def _send(self, mode: Mode, hub: str, fields: Fields, headers: HeaderTypes) -> SubscriptionChangeResponse:
        topic, callback = fields[Parameter.TOPIC] or "", fields[Parameter.CALLBACK] or ""
        url, allow_private = hub, self._private_hubs
        for _ in range(self._max_redirects + 1):
            request = protocol.change_request(mode, url, fields, Headers(headers).pairs)
            response, allow_private, location = await self._exchange(request, allow_private=allow_private, named=hub)
            if response.ok:
                return SubscriptionChangeResponse(
                    hub=url,
                    topic=topic,
                    callback=callback,
                    status=response.status,
                    headers=response.headers,
                    body=response.body,
                )
            if response.status not in _KEEPS_METHOD or location is None:
                raise _refused(mode, url, response)
            url = self._redirected(url, location, fields)
        raise SubscriptionInitiationError(f"The hub at {host_of(hub)} redirects too often.")

    async def _exchange(
        self, request: Request, *, allow_private: bool, named: str
    ) -> tuple[Response, bool, str | None]:
        body = bytearray()
        try:
            async with self._client.open(request, allow_private=allow_private, named=named) as guarded:
                incoming = guarded.incoming
                async for chunk in incoming.chunks:
                    body += chunk
                    if len(body) > _LIMITS.response_bytes:
                        raise ExchangeError(Failure.TOO_LARGE)
                response = Response(status=incoming.status, headers=incoming.headers, body=bytes(body))
                return response, guarded.from_private_network, incoming.redirect
        except ExchangeError as error:
            raise SubscriptionInitiationError(f"The hub at {host_of(request.url)}: {error}.") from error

    def _redirected(self, url: str, location: str, fields: Fields) -> str:
        try:
            check_url(location, "The redirect")
        except UrlError as error:
            raise SubscriptionInitiationError(f"The hub at {host_of(url)} redirects to an unusable URL.") from error
        if not may_follow(url, location):
            raise SubscriptionInitiationError(f"The hub at {host_of(url)} redirects from https to http.")
        if fields.get(Parameter.SECRET):
            self._check_transport(location, fields[Parameter.SECRET])
        return location

    def _check_transport(self, hub: str, secret: str | None) -> None:
        if not secret or self._insecure_secrets or is_https(hub) or is_loopback_host(host_of(hub)):
            return
        raise InsecureSecretError(
            f"The hub at {host_of(hub)} has no https, and a secret is not sent over http unless that is allowed."
        )

    async def aclose(self) -> None:
        """Close the connections. Your own client stays open."""
        await self._client.aclose()


def _fields(hub: str, topic: str, callback: str) -> Fields:
    check_url(hub, "The hub")
    return {
        Parameter.TOPIC: check_url(topic, "The topic"),
        Parameter.CALLBACK: check_url(callback, "The callback"),
    }


def _refused(mode: Mode, hub: str, response: Response) -> SubscriptionInitiationError:
    said = " ".join(response.body.decode("utf-8", "replace").split())
    shown = "".join(character for character in said if character.isprintable())[:_REASON_LIMIT]
    reason = f"The hub at {host_of(hub)} answered {response.status} to {mode}" + (f": {shown}" if shown else ".")
    return SubscriptionInitiationError(reason, status=response.status, headers=response.headers)
