"""What users of HubClient and PublisherClient set: timeouts, limits, TLS, proxies, headers, a client of their own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import httpx
import pytest
import trustme

from tests.conformance.hubs import FORM, HUB, TOPIC, RawCallback, a_subscription, served
from tests.waiting import PATIENCE
from tests.websub.proxies import a_proxy
from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, hang, peer
from websubhub import (
    Acknowledgement,
    ContentDeliveryError,
    ContentDistributionMessage,
    ContentDistributor,
    EngineLimits,
    HubClient,
    HubConfig,
    PublisherClient,
    RetryPolicy,
    SubscriptionAccepted,
    TopicClient,
    TopicRegistrationError,
    UpdateMessageError,
    asgi,
)
from websubhub.testing import InMemoryWeb

LOCAL = "http://127.0.0.1:8080/hub"
MESSAGE = ContentDistributionMessage(content=b"hello", content_type="text/plain")
AUTHORITY = trustme.CA()


@attrs.frozen
class Door:
    """One of the clients, as it is made and used."""

    name: str

    def made(self, url: str, **settings: Any) -> Any:
        if self.name == "HubClient":
            return HubClient(a_subscription(hub=LOCAL, callback=url, secret="s"), **settings)
        return PublisherClient(url, **settings)

    async def use(self, client: Any) -> Any:
        if self.name == "HubClient":
            return await client.notify_content_distribution(MESSAGE)
        return await client.publish_update(TOPIC, b"hello", "text/plain")

    @property
    def error(self) -> type[ContentDeliveryError | UpdateMessageError]:
        return ContentDeliveryError if self.name == "HubClient" else UpdateMessageError


@pytest.fixture(params=["HubClient", "PublisherClient"])
def door(request: pytest.FixtureRequest) -> Door:
    return Door(request.param)


def mutual(*names: str) -> ssl.SSLContext:
    """A server that asks for a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def trusting(*, certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    if certificate:
        AUTHORITY.issue_cert("publisher.test").configure_cert(context)
    return context


async def test_a_client_certificate_opens_a_server_that_asks_for_one(door: Door) -> None:
    with peer(answering(NO_CONTENT), mutual("127.0.0.1")) as server:
        url = server.url + "/x"
        async with door.made(url, tls=trusting(certificate=True)) as client:
            assert (await door.use(client)).status == 204
        async with door.made(url, tls=trusting(certificate=False)) as client:
            with pytest.raises(door.error) as caught:
                await door.use(client)
        async with door.made(url) as client:
            with pytest.raises(door.error):
                await door.use(client)
    assert caught.value.status == 0
    assert len(server.requests) == 1


async def test_a_client_certificate_of_a_distributor() -> None:
    statuses: list[int] = []
    with peer(answering(NO_CONTENT), mutual("127.0.0.1")) as server:
        for limits in (None, EngineLimits()):
            context = trusting(certificate=True)
            async with ContentDistributor(LOCAL, tls=context, limits=limits) as distributor:
                recipients = [a_subscription(hub=LOCAL, callback=f"{server.url}/{n}") for n in range(5)]
                await distributor.distribute(
                    MESSAGE, TOPIC, recipients, lambda _, outcome: statuses.append(outcome.status)
                )
    assert statuses == [204] * 10


@asynccontextmanager
async def behind_a_proxy(door: Door, *, secure: bool, certificate: bool = True) -> AsyncIterator[tuple[Any, Any, Peer]]:
    tls = mutual("inside.test") if secure else None
    settings = {"tls": trusting(certificate=certificate)} if secure else {}
    with peer(answering(NO_CONTENT), tls) as server:
        async with a_proxy(names={"inside.test": "127.0.0.1"}) as proxy:
            url = f"{'https' if secure else 'http'}://inside.test:{server.port}/c?x=%7e|"
            async with door.made(url, proxy=proxy.url, **settings) as client:
                yield client, proxy, server


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_a_proxy_calls_whom_only_it_knows(door: Door, *, secure: bool) -> None:
    async with behind_a_proxy(door, secure=secure) as (client, proxy, server):
        for _ in range(3):
            assert (await door.use(client)).status == 204
    assert proxy.lines
    assert {line.partition(" ")[0] for line in proxy.lines} == {"CONNECT" if secure else "POST"}
    assert all(request.startswith(b"POST /c?x=%7e|") for request in server.requests)
    assert len(server.requests) == 3


async def test_hub_clients_share_their_connections_to_a_proxy() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with a_proxy() as proxy:
            clients = [
                HubClient(a_subscription(hub=LOCAL, callback=f"{server.url}/{n}"), proxy=proxy.url) for n in range(50)
            ]
            for client in clients:
                await client.notify_content_distribution(MESSAGE)
            assert proxy.most == 1
            for client in clients[1:]:
                await client.aclose()
            await clients[0].notify_content_distribution(MESSAGE)
            assert proxy.most == 1
            await clients[0].aclose()
            with anyio.fail_after(PATIENCE):
                while proxy.open:  # noqa: ASYNC110 - the proxy has no event for it
                    await anyio.sleep(0.001)


async def test_connections_to_a_proxy_are_bounded_by_the_limits() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with a_proxy() as proxy:
            subscription, limits = a_subscription(hub=LOCAL, callback=server.url), EngineLimits(connections=2)
            client = HubClient(subscription, proxy=proxy.url, limits=limits)
            async with client, anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(client.notify_content_distribution, MESSAGE)
            assert proxy.most <= 2
    assert len(server.requests) == 20


@pytest.mark.spec("SEC-15")
async def test_a_public_hub_asks_its_proxy_for_no_private_address() -> None:
    async with a_proxy() as proxy:
        for host in ("127.0.0.1", "localhost", "10.0.0.1", "[::1]"):
            async with HubClient(a_subscription(callback=f"http://{host}/"), proxy=proxy.url) as client:
                with pytest.raises(ContentDeliveryError):
                    await client.notify_content_distribution(MESSAGE)
        assert not proxy.lines


async def test_the_timeout_is_over_the_whole_exchange(door: Door) -> None:
    with peer(hang) as server:
        async with door.made(server.url, timeout=0.2) as client:
            with anyio.fail_after(PATIENCE), pytest.raises(door.error) as caught:
                await door.use(client)
    assert caught.value.status == 0


async def test_a_timeout_may_be_longer_than_the_usual_one(door: Door) -> None:
    made = []
    for seconds in (None, 3600.0):
        with peer(answering(NO_CONTENT)) as server:
            async with door.made(server.url, timeout=seconds) as client:
                made.append((await door.use(client)).status)
    assert made == [204, 204]


async def test_limits_say_how_long_and_how_many() -> None:
    short, single = EngineLimits(total_seconds=0.2), EngineLimits(connections_per_origin=1)
    with peer(hang) as silent, peer(answering(NO_CONTENT)) as server:
        async with HubClient(a_subscription(hub=LOCAL, callback=silent.url), limits=short) as client:
            with anyio.fail_after(PATIENCE), pytest.raises(ContentDeliveryError):
                await client.notify_content_distribution(MESSAGE)
        client = HubClient(a_subscription(hub=LOCAL, callback=server.url), limits=single)
        async with client, anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(client.notify_content_distribution, MESSAGE)
    assert server.most == 1


LISTS: list[Any] = [
    {"X-A": ["1", "2"], "X-B": "3"},
    [("X-A", ["1", "2"]), ("X-B", "3")],
    [("X-A", "1"), ("X-A", "2"), ("X-B", "3")],
    {"X-A": ("1", "2"), "X-B": 3},
]


@pytest.mark.parametrize("headers", LISTS, ids=range(len(LISTS)))
async def test_a_list_of_values_is_one_header_for_each_in_a_message(headers: Any) -> None:
    callback = RawCallback()
    async with served(callback) as base:
        message = ContentDistributionMessage(content=b"x", headers=headers)
        async with HubClient(a_subscription(hub=LOCAL, callback=base + "/")) as client:
            await client.notify_content_distribution(message)
    ((_, _, seen, _),) = callback.requests
    assert (seen.get_all("x-a"), seen.get_all("x-b")) == (("1", "2"), ("3",))


@pytest.mark.parametrize("headers", LISTS, ids=range(len(LISTS)))
async def test_a_list_of_values_is_one_header_for_each_in_a_client_and_in_a_call(headers: Any) -> None:
    callback = RawCallback(lambda _: (204, [], b""))
    async with served(callback) as base:
        for settings, call in (({"headers": headers}, {}), ({}, {"headers": headers})):
            async with PublisherClient(base + "/", **settings) as client:
                await client.publish_update(TOPIC, b"x", **call)
                await client.notify_update(TOPIC, **call)
                await client.register_topic(TOPIC, **call)
                await client.deregister_topic(TOPIC, **call)
    assert len(callback.requests) == 8
    for _, _, seen, _ in callback.requests:
        assert (seen.get_all("x-a"), seen.get_all("x-b")) == (("1", "2"), ("3",))


def test_a_list_of_values_is_one_header_for_each_in_successes_and_errors() -> None:
    for made in (
        Acknowledgement(headers={"X-A": ["1", "2"]}),
        SubscriptionAccepted(headers={"X-A": ["1", "2"]}),
        TopicRegistrationError("no", headers={"X-A": ["1", "2"]}),
        ContentDeliveryError("no", headers={"X-A": ["1", "2"]}),
    ):
        assert made.headers.pairs == (("X-A", "1"), ("X-A", "2"))


@pytest.mark.parametrize("headers", [7, "X-A: 1", {"X-A": None}, {"X-A": b"1"}, {"X-A": [["1"]]}, [("X-A",)], {7: "1"}])
def test_headers_that_are_none_are_refused_in_one_sentence(headers: Any) -> None:
    for make in (
        lambda: PublisherClient(HUB, headers=headers),
        lambda: ContentDistributionMessage(content=b"x", headers=headers),
        lambda: Acknowledgement(headers=headers),
        lambda: TopicRegistrationError("no", headers=headers),
    ):
        with pytest.raises(TypeError, match=r"^Headers must be a mapping or pairs of names .*\.$"):
            make()


async def test_what_a_call_says_goes_before_what_its_client_says() -> None:
    callback = RawCallback(lambda _: (204, [], b""))
    said = {"X-A": ["1", "2"], "X-B": "b"}
    async with served(callback) as base, PublisherClient(base + "/", token="t", headers=said) as client:
        await client.publish_update(TOPIC, b"x", headers={"x-a": "3", "Authorization": "Basic eA=="})
    ((_, _, seen, _),) = callback.requests
    assert seen.get_all("x-a") == ("3",)
    assert seen.get_all("x-b") == ("b",)
    assert seen.get_all("authorization") == ("Basic eA==",)


async def test_what_the_protocol_needs_goes_before_all() -> None:
    callback = RawCallback(lambda _: (204, [], b""))
    wrong = {"Content-Type": "text/evil", "x-ballerina-publisher": "evil"}
    async with served(callback) as base, PublisherClient(base + "/", headers=wrong) as client:
        await client.notify_update(TOPIC)
        await client.publish_update(TOPIC, b"a=b", FORM)
    event, publish = (seen for _, _, seen, _ in callback.requests)
    assert (event.get_all("content-type"), event.get_all("x-ballerina-publisher")) == ((FORM,), ("event",))
    assert (publish.get_all("content-type"), publish.get_all("x-ballerina-publisher")) == ((FORM,), ("publish",))


async def test_a_content_type_may_be_said_among_the_headers() -> None:
    callback = RawCallback(lambda _: (204, [], b""))
    async with served(callback) as base, PublisherClient(base + "/") as client:
        await client.publish_update(TOPIC, b"<feed/>", headers={"Content-Type": "application/atom+xml"})
        await client.publish_update(TOPIC, b"<p>", "text/html", headers={"Content-Type": "application/atom+xml"})
    assert [seen.get_all("content-type") for _, _, seen, _ in callback.requests] == [
        ("application/atom+xml",),
        ("text/html",),
    ]


async def test_a_delivery_over_a_given_client_is_the_same_as_over_our_own_connections() -> None:
    callback = RawCallback()
    headers = [("X-A", "1"), ("X-A", "2"), ("X-Name", "grün"), ("Host", "evil"), ("Content-Length", "1"), ("TE", "x")]
    message = ContentDistributionMessage(
        content="grün", headers=headers, hubs=["https://h.example/"], topic="https://p.example/canonical"
    )
    async with served(callback) as base, httpx.AsyncClient() as client:
        subscription = a_subscription(hub=LOCAL, callback=base + "/c?x=%7e|", secret="s")
        for each in (None, client):
            async with HubClient(subscription, signature_method="sha512", client=each) as hub_client:
                await hub_client.notify_content_distribution(message)
    (one_method, one_target, own, own_body), (method, target, given, body) = callback.requests
    assert (one_method, one_target, own_body) == (method, target, body)
    added = {"accept", "connection"}  # httpx says that of itself
    assert {name: own.get_all(name) for name in own} == {
        name: given.get_all(name) for name in given if name not in added
    }
    assert own["x-hub-signature"].startswith("sha512=")


@pytest.mark.parametrize(("status", "kind"), [(200, None), (204, None), (410, "deleted"), (500, "failed")])
async def test_over_a_given_client_the_status_decides_whatever_becomes_of_the_body(
    status: int, kind: str | None
) -> None:
    bodies = [b"x" * 100_000, b"x"]
    for body in bodies:
        network = httpx.MockTransport(lambda _, body=body: httpx.Response(status, stream=Broken(body)))
        async with httpx.AsyncClient(transport=network) as client:
            hub_client = HubClient(a_subscription(), client=client)
            if kind is None:
                success = await hub_client.notify_content_distribution(MESSAGE)
                assert (success.status, success.body) == (status, body[:65_536])
            else:
                with pytest.raises(ContentDeliveryError) as caught:
                    await hub_client.notify_content_distribution(MESSAGE)
                assert (caught.value.status, caught.value.content) == (status, body[:65_536])


class Broken(httpx.AsyncByteStream):
    """A body that ends in the middle."""

    def __init__(self, part: bytes) -> None:
        self._part = part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._part
        raise httpx.ReadError("gone")


WRONG: list[tuple[str, Any, type[Exception], str]] = [
    ("timeout", "5", TypeError, r"timeout must be a number, not str\."),
    ("timeout", 0, ValueError, r"timeout must be more than 0 seconds\."),
    ("timeout", -1.5, ValueError, r"timeout must be more than 0 seconds\."),
    ("timeout", float("nan"), ValueError, r"timeout must be more than 0 seconds\."),
    ("retry", 3, TypeError, r"retry must be of type RetryPolicy, not int\."),
    ("tls", True, TypeError, r"tls must be of type SSLContext, not bool\."),
    ("proxy", 8080, TypeError, r"proxy must be of type str, not int\."),
    ("proxy", "proxy.example:8080", ValueError, r"proxy must be a URL that starts with"),
    ("client", httpx.Client(), TypeError, r"client must be an httpx\.AsyncClient, not Client\."),
]


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"), WRONG, ids=[f"{row[0]}-{n}" for n, row in enumerate(WRONG)]
)
def test_a_wrong_argument_is_refused_at_once_in_one_sentence(
    door: Door, name: str, value: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        door.made(HUB, **{name: value})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HubClient("x"), r"subscription must be of type Subscription, not str; "),  # type: ignore[arg-type]
        (lambda: HubClient(a_subscription(), limits=9), r"limits must be of type EngineLimits, not int\."),  # type: ignore[arg-type]
        (lambda: PublisherClient(7), r"The hub's URL must be text, not int\."),  # type: ignore[arg-type]
        (lambda: PublisherClient(HUB, token=7), r"token must be of type str, not int\."),  # type: ignore[arg-type]
        (lambda: ContentDistributor(7), r"The hub's URL must be text, not int\."),  # type: ignore[arg-type]
        (lambda: ContentDistributor(HUB, limits=7), r"limits must be of type EngineLimits, not int\."),  # type: ignore[arg-type]
        (lambda: TopicClient(HUB, client=httpx.Client()), "client must be"),  # type: ignore[arg-type]
        (lambda: asgi(object(), HubConfig(url="https://hub.example/hub"), client=7), "service must be"),  # type: ignore[arg-type]
    ],
    ids="HubClient limits PublisherClient token ContentDistributor EngineLimits TopicClient asgi".split(),
)
def test_what_cannot_be_used_is_refused_where_it_is_given(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


async def test_what_is_no_message_or_topic_is_refused_where_it_is_given() -> None:
    hub_client, publisher = HubClient(a_subscription()), PublisherClient(HUB)
    with pytest.raises(TypeError, match=r"must be of type ContentDistributionMessage, not str\."):
        await hub_client.notify_content_distribution("hello")  # type: ignore[arg-type]
    for call in (publisher.register_topic, publisher.deregister_topic, publisher.notify_update):
        with pytest.raises(TypeError, match=r"The URL must be text, not list\."):
            await call([TOPIC])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"The URL must be text, not int\."):
        await publisher.publish_update(7, b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [{"timeout": 5}, {"tls": trusting(certificate=False)}, {"proxy": "http://p.example:3128"}],
    ids=["timeout", "tls", "proxy"],
)
def test_what_a_client_of_ones_own_decides_cannot_be_said_beside_it(door: Door, settings: Any) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"Pass either client or {name}. If you have your own client, set it there"):
        door.made(HUB, client=InMemoryWeb().client(), **settings)


def test_neither_proxy_nor_token_is_shown(door: Door) -> None:
    assert "s3cret" not in repr(door.made(HUB, proxy="http://u:s3cret@p.example:3128"))


async def test_a_retry_is_not_for_what_cannot_be_sent() -> None:
    retry = RetryPolicy(attempts=5, interval=3600, jitter=0)
    hub_client = HubClient(a_subscription(callback="http://127.1/"), retry=retry, client=InMemoryWeb().client())
    with anyio.fail_after(PATIENCE), pytest.raises(ContentDeliveryError):
        await hub_client.notify_content_distribution(MESSAGE)
    async with served(RawCallback()) as base, PublisherClient(base, retry=retry, headers={"X-A": "a\nb"}) as publisher:
        with anyio.fail_after(PATIENCE), pytest.raises(UpdateMessageError):
            await publisher.publish_update(TOPIC, b"x")
