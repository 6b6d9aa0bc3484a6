"""Whatever URL is accepted is verified and delivered to, also where it is as long as a URL may be."""

from urllib.parse import unquote

import anyio
import pytest

from _websub.grammar.links import parse_links
from _websub.grammar.urls import URL_LIMIT, check_url
from tests.conformance.hubs import Hub, RawCallback
from tests.conformance.hubs import world as framework
from tests.standalone.hub import until, world
from websubhub import ContentDistributionMessage, HubClient, Subscription, SubscriptionDeniedError
from websubhub.testing import InMemoryWeb, RecordingSubscriber

TOPIC, CALLBACK = "https://topic.example/", "https://subscriber.example/callback?"
FILLINGS = {
    "ascii": "x",
    "two bytes": "é",
    "three bytes": "日",
    "four bytes": "😀",
    "escapes": "%7E",
    "odd": "|{}^`[]'",
}


def long_url(start: str, filling: str) -> str:
    """A URL of exactly as many bytes as a URL may have."""
    room = URL_LIMIT - len(start.encode())
    url = start + filling * (room // len(filling.encode()))
    return url + "x" * (URL_LIMIT - len(url.encode()))


@pytest.mark.spec("H-22", "H-23", "H-30")
@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("filling", FILLINGS.values(), ids=FILLINGS)
async def test_the_longest_topic_with_the_longest_callback_is_verified(mode: str, filling: str) -> None:
    topic, callback = long_url(TOPIC, filling), long_url(CALLBACK, filling)
    assert len(topic.encode()) == len(callback.encode()) == URL_LIMIT
    hub, site = Hub(), RawCallback()
    async with framework(hub) as w:
        w.web["subscriber.example"] = site
        response = await w.subscribe(mode=mode, topic=topic, callback=callback)
    assert response.status_code == 202
    assert hub.called[-1].endswith("intent_verified")
    assert site.queries()[0]["hub.topic"] == topic
    assert unquote(site.targets[0]).startswith(unquote(callback.removeprefix("https://subscriber.example")))


@pytest.mark.spec("H-25", "H-27")
@pytest.mark.parametrize("reason", ["n" * 10_000, "é" * 10_000, "😀" * 10_000])
async def test_a_denial_with_a_long_reason_is_told_about_the_longest_urls(reason: str) -> None:
    topic, callback = long_url(TOPIC, "é"), long_url(CALLBACK, "é")
    site = RawCallback()
    async with framework(Hub(on_subscription_validation=SubscriptionDeniedError(reason))) as w:
        w.web["subscriber.example"] = site
        await w.subscribe(topic=topic, callback=callback)
    (query,) = site.queries()
    assert (query["hub.mode"], query["hub.topic"], query["hub.reason"]) == ("denied", topic, reason[:500])


@pytest.mark.parametrize("name", ["topic", "callback"])
async def test_a_url_of_one_byte_more_is_refused_at_once_with_the_reason(name: str) -> None:
    hub = Hub()
    async with framework(hub) as w:
        response = await w.subscribe(**{name: long_url(TOPIC, "x") + "x"})
    assert response.status_code == 400
    assert response.text.strip() == f"hub.{name} is longer than {URL_LIMIT} bytes."
    assert not hub.calls


@pytest.mark.parametrize("filling", ["x", "é", "|{}^`"])
async def test_the_longest_urls_make_the_whole_way_over_sockets(filling: str) -> None:
    async with world() as hub:
        topic = long_url(TOPIC, filling)
        subscriber = RecordingSubscriber()
        hub.attach("/callback", subscriber)
        path = long_url(f"{hub.peers}/callback?", filling).removeprefix(hub.peers)
        await hub.subscribe(subscriber, topic, path)
        assert subscriber.verifications[0]["hub.topic"] == topic
        assert (await hub.publish(topic, b"content")).status_code == 200
        await until(lambda: subscriber.deliveries)
        [delivery] = subscriber.deliveries
        assert delivery.body == b"content"
        [link] = [each for each in parse_links([delivery.headers["Link"]]) if "self" in each.relations]
        assert unquote(link.target) == unquote(topic)
        answer = await hub.ask(mode="unsubscribe", topic=topic, callback=hub.peers + path)
        assert answer.status_code == 202
        await hub.verified()
        await until(lambda: len(subscriber.verifications) == 2)
        assert (await hub.statistics())["subscriptions"] == 0


SPELLINGS = [
    "http://127.0.0.1:{port}/callback/%7Ejoe/%2F/a%20b;c=1?x=%26%3d%7e",
    "http://127.0.0.1:{port}/callback/a|b{{c}}^d`e'f/./../g//?x=[1]",
    "http://127.0.0.1:{port}?x",
    "HTTP://127.0.0.1:{port}/callback?&&a",
    "http://localhost.:{port}/callback?ü=日",
    "http://LocalHost:{port}/callback/é",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_callback_is_verified_and_delivered_to_with_the_same_bytes(spelling: str) -> None:
    heads: list[bytes] = []

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            heads.append(head)
            challenge = head.partition(b"hub.challenge=")[2].partition(b"&")[0].partition(b" ")[0]
            await stream.send(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(challenge), challenge)
            )

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, world() as hub, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - no Django
        callback = check_url(spelling.format(port=port))
        assert (await hub.ask(mode="subscribe", topic=TOPIC, callback=callback)).status_code == 202
        await until(lambda: heads)
        await hub.verified()
        await hub.publish(TOPIC)
        await until(lambda: len(heads) == 2)
        asked, delivered = (head.split(b"\r\n") for head in heads)
        target = delivered[0].split()[1]
        assert asked[0].split()[1].startswith(target.rstrip(b"?&") if b"hub" not in target else target)
        assert _host(asked) == _host(delivered)
        tasks.cancel_scope.cancel()


def _host(head: list[bytes]) -> bytes:
    [host] = [line for line in head if line.lower().startswith(b"host:")]
    return host


async def test_what_a_client_of_the_framework_is_given_it_can_call_too() -> None:
    callback = long_url(CALLBACK, "é")
    subscription = Subscription(
        hub="https://hub.example/", topic=long_url(TOPIC, "é"), callback=callback, lease_seconds=1
    )
    site = RecordingSubscriber()
    web = InMemoryWeb()
    web["subscriber.example"] = site
    async with web.client() as client, HubClient(subscription, client=client) as hub:
        await hub.notify_content_distribution(ContentDistributionMessage(content=b"x", content_type="text/plain"))
    assert len(site.deliveries) == 1
