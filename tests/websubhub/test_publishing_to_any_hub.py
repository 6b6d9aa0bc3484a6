"""PublisherClient at hubs of any make: what counts as yes, and how a publish is repeated without harm."""

import gc
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from _websub.http import Response
from tests.conformance.hubs import FORM, HUB, TOPIC
from tests.waiting import PATIENCE
from tests.websubhub.distribution.peers import NO_CONTENT, answering, peer
from websubhub import Acknowledgement, PublisherClient, RetryPolicy, UpdateMessageError, WebSubError
from websubhub.testing import InMemoryWeb, RecordingHub

QUICK = RetryPolicy(attempts=3, interval=0.001, factor=1, jitter=0)
PAGE = b"<!doctype html><p>Thank you for hub.mode=denied &amp; all the rest.</p>"
REFUSAL = b"hub.mode=denied&hub.reason=Not+yours"

CALLS = ["publish_update", "notify_update", "register_topic", "deregister_topic"]


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


@asynccontextmanager
async def asking(hub: Any, **settings: Any) -> AsyncIterator[PublisherClient]:
    web = InMemoryWeb()
    web["hub.example"] = hub
    async with web.client() as http, PublisherClient(HUB, client=http, **settings) as client:
        yield client


async def ask(client: PublisherClient, call: str) -> Any:
    arguments = (TOPIC, b"<feed/>", "application/atom+xml") if call == "publish_update" else (TOPIC,)
    return await getattr(client, call)(*arguments)


def saying(status: int, content_type: str | None = None, body: bytes = b"") -> RecordingHub:
    headers = [("Content-Type", content_type)] if content_type else []
    return RecordingHub(Response(status=status, headers=headers, body=body))


YES = [
    (200, None, b""),
    (204, None, b""),
    (202, "text/plain", b"OK"),
    (200, "text/plain; charset=utf-8", b"Accepted & queued = yes"),
    (201, "application/json", json.dumps({"hub.mode": "accepted", "id": 7}).encode()),
    (200, "application/json", b"{broken"),
    (200, "text/html", PAGE),
    (200, "text/html", b"hub.mode=denied"),
    (200, "text/html", b"x" * 200_000),
    (200, None, b"OK"),
    (200, None, bytes(range(256))),
    (200, FORM, b"hub.mode=accepted"),
    (200, FORM, b"hub.mode=publish&hub.topic=https%3A%2F%2Fp.example%2F"),
    (200, FORM, b"status=queued"),
    (200, FORM, b"&" * 5000),
    (299, "application/xml", b"<ok/>"),
]


@pytest.mark.spec("P-07")
@pytest.mark.parametrize(("status", "content_type", "body"), YES, ids=range(len(YES)))
async def test_any_2xx_is_a_yes(call: str, status: int, content_type: str | None, body: bytes) -> None:
    async with asking(saying(status, content_type, body)) as client:
        assert (await ask(client, call)).status == status


@pytest.mark.parametrize(
    ("content_type", "body", "fields"),
    [
        (FORM, b"a=1&hub.mode=accepted", {"a": "1", "hub.mode": "accepted"}),
        (FORM, b"a=1", {"a": "1"}),
        ("text/plain", b"a=1", {}),
        ("text/plain", b"hub.mode=accepted&a=1", {"hub.mode": "accepted", "a": "1"}),
        ("text/html", b"hub.mode=accepted&a=1", {}),
    ],
)
async def test_the_fields_of_an_answer_are_those_of_a_form(
    content_type: str, body: bytes, fields: dict[str, str]
) -> None:
    async with asking(saying(200, content_type, body)) as client:
        assert (await client.publish_update(TOPIC, b"x")).body == fields


@pytest.mark.parity("H130", "H132", "H134", "H136")
@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", "text/plain", None])
@pytest.mark.parametrize("status", [200, 202])
async def test_a_form_that_says_denied_is_a_no_whatever_its_status(
    call: str, status: int, content_type: str | None
) -> None:
    async with asking(saying(status, content_type, REFUSAL)) as client:
        with pytest.raises(WebSubError, match="Not yours") as caught:
            await ask(client, call)
    assert caught.value.status == status
    assert caught.value.body == {"hub.mode": "denied", "hub.reason": "Not yours"}


@pytest.mark.parametrize("status", [300, 301, 304, 307, 400, 401, 404, 410, 429, 500, 503])
async def test_any_other_status_is_a_no_whatever_its_body_says(call: str, status: int) -> None:
    async with asking(saying(status, FORM, b"hub.mode=accepted")) as client:
        with pytest.raises(WebSubError) as caught:
            await ask(client, call)
    assert caught.value.status == status


async def test_each_publish_has_an_id_of_its_own() -> None:
    hub = saying(202)
    async with asking(hub) as client:
        for _ in range(3):
            await client.publish_update(TOPIC, b"x")
        await client.notify_update(TOPIC)
        await client.register_topic(TOPIC)
    ids = [request.headers.get("x-hub-message-id") for request in hub.requests]
    assert len(set(ids[:3])) == 3
    assert all(each and len(each) >= 22 for each in ids[:3])
    assert ids[3:] == [None, None]


@pytest.mark.parametrize(
    "keywords",
    [
        {"message_id": "mine"},
        {"headers": {"x-hub-message-id": "mine"}},
        {"message_id": "mine", "headers": {"X-Hub-Message-Id": "other"}},
    ],
    ids=["argument", "header", "both"],
)
async def test_an_id_of_ones_own_is_sent(keywords: Any) -> None:
    hub = saying(202)
    async with asking(hub) as client:
        await client.publish_update(TOPIC, b"x", **keywords)
    assert hub.requests[0].headers.get_all("x-hub-message-id") == ("mine",)


async def test_the_id_that_a_hub_gives_is_told() -> None:
    hub = RecordingHub(Response(status=202, headers=[("X-Hub-Message-Id", "hubs own")]))
    async with asking(hub) as client:
        assert (await client.publish_update(TOPIC, b"x")).message_id == "hubs own"
    assert Acknowledgement().message_id is None


class Flaky:
    """A hub that fails a few times, by a status or by silence, and then says yes."""

    def __init__(self, *failures: int) -> None:
        self.failures = list(failures)
        self.requests: list[httpx.Request] = []

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if not self.failures:
            return httpx.Response(202)
        status = self.failures.pop(0)
        if not status:
            raise httpx.ReadError("gone")
        return httpx.Response(status, text="Not now.")


@pytest.mark.parametrize("failures", [(0, 0), (503, 500), (429,), (0, 504)], ids=lambda each: f"{each}")
async def test_with_a_retry_what_failed_is_repeated_as_it_was(call: str, failures: tuple[int, ...]) -> None:
    hub = Flaky(*failures)
    async with hub.client() as http, PublisherClient(HUB, client=http, retry=QUICK) as client:
        assert (await ask(client, call)).status == 202
    assert len(hub.requests) == len(failures) + 1
    assert len({(request.content, request.url, tuple(request.headers.raw)) for request in hub.requests}) == 1


@pytest.mark.parametrize(("failures", "attempts"), [((500,) * 9, 3), ((403,), 1), ((404, 500), 1), ((0,) * 9, 3)])
async def test_a_retry_ends_and_is_for_listed_statuses_only(
    call: str, failures: tuple[int, ...], attempts: int
) -> None:
    hub = Flaky(*failures)
    async with hub.client() as http, PublisherClient(HUB, client=http, retry=QUICK) as client:
        with pytest.raises(WebSubError) as caught:
            await ask(client, call)
    assert caught.value.status == failures[attempts - 1]
    assert len(hub.requests) == attempts


async def test_what_a_hub_denied_is_not_asked_again(call: str) -> None:
    hub = saying(200, FORM, REFUSAL)
    async with asking(hub, retry=RetryPolicy(attempts=3, interval=3600)) as client:
        with anyio.fail_after(PATIENCE), pytest.raises(WebSubError):
            await ask(client, call)
    assert len(hub.requests) == 1


async def test_without_a_retry_there_is_one_attempt(call: str) -> None:
    hub = Flaky(503)
    async with hub.client() as http, PublisherClient(HUB, client=http) as client:
        with pytest.raises(WebSubError):
            await ask(client, call)
    assert len(hub.requests) == 1


async def test_an_answer_that_breaks_off_is_no_yes_since_its_rest_might_have_been_a_no() -> None:
    async def broken(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nhub.mode=den")

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - of anyio, not of Django
        async with anyio.create_task_group() as tasks, PublisherClient(f"http://127.0.0.1:{port}/") as client:
            tasks.start_soon(listener.serve, broken)
            with pytest.raises(UpdateMessageError) as caught:
                await client.publish_update(TOPIC, b"x")
            tasks.cancel_scope.cancel()
    assert caught.value.status == 0
    assert caught.value.__cause__ is not None


def publish_in_turn(url: str, backend: str) -> list[int]:
    client = PublisherClient(url)

    async def publish() -> int:
        return (await client.publish_update(TOPIC, b"x")).status

    return [anyio.run(publish, backend=backend) for _ in range(3)]


def publish_in_threads(url: str) -> list[int]:
    client = PublisherClient(url)
    statuses: list[int] = []

    async def publish() -> None:
        statuses.extend([(await client.publish_update(TOPIC, b"x")).status for _ in range(20)])

    threads = [threading.Thread(target=anyio.run, args=(publish,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return statuses


# Nobody closes the connections in the event loop that they belong to, and asyncio complains about that.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_publisher_is_used_in_one_loop_after_another_and_in_those_of_several_threads(anyio_backend: str) -> None:
    with peer(answering(NO_CONTENT)) as server:
        assert publish_in_turn(server.url, anyio_backend) == [204] * 3
        assert server.connections == 3
        assert publish_in_threads(server.url) == [204] * 80
        gc.collect()
