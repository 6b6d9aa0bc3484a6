"""How a publisher talks to a hub."""

import secrets
import ssl
from typing import Any, TypeVar

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
from websubhub._clients.retry import RetryPolicy
from websubhub._errors import TopicDeregistrationError, TopicRegistrationError, UpdateMessageError
from websubhub._messages import Acknowledgement, TopicDeregistrationSuccess, TopicRegistrationSuccess

_REASON_LIMIT = 500
_SECONDS = 15.0
#: What hubs write their forms as; some forget to say so.
_FORM_TYPES = frozenset({FORM, "text/plain", ""})


class PublisherClient(AsyncResource):
    """Registers topics at a hub, publishes content to it, and tells it of updates.

    Any 2xx of a hub means that it took what was asked, whatever else it says, except ``hub.mode=denied`` in a form.
    Usable as it is, or as an async context manager that closes its connections. It may be used on several event loops,
    one after the other.

    Args:
        url: The hub's URL.
        token: A bearer token, for hubs that ask publishers for one.
        headers: Headers to send with every request; a list where a name has several values.
        retry: How to repeat what got no answer, or an answer of one of its statuses; by default not at all.
        timeout: Seconds from the start of the connection to the end of the answer, for each attempt; 15 by default.
        tls: Your own context for https, with a client certificate or certificate authorities of your own.
        proxy: The URL of an HTTP or SOCKS proxy that calls the hub.
        client: Your own HTTP client instead, used whole: with its timeouts, headers, cookies, parameters,
            authentication, proxies and TLS. By default any address may be called, since you name the hub.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument cannot be used, or cannot be used together with a client.
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
        """Ask the hub to take a topic.

        Args:
            topic: The topic's URL.
            headers: Further headers of this request.

        Raises:
            TopicRegistrationError: The hub did not, or did not answer.
        """
        request = self._form([(Parameter.MODE, Mode.REGISTER), (Parameter.TOPIC, check_url(topic))], headers)
        return await self._ask(request, TopicRegistrationSuccess, TopicRegistrationError)

    async def deregister_topic(self, topic: str, *, headers: HeaderTypes | None = None) -> TopicDeregistrationSuccess:
        """Ask the hub to give a topic up.

        Args:
            topic: The topic's URL.
            headers: Further headers of this request.

        Raises:
            TopicDeregistrationError: The hub did not, or did not answer.
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
        """Send an update's content to the hub, for it to distribute.

        The update has an id, which stays the same over all attempts, so that a hub that keeps ids takes it once.

        Args:
            topic: The topic's URL.
            payload: Bytes, sent as they are; or text, an XML element, or what JSON can say.
            content_type: The exact Content-Type; by default that of the payload's type.
            message_id: The update's id; by default a new one. Give one to publish the same update again later.
            headers: Further headers of this request.

        Raises:
            UpdateMessageError: The hub did not take it, or did not answer.
        """
        url = append_query(self._url, [(Parameter.MODE, Mode.PUBLISH), (Parameter.TOPIC, check_url(topic))])
        check_kind("message_id", message_id, str, optional=True)
        said = _together(self._headers, Headers(headers or ()))
        body, content_type = encode(payload, content_type or said.get(Header.CONTENT_TYPE))
        ours = [(Header.CONTENT_TYPE, content_type)]
        if message_id is not None or Header.MESSAGE_ID not in said:
            ours.append((Header.MESSAGE_ID, message_id or secrets.token_hex(16)))
        if MediaType.parse(content_type).essence == FORM:
            # The mark that this form is the content, and not a request that names its mode itself.
            ours.append((Header.PUBLISHER, "publish"))
        request = Request(method="POST", url=url, headers=_together(said, Headers(ours)), body=body)
        return await self._ask(request, Acknowledgement, UpdateMessageError)

    async def notify_update(self, *topics: str, headers: HeaderTypes | None = None) -> Acknowledgement:
        """Tell a hub, ours or another's, that topics were updated; it fetches them itself.

        Args:
            topics: The topics' URLs, one or more.
            headers: Further headers of this request.

        Raises:
            UpdateMessageError: The hub did not take it, or did not answer.
        """
        if not topics:
            raise ValueError("Name at least one topic.")
        # Hubs differ in the name they read the topic from, so each topic goes under both.
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
            return await self._http.send(request, cut=True)
        except ExchangeError as cause:
            raise error(f"The hub could not be reached: {cause}.", status=0) from cause

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


_SuccessT = TypeVar("_SuccessT", bound=Success)


def _together(said: Headers, later: Headers) -> Headers:
    """All headers; a name that is said again is said anew."""
    return Headers([*(pair for pair in said.pairs if pair[0] not in later), *later.pairs])


def _read(response: Response, success: type[_SuccessT], error: type[WebSubError]) -> _SuccessT:
    """What the hub decided: any 2xx says yes, unless its form says ``hub.mode=denied``, as that of Ballerina's hub."""
    fields = _fields(response)
    if response.ok and fields.get(Parameter.MODE) != Mode.DENIED:
        return success(status=response.status, headers=response.headers, body=fields)
    reason = fields.get(Parameter.REASON) or _plain_reason(response) or f"The hub answered {response.status}."
    raise error(reason, status=response.status, headers=response.headers, body=fields)


def _fields(response: Response) -> dict[str, str]:
    """The fields of an answer that is a form; of any other, none."""
    essence = MediaType.parse(response.headers.get(Header.CONTENT_TYPE)).essence
    if essence not in _FORM_TYPES:
        return {}
    # Ballerina's hub sends its form without percent-encoding; read leniently, that does no harm.
    try:
        fields = parse_form(response.body.decode("utf-8", "replace").strip()).without(())
    except FormError:
        return {}
    return fields if essence == FORM or Parameter.MODE in fields else {}


def _plain_reason(response: Response) -> str:
    if MediaType.parse(response.headers.get(Header.CONTENT_TYPE)).essence != "text/plain":
        return ""
    return response.body[:_REASON_LIMIT].decode("utf-8", "replace").strip()
