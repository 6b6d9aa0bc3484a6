"""Tools to test your own hubs, publishers and subscribers without sockets.

::

    web = InMemoryWeb()
    subscriber = RecordingSubscriber()
    web["subscriber.example"] = subscriber
    web["hub.example"] = asgi(MyHub(), HubConfig(url="https://hub.example/hub"), client=web.client())
"""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import anyio
import attrs
import httpx

from _websub.asgi.edge import AsgiApp, AsgiEdge, AsgiSend, Receive, Scope
from _websub.grammar.signature import STRONG_METHODS, SignatureError, sign
from _websub.grammar.signature import verify as verify_signature
from _websub.grammar.vocabulary import FORM, Header, Mode, Parameter, SignatureMethod
from _websub.http import Answer, Headers, Request, Response, plain

__all__ = [
    "FakeClock",
    "InMemoryWeb",
    "Received",
    "RecordingHub",
    "RecordingSubscriber",
    "signed_delivery",
    "verify",
]

# Ends the wait for a condition that never holds. It is long, so that no test fails because the machine is slow.
_WAIT_SECONDS = 30.0


class InMemoryWeb(httpx.AsyncBaseTransport):
    """The internet of a test, with an ASGI application for each host name.

    A host that is missing, or is in ``down``, cannot be connected to.

    Example:
        ```python
        import anyio

        from websubhub import PublisherClient
        from websubhub.testing import InMemoryWeb, RecordingHub


        async def main():
            web = InMemoryWeb()
            hub = web["hub.example"] = RecordingHub()
            await PublisherClient("https://hub.example/", client=web.client()).notify_update("https://example.com/")
            [form] = hub.forms
            assert form["hub.mode"] == "publish"
            assert form["hub.url"] == "https://example.com/"


        anyio.run(main)
        ```
    """

    def __init__(self) -> None:
        self._sites: dict[str, httpx.ASGITransport] = {}
        self.down: set[str] = set()
        self.requests: list[tuple[str, str]] = []

    def __setitem__(self, host: str, app: AsgiApp) -> None:
        """Set the application of a host."""
        self._sites[host] = httpx.ASGITransport(app)

    def client(self) -> httpx.AsyncClient:
        """Return a client that reaches only this web. Pass it to the hubs and clients under test."""
        return httpx.AsyncClient(transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the application of its host."""
        host = request.url.host
        self.requests.append((request.method, str(request.url)))
        if host in self.down or host not in self._sites:
            raise httpx.ConnectError("no such host in this web", request=request)
        target = request.extensions.get("target")
        if target is not None:  # the exact bytes, as on the wire, instead of the URL as httpx normalises it
            request.url = request.url.copy_with(raw_path=target)
        return await self._sites[host].handle_async_request(request)


@attrs.frozen(kw_only=True)
class Received:
    """A delivery that a recording subscriber received.

    Attributes:
        headers: Its headers.
        body: Its body.
        signature: Whether its signature is correct, or None if the subscriber has no secret.
    """

    headers: Headers
    body: bytes
    signature: bool | None


class RecordingSubscriber:
    """A subscriber, as an ASGI application, that records what it receives.

    Attributes:
        confirms: Whether it confirms verification requests.
        statuses: The statuses of the next responses to deliveries. When none is left, the status is 202.
        secret: The secret to check signatures with.
        verifications: The query of each verification request.
        denials: The query of each denial.
        notices: The query of each other notification of the hub.
        deliveries: The deliveries.
    """

    def __init__(self, *, secret: str | None = None) -> None:
        self.confirms = True
        self.statuses: list[int] = []
        self.secret = secret
        self.verifications: list[dict[str, str]] = []
        self.denials: list[dict[str, str]] = []
        self.notices: list[dict[str, str]] = []
        self.deliveries: list[Received] = []
        self._changed = anyio.Event()
        self._edge = AsgiEdge(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        await self._edge(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        response = self._deliver(request) if request.method == "POST" else self._confirm(request)
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        return Answer(response)

    def _confirm(self, request: Request) -> Response:
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        match query.get(Parameter.MODE):
            case Mode.SUBSCRIBE | Mode.UNSUBSCRIBE:
                self.verifications.append(query)
                if self.confirms:
                    headers = [("Content-Type", "application/octet-stream"), ("X-Content-Type-Options", "nosniff")]
                    return Response(status=200, headers=headers, body=query.get(Parameter.CHALLENGE, "").encode())
                return plain(404, "Not wanted.")
            case Mode.DENIED:
                self.denials.append(query)
            case _:
                self.notices.append(query)
        return Response(status=200)

    def _deliver(self, request: Request) -> Response:
        self.deliveries.append(Received(headers=request.headers, body=request.body, signature=self._check(request)))
        return Response(status=self.statuses.pop(0) if self.statuses else 202)

    def _check(self, request: Request) -> bool | None:
        if self.secret is None:
            return None
        try:
            methods = {*STRONG_METHODS, "sha1"}
            verify_signature(request.headers.get_all(Header.SIGNATURE), [self.secret], request.body, methods)
        except SignatureError:
            return False
        return True

    async def wait_until(self, condition: Callable[[], object], seconds: float = _WAIT_SECONDS) -> None:
        """Wait until a condition holds.

        Args:
            condition: Checked now, and whenever something is received.
            seconds: How long to wait.

        Raises:
            TimeoutError: The condition did not hold in time.
        """
        with anyio.fail_after(seconds):
            while not condition():
                await self._changed.wait()


class RecordingHub:
    """A hub, as an ASGI application, that records what it receives.

    Attributes:
        response: The response to every request.
        forms: The fields of each request with a form.
        requests: Every request.
    """

    def __init__(self, response: Response | None = None) -> None:
        self.response: Response = response or Response(status=202)
        self.forms: list[dict[str, str]] = []
        self.requests: list[Request] = []
        self._changed = anyio.Event()
        self._edge = AsgiEdge(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        await self._edge(scope, receive, send)

    async def wait_for_form(self, seconds: float = _WAIT_SECONDS) -> dict[str, str]:
        """Wait for the first form, and return it.

        Args:
            seconds: How long to wait.

        Raises:
            TimeoutError: No form came in time.
        """
        with anyio.fail_after(seconds):
            while not self.forms:
                await self._changed.wait()
        return self.forms[0]

    async def _answer(self, request: Request) -> Answer:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        self.requests.append(request)
        if request.headers.get("content-type", "").partition(";")[0].strip() == FORM:
            self.forms.append(dict(parse_qsl(request.body.decode(), keep_blank_values=True)))
        return Answer(self.response)


async def verify(
    client: httpx.AsyncClient, form: Mapping[str, str], *, challenge: str = "a-challenge", **changes: str
) -> httpx.Response:
    """Verify the intent of a subscriber as a hub does, and return its response (W3C 5.3).

    Args:
        client: The client of the web.
        form: The subscriber's request, as a ``RecordingHub`` has recorded it.
        challenge: The challenge that the subscriber has to echo.
        changes: Other values for some parameters, without ``hub.``: ``topic="https://example.com/other"``.
    """
    query = {
        Parameter.MODE: form[Parameter.MODE],
        Parameter.TOPIC: form[Parameter.TOPIC],
        Parameter.CHALLENGE: challenge,
        Parameter.LEASE_SECONDS: form.get(Parameter.LEASE_SECONDS, "3600"),
    }
    return await client.get(
        form[Parameter.CALLBACK], params=query | {f"hub.{name}": value for name, value in changes.items()}
    )


async def signed_delivery(
    client: httpx.AsyncClient,
    form: Mapping[str, str],
    content: bytes,
    *,
    content_type: str = "application/json",
    secret: str | None = None,
) -> httpx.Response:
    """Deliver content as a hub does, signed with the secret of the subscription, and return the response (W3C 7, 7.1).

    Args:
        client: The client of the web.
        form: The subscriber's request, as a ``RecordingHub`` has recorded it.
        content: The content.
        content_type: Its Content-Type.
        secret: Another secret to sign with, like a sender who does not know the right one.
    """
    headers = {"Content-Type": content_type}
    secret = secret if secret is not None else form.get(Parameter.SECRET)
    if secret is not None:
        headers[Header.SIGNATURE] = sign(SignatureMethod.SHA256, secret, content)
    return await client.post(form[Parameter.CALLBACK], content=content, headers=headers)


class FakeClock:
    """A clock that stands still until a test advances it. Call it to get the time, and ``sleep`` by it.

    Args:
        now: Seconds since 1970.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now: float = now
        self._moved = anyio.Event()

    def __call__(self) -> float:
        """Return the time, in seconds since 1970."""
        return self.now

    async def advance(self, seconds: float) -> None:
        """Advance the clock, and wait until everything that this wakes up has run."""
        self.now += seconds
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
        await anyio.wait_all_tasks_blocked()

    async def sleep(self, seconds: float) -> None:
        """Sleep until the clock has advanced by these seconds."""
        until = self.now + seconds
        while self.now < until:
            await self._moved.wait()
