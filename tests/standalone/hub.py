"""A standalone hub in this process, with subscribers and topics on real sockets of loopback."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import anyio
import attrs
import httpx

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, Response
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.ports import held_port
from tests.standalone.default_store import default_store
from tests.waiting import PATIENCE
from tests.waiting import until as until  # noqa: PLC0414 - for those who import it from here
from websubhub.standalone.runtime import run_hub
from websubhub.standalone.settings import Settings
from websubhub.testing import RecordingSubscriber

TOKEN = "publisher-token-of-the-tests"
ADMIN = "admin-token-of-the-tests"
FORM = "application/x-www-form-urlencoded"


class Site:
    """A topic that a hub can fetch, as an ASGI application that remembers how it was asked.

    Attributes:
        body: What it serves.
        headers: With which headers; an ETag makes it answer 304 to those who have it.
        status: With which status.
        requests: The requests.
    """

    def __init__(self, body: bytes = b"content", content_type: str = "text/plain", **headers: str) -> None:
        self.body = body
        self.headers = {"Content-Type": content_type, **{name.replace("_", "-"): headers[name] for name in headers}}
        self.status = 200
        self.requests: list[Request] = []
        self._edge = AsgiEdge(self._answer)

    @property
    def fetches(self) -> int:
        """How often it was asked."""
        return len(self.requests)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._edge(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        etag = self.headers.get("ETag")
        if etag is not None and request.headers.get("if-none-match") == etag:
            return Answer(Response(status=304, headers={"ETag": etag}))
        return Answer(Response(status=self.status, headers=self.headers, body=self.body))


@attrs.define
class World:
    """A hub and its peers.

    Attributes:
        hub: The hub's URL.
        peers: The base URL of what is attached.
        client: For requests to the hub.
        stop: Stops the hub.
    """

    hub: str
    peers: str
    client: httpx.AsyncClient
    stop: Callable[[], None]
    _listener: AppListener

    def subscriber(self, path: str = "/callback", *, secret: str | None = None) -> RecordingSubscriber:
        """A subscriber that records what it gets, at a path of ``peers``."""
        subscriber = RecordingSubscriber(secret=secret)
        self.attach(path, subscriber)
        return subscriber

    def site(self, path: str = "/topic", **arguments: Any) -> Site:
        """A topic, at a path of ``peers``."""
        site = Site(**arguments)
        self.attach(path, site)
        return site

    def attach(self, path: str, app: RecordingSubscriber | Site) -> None:
        """Answer at a path of ``peers`` with an application."""
        self._listener.attach(path, app, nullcontext())

    async def ask(self, token: str = "", **fields: object) -> httpx.Response:
        """Send the hub a form; ``mode`` stands for ``hub.mode`` and so on."""
        form = [(f"hub.{name}", str(each)) for name, value in fields.items() for each in _each(value)]
        headers = {"Content-Type": FORM, **_bearer(token)}
        return await self.client.post(self.hub, content=urlencode(form), headers=headers)

    async def subscribe(
        self, subscriber: RecordingSubscriber, topic: str, path: str = "/callback", **fields: str | int
    ) -> None:
        """Subscribe, and wait until the hub has verified that and knows the answer."""
        asked = len(subscriber.verifications)
        answer = await self.ask(mode="subscribe", topic=topic, callback=self.peers + path, token="", **fields)
        assert answer.status_code == 202, answer.text
        await subscriber.wait_until(lambda: len(subscriber.verifications) > asked)
        await self.verified()

    async def verified(self) -> None:
        """Wait until no verification is pending."""
        with anyio.fail_after(PATIENCE):
            while "websubhub_pending_verifications 0.0" not in (await self.get("/metrics")).text:  # noqa: ASYNC110
                await anyio.sleep(0.005)

    async def publish(
        self, topic: str, content: bytes = b"content", content_type: str = "text/plain", token: str = ""
    ) -> httpx.Response:
        """Publish content."""
        url = f"{self.hub}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
        headers = {"Content-Type": content_type, **_bearer(token)}
        return await self.client.post(url, content=content, headers=headers)

    async def ping(self, *topics: str) -> httpx.Response:
        """Announce that topics have changed."""
        return await self.ask(mode="publish", url=topics)

    async def get(self, path: str, **query: object) -> httpx.Response:
        """Look at the hub; the admin token is shown."""
        return await self.client.get(self._at(path), params=query, headers=_bearer(ADMIN))  # type: ignore[arg-type]

    async def order(self, path: str, **parameters: object) -> Any:
        """Operate the hub; the admin token is shown."""
        answer = await self.client.post(self._at(path), json=parameters, headers=_bearer(ADMIN))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def quiet(self) -> None:
        """Wait until no delivery is owed, and that is on disk."""
        with anyio.fail_after(PATIENCE):
            while (await self.statistics())["waiting"]:  # noqa: ASYNC110
                await anyio.sleep(0.005)
        await self.get("/admin/dead-letters")

    async def fetched(self) -> None:
        """Wait until every announced topic was fetched, and what came of it is delivered."""
        with anyio.fail_after(PATIENCE):
            while (await self.statistics())["announcements"]["pending"]:  # noqa: ASYNC110
                await anyio.sleep(0.005)
        await self.quiet()

    async def statistics(self) -> dict[str, Any]:
        """The hub's counts."""
        statistics: dict[str, Any] = (await self.get("/admin/statistics")).json()
        return statistics

    def _at(self, path: str) -> str:
        return self.hub.removesuffix("/hub") + path


def seconds(time: str) -> float:
    """The seconds since 1970 of a time of the admin API."""
    return datetime.fromisoformat(time).timestamp()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _each(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def settings_with(**changes: Any) -> Settings:
    """Settings that suit a test."""
    return Settings(**{"port": 0, "store": default_store(), "min_lease_seconds": 1, "admin_token": ADMIN, **changes})


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    """Run a hub and a place for its peers."""
    started, stop, urls = anyio.Event(), anyio.Event(), list[str]()

    def ready(url: str) -> None:
        urls.append(url)
        started.set()

    async def run(port: int) -> None:
        await run_hub(settings_with(**{"port": port, **settings}), stop=stop.wait, ready=ready)

    with anyio.fail_after(2 * PATIENCE), held_port() as port:
        async with AppListener(Binding(port=0, graceful_seconds=0.5)) as listener, anyio.create_task_group() as tasks:
            peers = await listener.start()
            # Under a public URL it does not say where it listens.
            tasks.start_soon(run, port if "public_url" in settings else 0)
            await started.wait()
            async with httpx.AsyncClient(timeout=PATIENCE) as client:
                hub = f"http://127.0.0.1:{port}/hub" if "public_url" in settings else urls[0]
                yield World(hub, peers, client, stop.set, listener)
            stop.set()
