"""The client with which a publisher talks to a hub."""

import secrets
import ssl
from typing import Any, TypeVar

import attrs
from anyio.abc import AsyncResource

from _websub.arguments import check_kind, check_seconds
from _websub.calls.client import AsyncClient, ExchangeError, ExchangeLimits, HttpClient, check_client, check_proxy
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.content import Payload, encode
from _websub.grammar.forms import FormError, parse_form, write_form
from _websub.grammar.media import MediaType
from _websub.grammar.urls import append_query, check_url
from _websub.grammar.vocabulary import FORM, Header, Mode, Parameter
from _websub.http import Headers, HeaderTypes, Request, Response
from _websub.outcome import Success, WebSubError
from _websub.tracing import with_trace
from websubhub._clients.retry import RetryPolicy
from websubhub._errors import TopicDeregistrationError, TopicRegistrationError, UpdateMessageError
from websubhub._messages import Acknowledgement, TopicDeregistrationSuccess, TopicRegistrationSuccess

_REASON_LIMIT = 500
_SECONDS = 15.0
#: The content types with which hubs send forms. Some omit the type or get it wrong.
_FORM_TYPES = frozenset({FORM, "text/plain", ""})


class PublisherClient(AsyncResource):
    """Registers topics at a hub, publishes content to it, and notifies it of updates.

    Any 2xx response of a hub means success, except a form with ``hub.mode=denied``. Use the client directly, or as an
    async context manager that closes its connections. It may be used on several event loops, one after the other.

    Args:
        url: The hub's URL.
        token: A bearer token, for hubs that require one from publishers.
        headers: Headers to send with every request, with a list where a name has several values.
        retry: How to repeat a request that got no response, or one with a status in the policy. By default, it is not
            repeated.
        timeout: Seconds from the start of the connection to the end of the response, for each attempt. The default is
            15.
        tls: Your own TLS context for https, for example with a client certificate or your own certificate authorities.
        proxy: The URL of an HTTP or SOCKS proxy for the hub.
        client: Your own HTTP client instead, with all of its settings: timeouts, headers, cookies, parameters,
            authentication, proxies, TLS. Without it, any address may be called, since you name the hub.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument cannot be used, or cannot be used together with a client.

    Example:
        ```python
        import anyio

        from websubhub import PublisherClient


        async def main():
            async with PublisherClient("https://hub.example.com/hub", token="s3cret") as publisher:
                await publisher.register_topic("https://example.com/feed")
                await publisher.publish_update("https://example.com/feed", {"headline": "It works"})


        anyio.run(main)
        ```
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: HeaderTypes = (),
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        client: AsyncClient | None = None,
    ) -> None:
        self._url = check_url(url, "The hub's URL")
        check_kind("PublisherClient.token", token, str, optional=True)
        check_kind("PublisherClient.retry", retry, RetryPolicy, optional=True)
        check_kind("PublisherClient.tls", tls, ssl.SSLContext, optional=True)
        check_seconds("PublisherClient.timeout", timeout)
        check_client(client, timeout=timeout, tls=tls, proxy=proxy)
        authorization = [("Authorization", f"Bearer {token}")] if token else []
        self._headers = _together(Headers(headers), Headers(authorization))
        self._retry = retry
        self._http = HttpClient(
            client,
            addresses=AddressPolicy.everywhere(),
            limits=ExchangeLimits(seconds=timeout or _SECONDS),
            tls=tls,
            proxy=check_proxy("PublisherClient.proxy", proxy) if proxy is not None else None,
        )

    async def register_topic(self, topic: str, *, headers: HeaderTypes | None = None) -> TopicRegistrationSuccess:
        """Register a topic at the hub.

        Args:
            topic: The topic's URL.
            headers: Additional headers for this request.

        Raises:
            TopicRegistrationError: The hub refused, or did not answer.
        """
        request = self._form([(Parameter.MODE, Mode.REGISTER), (Parameter.TOPIC, check_url(topic))], headers)
        return await self._ask(request, TopicRegistrationSuccess, TopicRegistrationError)

    async def deregister_topic(self, topic: str, *, headers: HeaderTypes | None = None) -> TopicDeregistrationSuccess:
        """Deregister a topic at the hub.

        Args:
            topic: The topic's URL.
            headers: Additional headers for this request.

        Raises:
            TopicDeregistrationError: The hub refused, or did not answer.
        """
        request = self._form([(Parameter.MODE, Mode.DEREGISTER), (Parameter.TOPIC, check_url(topic))], headers)
        return await self._ask(request, TopicDeregistrationSuccess, TopicDeregistrationError)

    async def publish_update(
        self,
        topic: str,
        payload: Payload,
        content_type: str | None = None,
        *,
        message_id: str | None = None,
        headers: HeaderTypes | None = None,
    ) -> Acknowledgement:
        """Send the content of an update to the hub, which distributes it.

        The update has an id, which is the same in all attempts, so that a hub that remembers ids accepts it once.

        Args:
            topic: The topic's URL.
            payload: Bytes (sent as they are), text, an XML element, or a value that JSON can express.
            content_type: The exact Content-Type. By default, it follows from the type of the payload.
            message_id: The id of the update, by default a new one. Pass an id to publish the same update again later.
            headers: Additional headers for this request.

        Raises:
            UpdateMessageError: The hub refused, or did not answer.
        """
        url = append_query(self._url, [(Parameter.MODE, Mode.PUBLISH), (Parameter.TOPIC, check_url(topic))])
        check_kind("message_id", message_id, str, optional=True)
        said = _together(self._headers, Headers(headers or ()))
        body, content_type = encode(payload, content_type or said.get(Header.CONTENT_TYPE))
        ours = [(Header.CONTENT_TYPE, content_type)]
        if message_id is not None or Header.MESSAGE_ID not in said:
            ours.append((Header.MESSAGE_ID, message_id or secrets.token_hex(16)))
        if MediaType.parse(content_type).essence == FORM:
            # Marks the form as content, and not as a request with a mode.
            ours.append((Header.PUBLISHER, "publish"))
        request = Request(method="POST", url=url, headers=_together(said, Headers(ours)), body=body)
        return await self._ask(request, Acknowledgement, UpdateMessageError)

    async def notify_update(self, *topics: str, headers: HeaderTypes | None = None) -> Acknowledgement:
        """Notify a hub that topics were updated, so that it fetches them.

        Args:
            topics: The topics' URLs, one or more.
            headers: Additional headers for this request.

        Raises:
            UpdateMessageError: The hub refused, or did not answer.
        """
        if not topics:
            raise ValueError("Name at least one topic.")
        # Hubs differ in which parameter they read, so each topic is sent under both names.
        names = [(name, check_url(topic)) for topic in topics for name in (Parameter.URL, Parameter.TOPIC)]
        request = self._form([(Parameter.MODE, Mode.PUBLISH), *names], headers, (Header.PUBLISHER, "event"))
        return await self._ask(request, Acknowledgement, UpdateMessageError)

    def _form(self, fields: list[tuple[Any, str]], headers: HeaderTypes | None, *marks: tuple[str, str]) -> Request:
        said = _together(self._headers, Headers(headers or ()))
        pairs = _together(said, Headers([(Header.CONTENT_TYPE, FORM), *marks]))
        body = write_form([(str(name), str(value)) for name, value in fields]).encode()
        return Request(method="POST", url=self._url, headers=pairs, body=body)

    async def _ask(self, request: Request, success: "type[_SuccessT]", error: type[WebSubError]) -> "_SuccessT":
        async def attempt() -> _SuccessT:
            return _read(await self._exchange(request, error), success, error)

        return await attempt() if self._retry is None else await self._retry.run(attempt)

    async def _exchange(self, request: Request, error: type[WebSubError]) -> Response:
        try:
            traced = attrs.evolve(request, headers=with_trace(request.headers))
            return await self._http.send(traced, cut=True)
        except ExchangeError as cause:
            raise error(f"The hub could not be reached: {cause}.", status=0) from cause

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


_SuccessT = TypeVar("_SuccessT", bound=Success)


def _together(said: Headers, later: Headers) -> Headers:
    """Return all headers, with the later value of a name that is in both."""
    return Headers([*(pair for pair in said.pairs if pair[0] not in later), *later.pairs])


def _read(response: Response, success: type[_SuccessT], error: type[WebSubError]) -> _SuccessT:
    """Return the success in a hub's response: any 2xx, except a form with ``hub.mode=denied`` (as Ballerina sends)."""
    fields = _fields(response)
    if response.ok and fields.get(Parameter.MODE) != Mode.DENIED:
        return success(status=response.status, headers=response.headers, body=fields)
    reason = fields.get(Parameter.REASON) or _plain_reason(response) or f"The hub answered {response.status}."
    raise error(reason, status=response.status, headers=response.headers, body=fields)


def _fields(response: Response) -> dict[str, str]:
    """Return the fields of a response that is a form. Any other has none."""
    essence = MediaType.parse(response.headers.get(Header.CONTENT_TYPE)).essence
    if essence not in _FORM_TYPES:
        return {}
    # Ballerina's hub sends its form without percent-encoding, which a lenient reader can handle.
    try:
        fields = parse_form(response.body.decode("utf-8", "replace").strip()).without(())
    except FormError:
        return {}
    return fields if essence == FORM or Parameter.MODE in fields else {}


def _plain_reason(response: Response) -> str:
    if MediaType.parse(response.headers.get(Header.CONTENT_TYPE)).essence != "text/plain":
        return ""
    return response.body[:_REASON_LIMIT].decode("utf-8", "replace").strip()
