"""How a publisher talks to a hub."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from _websub.addresses import AddressPolicy
from _websub.client import AsyncClient, ExchangeError, HttpClient
from _websub.content import Payload, encode
from _websub.forms import FormError, parse_form, write_form
from _websub.http import HeaderPairs, Headers, Request, Response
from _websub.media import MediaType
from _websub.outcome import Success, WebSubError
from _websub.urls import append_query, check_url
from _websub.vocabulary import FORM, Header, Mode, Parameter
from websubhub._errors import TopicDeregistrationError, TopicRegistrationError, UpdateMessageError
from websubhub._messages import Acknowledgement, TopicDeregistrationSuccess, TopicRegistrationSuccess

_REASON_LIMIT = 500


class PublisherClient:
    """Registers topics at a hub, publishes content to it, and tells it of updates.

    Usable as it is, or as an async context manager that closes its connections.

    Args:
        url: The hub's URL.
        token: A bearer token, for hubs that ask publishers for one.
        headers: Headers to send with every request.
        client: Your own HTTP client; by default one is made that may call any address, since you name the hub.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: "Mapping[str, str] | HeaderPairs" = (),
        client: AsyncClient | None = None,
    ) -> None:
        self._url = check_url(url, "The hub's URL")
        authorization = (("Authorization", f"Bearer {token}"),) if token else ()
        self._headers = (*Headers(headers).pairs, *authorization)
        self._http = HttpClient(client, addresses=AddressPolicy.everywhere())

    async def register_topic(self, topic: str, *, headers: Mapping[str, str] | None = None) -> TopicRegistrationSuccess:
        """Ask the hub to take a topic.

        Args:
            topic: The topic's URL.
            headers: Further headers of this request.

        Raises:
            TopicRegistrationError: The hub did not, or did not answer.
        """
        request = self._form([(Parameter.MODE, Mode.REGISTER), (Parameter.TOPIC, check_url(topic))], headers)
        response = await self._exchange(request, TopicRegistrationError)
        return _read(response, TopicRegistrationSuccess, TopicRegistrationError)

    async def deregister_topic(
        self, topic: str, *, headers: Mapping[str, str] | None = None
    ) -> TopicDeregistrationSuccess:
        """Ask the hub to give a topic up.

        Args:
            topic: The topic's URL.
            headers: Further headers of this request.

        Raises:
            TopicDeregistrationError: The hub did not, or did not answer.
        """
        request = self._form([(Parameter.MODE, Mode.DEREGISTER), (Parameter.TOPIC, check_url(topic))], headers)
        response = await self._exchange(request, TopicDeregistrationError)
        return _read(response, TopicDeregistrationSuccess, TopicDeregistrationError)

    async def publish_update(
        self,
        topic: str,
        payload: Payload,
        content_type: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Acknowledgement:
        """Send an update's content to the hub, for it to distribute.

        Args:
            topic: The topic's URL.
            payload: Bytes, sent as they are; or text, an XML element, or what JSON can say.
            content_type: The exact Content-Type; by default that of the payload's type.
            headers: Further headers of this request.

        Raises:
            UpdateMessageError: The hub did not take it, or did not answer.
        """
        body, content_type = encode(payload, content_type)
        url = append_query(self._url, [(Parameter.MODE, Mode.PUBLISH), (Parameter.TOPIC, check_url(topic))])
        pairs = [(Header.CONTENT_TYPE, content_type), *self._headers, *(headers or {}).items()]
        if MediaType.parse(content_type).essence == FORM:
            # The mark that this form is the content, and not a request that names its mode itself.
            pairs.append((Header.PUBLISHER, "publish"))
        request = Request(method="POST", url=url, headers=pairs, body=body)
        return _read(await self._exchange(request, UpdateMessageError), Acknowledgement, UpdateMessageError)

    async def notify_update(self, *topics: str, headers: Mapping[str, str] | None = None) -> Acknowledgement:
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
        mark = {Header.PUBLISHER: "event", **(headers or {})}
        request = self._form([(Parameter.MODE, Mode.PUBLISH), *names], mark)
        response = await self._exchange(request, UpdateMessageError)
        if response.ok and MediaType.parse(response.headers.get(Header.CONTENT_TYPE)).essence != FORM:
            return Acknowledgement(status=response.status, headers=response.headers)
        return _read(response, Acknowledgement, UpdateMessageError)

    def _form(self, fields: list[tuple[Any, str]], headers: Mapping[str, str] | None) -> Request:
        pairs = [(Header.CONTENT_TYPE, FORM), *self._headers, *(headers or {}).items()]
        body = write_form([(str(name), str(value)) for name, value in fields]).encode()
        return Request(method="POST", url=self._url, headers=pairs, body=body)

    async def _exchange(self, request: Request, error: type[WebSubError]) -> Response:
        try:
            return await self._http.send(request)
        except ExchangeError as cause:
            raise error(f"The hub could not be reached: {cause}.", status=0) from cause

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Keep connections until the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()


_SuccessT = TypeVar("_SuccessT", bound=Success)


def _read(response: Response, success: type[_SuccessT], error: type[WebSubError]) -> _SuccessT:
    """What the hub decided: accepted by any 2xx that says so or says nothing."""
    fields = _fields(response)
    if response.ok and (not response.body or fields.get(Parameter.MODE) == Mode.ACCEPTED):
        return success(status=response.status, headers=response.headers, body=fields)
    reason = fields.get(Parameter.REASON) or _plain_reason(response) or f"The hub answered {response.status}."
    raise error(reason, status=response.status, headers=response.headers, body=fields)


def _fields(response: Response) -> dict[str, str]:
    # Ballerina's hub sends its form without percent-encoding; read leniently, that does no harm.
    try:
        return parse_form(response.body.decode("utf-8", "replace").strip()).without(())
    except FormError:
        return {}


def _plain_reason(response: Response) -> str:
    if MediaType.parse(response.headers.get(Header.CONTENT_TYPE)).essence != "text/plain":
        return ""
    return response.body[:_REASON_LIMIT].decode("utf-8", "replace").strip()
