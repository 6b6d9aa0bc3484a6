"""What a subscriber sends to hubs, to the letter (W3C 5.1), and where its callbacks are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
import trustme

from tests.conformance.subscribers import SIGNED, UNSIGNED, ask, deliver, subscriber_world
from tests.waiting import PATIENCE, until
from tests.websubsub.conftest import HUB, TOPIC, Recorder
from websubhub import Response
from websubhub.testing import InMemoryWeb, RecordingHub
from websubsub import (
    InsecureSecretError,
    State,
    SubscriberConfig,
    SubscriberListener,
    Subscription,
    SubscriptionClient,
    Target,
    asgi,
)

CALLBACK = "https://sub.test/cb/7fQ2x?foo=bar"
GRANTED = "hub.mode=subscribe&hub.topic=https%3A%2F%2Fpub.test%2Ffeed%3Ftag%3Da%26b%3D1"


@contextmanager
def hub_in_the_web(*, at: str = "hub.test") -> Iterator[tuple[RecordingHub, SubscriptionClient]]:
    """A hub that remembers what it is asked, and a client that reaches nobody else."""
    web, hub = InMemoryWeb(), RecordingHub()
    web[at] = hub
    yield hub, SubscriptionClient(client=web.client())


@pytest.mark.spec("S-02", "S-03", "S-04", "S-05", "S-06", "S-07", "S-11", "S-13", "S-20")
@pytest.mark.parity("S114", "S116")  # nobody but the client that was given knows this web
async def test_a_subscription_request_is_the_one_of_the_text() -> None:
    topic = "https://pub.test/feed?tag=a&b=1"
    with hub_in_the_web() as (hub, client):
        await client.subscribe(
            hub="https://hub.test/hub", topic=topic, callback=CALLBACK, lease_seconds=864000, secret="9b1c7d0e5f"
        )
    (request,) = hub.requests
    assert (request.method, request.path, request.query) == ("POST", "/hub", "")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.body.startswith(GRANTED.encode())
    assert parse_qs(request.body.decode("ascii"), strict_parsing=True) == {
        "hub.mode": ["subscribe"],
        "hub.topic": [topic],
        "hub.callback": [CALLBACK],
        "hub.lease_seconds": ["864000"],
        "hub.secret": ["9b1c7d0e5f"],
    }


@pytest.mark.spec("S-04", "S-20")
@pytest.mark.parity("SU6")
@pytest.mark.parametrize("odd", ["ü", "日本", "a+b c&d=e%25", "%2F", "~"])
async def test_special_characters_arrive_as_they_are(odd: str) -> None:
    topic = "https://pub.test/" + odd.replace(" ", "%20")
    with hub_in_the_web() as (hub, client):
        await client.subscribe(
            hub="https://hub.test/hub", topic=topic, callback=CALLBACK, secret=odd, parameters={"note": odd}
        )
    fields = dict(parse_qsl(hub.requests[0].body.decode("ascii"), strict_parsing=True))
    assert (fields["hub.topic"], fields["hub.secret"], fields["note"]) == (topic, odd, odd)


@pytest.mark.spec("S-12", "S-18", "S-41")
@pytest.mark.parity("S117")
async def test_an_unsubscription_says_so_and_may_carry_a_lease() -> None:
    with hub_in_the_web() as (hub, client):
        await client.unsubscribe(
            hub="https://hub.test/hub", topic=TOPIC, callback=CALLBACK, parameters={"hub.lease_seconds": "60"}
        )
    fields = dict(parse_qsl(hub.requests[0].body.decode()))
    assert fields["hub.mode"] == "unsubscribe"
    assert fields["hub.lease_seconds"] == "60"
    assert "hub.secret" not in fields


@pytest.mark.spec("S-14")
@pytest.mark.parametrize(("secret", "fits"), [("s" * 199, True), ("s" * 200, False), ("é" * 100, False)])
async def test_a_secret_is_shorter_than_200_bytes(secret: str, fits: bool) -> None:  # noqa: FBT001
    with hub_in_the_web() as (hub, client):
        if fits:
            await client.subscribe(hub=HUB.replace(".example", ".test"), topic=TOPIC, callback=CALLBACK, secret=secret)
        else:
            with pytest.raises(ValueError, match="200 bytes"):
                await client.subscribe(hub="https://hub.test/", topic=TOPIC, callback=CALLBACK, secret=secret)
    assert len(hub.requests) == int(fits)


@pytest.mark.spec("S-15", "SEC-02")
async def test_a_secret_is_not_sent_in_the_clear() -> None:
    with hub_in_the_web() as (hub, client):
        with pytest.raises(InsecureSecretError):
            await client.subscribe(hub="http://hub.test/", topic=TOPIC, callback=CALLBACK, secret="s")
        await client.subscribe(hub="http://hub.test/", topic=TOPIC, callback=CALLBACK)
    assert [b"secret" in request.body for request in hub.requests] == [False]


@pytest.mark.spec("S-21")
@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirected_request_is_repeated_word_for_word(status: int) -> None:
    web, other = InMemoryWeb(), RecordingHub()
    first = RecordingHub(Response(status=status, headers=[("Location", "https://other.test/hub?b")]))
    web["hub.test"], web["other.test"] = first, other
    client = SubscriptionClient(client=web.client())
    answer = await client.subscribe(
        hub="https://hub.test/", topic=TOPIC, callback=CALLBACK, secret="s", headers={"X-Key": "k"}
    )
    assert answer.hub == "https://other.test/hub?b"
    assert other.requests[0].method == "POST"
    assert other.requests[0].body == first.requests[0].body
    assert other.requests[0].headers["X-Key"] == "k"


@pytest.mark.spec("S-08", "S-10", "S-13", "S-16", "SEC-03", "SEC-04")
async def test_each_subscription_has_a_callback_and_a_secret_of_its_own() -> None:
    async with subscriber_world() as world:
        for number in range(20):
            await world.subscribe(Target(hub=f"{HUB}/{number % 2}", topic=f"https://pub.example/{number}"))
        callbacks = {each.fields["hub.callback"] for each in world.hub.asked}
        secrets = {each.fields["hub.secret"] for each in world.hub.asked}
    assert len(callbacks) == len(secrets) == 20
    # 22 characters of base64 are 128 bits.
    assert min(len(urlsplit(callback).path.rpartition("/")[2]) for callback in callbacks) >= 22
    assert min(map(len, secrets)) >= 43
    assert not {callback[-22:] for callback in callbacks} & {secret[-22:] for secret in secrets}


@pytest.mark.spec("S-19")
async def test_a_new_secret_is_in_force_once_it_is_verified_and_not_before_alone() -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        client = SubscriptionClient(world.app.subscriptions, client=world.client)
        world.hub.verifies = False
        request: dict[str, Any] = {"hub": HUB, "topic": TOPIC, "callback": world.subscription.callback}
        await client.subscribe(**request, secret="the second one")
        assert (await deliver(world)).is_success  # the hub may not have begun
        await ask(world)
        assert (await deliver(world, secret="the second one")).is_success
        assert (await deliver(world, secret="a third one")).status_code == 403


@pytest.mark.spec("S-29", "S-30")
async def test_an_unsigned_request_after_a_signed_one_is_unsigned_once_verified() -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        client = SubscriptionClient(world.app.subscriptions, client=world.client)
        world.hub.verifies = False
        await client.subscribe(hub=HUB, topic=TOPIC, callback=world.subscription.callback)
        assert (await deliver(world, secret=None)).status_code == 403
        await ask(world)
        assert (await deliver(world, secret=None)).is_success


@pytest.mark.parity("S51", "S53")
async def test_a_subscription_may_do_without_a_secret() -> None:
    async with subscriber_world() as world:
        await world.subscribe(UNSIGNED)
        assert "hub.secret" not in world.asked.fields
        assert (await deliver(world, secret=None)).is_success


# --- where callbacks are


@pytest.mark.parity("S86", "S87", "S88", "S89", "S90", "S91", "S92", "S93", "S96", "S97", "S98", "S99", "S101")
@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://sub.example", "https://sub.example/"),
        ("https://sub.example/", "https://sub.example/"),
        ("https://sub.example/news", "https://sub.example/news/"),
        ("https://sub.example/news/", "https://sub.example/news/"),
        ("https://sub.example/a/b/c", "https://sub.example/a/b/c/"),
        ("https://sub.example:8443/news", "https://sub.example:8443/news/"),
        ("https://[2001:db8::1]/news", "https://[2001:db8::1]/news/"),
    ],
)
async def test_callbacks_are_below_the_url_whatever_it_is(url: str, folder: str) -> None:
    app = asgi(Recorder(), SubscriberConfig(url=url))
    first, second = app.subscriptions.new_callback(), app.subscriptions.new_callback()
    assert first != second
    for callback in (first, second):
        assert callback.rpartition("/")[0] + "/" == folder


@pytest.mark.parity("S94", "S95", "S100", "S102", "S103", "S105", "S106", "S107", "SC16", "SC25")
async def test_callbacks_of_a_listener_are_at_its_address_below_the_path_of_the_service() -> None:
    port, services = 0, {"/": Recorder(), "/a": Recorder(), "/b/c": Recorder()}
    async with SubscriberListener(port) as listener:
        for path, service in services.items():
            listener.attach(service, path)
        url = await listener.start()
        assert url.startswith("http://127.0.0.1:")
        for path, service in services.items():
            callback = listener.application(service).subscriptions.new_callback()
            assert callback.startswith(url + path)
            assert callback.count("/", len(url)) == len(path.strip("/").split("/")) + (path != "/")
            async with httpx.AsyncClient(timeout=PATIENCE) as client:
                assert (await client.get(callback)).status_code == 404
    assert f":{port}/" not in url


@pytest.mark.parity("S102")
async def test_a_public_url_stands_before_the_path() -> None:
    service = Recorder()
    async with SubscriberListener(0, public_url="https://sub.example/base") as listener:
        listener.attach(service, "/news")
        await listener.start()
        callback = listener.application(service).subscriptions.new_callback()
    assert callback.startswith("https://sub.example/base/news/")


@pytest.mark.parity("S104")
async def test_callbacks_of_a_listener_with_tls_are_https(tmp_path: Path) -> None:
    pem = str(tmp_path / "server.pem")
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    service = Recorder()
    async with SubscriberListener(0, certfile=pem, keyfile=pem) as listener:
        listener.attach(service)
        url = await listener.start()
        assert url.startswith("https://")
        assert listener.application(service).subscriptions.new_callback().startswith(f"{url}/")


@pytest.mark.parity("SU10")
@pytest.mark.spec("S-10")
async def test_what_a_restart_finds_is_renewed_and_not_made_anew(tmp_path: Path) -> None:
    state = f"sqlite:///{tmp_path}/state.db"
    async with subscriber_world(state=state) as world:
        before: Subscription = await world.subscribe()
    async with subscriber_world(state=state, targets=[Target(hub=HUB, topic=TOPIC)]) as world:
        await until(lambda: world.kinds() == ["resumed"])
        assert world.subscription == before
        assert world.state() is State.ACTIVE
        assert not world.hub.asked
