"""A publish that names itself can be repeated without harm, and every publish of content is answered with its id."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import anyio
import httpx
import pytest

from tests.standalone.hub import World, world
from tests.standalone.process import ADMIN, served
from tests.standalone.sink import Sink, sink
from websubhub import PublisherClient
from websubhub.testing import RecordingSubscriber

ID = "X-Hub-Message-Id"
TOPIC = "https://topic.example/"
OTHER = "https://topic.example/other"


async def _publish(
    hub: World, *topics: str, given: str | None = None, content: bytes = b"content", token: str = ""
) -> httpx.Response:
    query = urlencode([("hub.mode", "publish"), *(("hub.topic", topic) for topic in topics)])
    headers = {"Content-Type": "text/plain"}
    headers |= {} if given is None else {ID: given}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return await hub.client.post(
        f"{hub.hub}?{query}", content=content, headers=httpx.Headers(headers, encoding="latin-1")
    )


async def _followed(hub: World, topic: str = TOPIC, path: str = "/callback") -> RecordingSubscriber:
    subscriber = hub.subscriber(path)
    await hub.subscribe(subscriber, topic, path)
    return subscriber


def _ids(subscriber: RecordingSubscriber) -> list[str]:
    return [delivery.headers[ID] for delivery in subscriber.deliveries]


async def test_a_repeated_publish_is_delivered_once_and_answered_alike() -> None:
    async with world() as hub:
        subscriber = await _followed(hub)
        answers = [await _publish(hub, TOPIC, given="order-7") for _ in range(3)]
        answers.append(await _publish(hub, TOPIC, given="order-7", content=b"other content"))
        await _publish(hub, TOPIC, given="order-8", content=b"the next")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        await hub.quiet()
        assert {(answer.status_code, answer.text, answer.headers[ID]) for answer in answers} == {
            (200, "hub.mode=accepted", "order-7")
        }
        assert _ids(subscriber) == ["order-7", "order-8"]
        assert [delivery.body for delivery in subscriber.deliveries] == [b"content", b"the next"]


async def test_without_an_id_every_publish_counts_and_is_answered_with_an_id_of_its_own() -> None:
    async with world() as hub:
        subscriber = await _followed(hub)
        answers = [(await _publish(hub, TOPIC)).headers[ID] for _ in range(3)]
        answers.append((await _publish(hub, TOPIC, given="")).headers[ID])
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 4)
        assert len(set(answers)) == 4
        assert _ids(subscriber) == answers


async def test_repetitions_at_the_same_time_are_one() -> None:
    async with world() as hub:
        subscriber = await _followed(hub)

        async def publish(number: int) -> None:
            await _publish(hub, TOPIC, given="same", content=b"%d" % number)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(publish, number)
        await hub.quiet()
        assert _ids(subscriber) == ["same"]


async def test_publishers_with_other_tokens_are_others_and_so_are_their_messages() -> None:
    async with world(publisher_token=("one", "two")) as hub:
        subscriber = await _followed(hub)
        answers = [
            (await _publish(hub, TOPIC, given="7", content=content, token=token)).headers[ID]
            for token, content in (("one", b"1"), ("two", b"2"), ("one", b"3"), ("two", b"4"))
        ]
        refused = await _publish(hub, TOPIC, given="7", token="three")
        assert refused.status_code == 401
        assert ID not in refused.headers
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"1", b"2"]
        assert answers == _ids(subscriber) * 2
        assert answers[0] == "7"
        assert answers[1] != "7", "a subscriber would take it for the first message"


async def test_a_token_that_nobody_asks_for_makes_no_other_publisher() -> None:
    async with world() as hub:
        subscriber = await _followed(hub)
        for token in ("", "one", "two"):
            await _publish(hub, TOPIC, given="7", token=token)
        await hub.quiet()
        assert len(subscriber.deliveries) == 1


async def test_the_same_id_of_several_topics_is_one_message_of_each() -> None:
    async with world() as hub:
        one, other = await _followed(hub, TOPIC, "/1"), await _followed(hub, OTHER, "/2")
        first = await _publish(hub, TOPIC, OTHER, given="7")
        again = await _publish(hub, OTHER, given="7", content=b"another")
        assert first.headers.get_list(ID) == again.headers.get_list(ID) == ["7"]
        await hub.quiet()
        for subscriber, topic in ((one, TOPIC), (other, OTHER)):
            [delivery] = subscriber.deliveries
            assert delivery.body == b"content"
            assert delivery.headers["link"].endswith(f'<{topic}>; rel="self"')


async def test_content_for_several_topics_is_answered_with_the_id_of_each() -> None:
    async with world() as hub:
        subscribers = [await _followed(hub, TOPIC, "/1"), await _followed(hub, OTHER, "/2")]
        answer = await _publish(hub, TOPIC, OTHER)
        await hub.quiet()
        assert [_ids(subscriber) for subscriber in subscribers] == [[each] for each in answer.headers.get_list(ID)]


@pytest.mark.parametrize("given", ["x" * 129, "a b", "a\tb", "\xe4", "a, b"])
async def test_an_id_that_cannot_be_sent_on_is_refused(given: str) -> None:
    async with world() as hub:
        subscriber = await _followed(hub)
        answer = await _publish(hub, TOPIC, given=given)
        assert answer.status_code == 400
        assert ID in answer.text
        await hub.quiet()
        assert not subscriber.deliveries


async def test_an_id_with_a_control_character_is_refused_by_the_hub_or_by_its_server() -> None:
    async with world() as hub:
        subscriber = await _followed(hub)
        assert (await _publish(hub, TOPIC, given="a\x7fb")).status_code == 400
        await hub.quiet()
        assert not subscriber.deliveries


@pytest.mark.parametrize("given", ["1", "x" * 128, "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "<7@mail.example>"])
async def test_any_visible_characters_make_an_id(given: str) -> None:
    async with world() as hub:
        subscriber = await _followed(hub)
        assert (await _publish(hub, TOPIC, given=given)).headers[ID] == given
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert _ids(subscriber) == [given]


async def test_a_ping_makes_no_message_yet() -> None:
    async with world() as hub:
        await _followed(hub)
        form = {"hub.mode": "publish", "hub.topic": TOPIC}
        for given in ("7", "not an id"):
            answer = await hub.client.post(hub.hub, data=form, headers={ID: given})
            assert (answer.status_code, answer.text) == (200, "hub.mode=accepted")
            assert ID not in answer.headers


async def test_the_client_gives_an_id_and_gets_it_back() -> None:
    async with world() as hub, PublisherClient(hub.hub) as publisher:
        subscriber = await _followed(hub)
        headers = {ID: "order-7"}
        told = [await publisher.publish_update(TOPIC, {"order": 7}, headers=headers) for _ in range(2)]
        await hub.quiet()
        assert [answer.headers[ID] for answer in told] == ["order-7", "order-7"]
        assert _ids(subscriber) == ["order-7"]


@pytest.fixture(scope="module")
def subscribers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with sink(str(tmp_path_factory.mktemp("sink") / "log")) as running:
        yield running


def test_a_publish_that_is_repeated_after_a_kill_is_delivered_once(tmp_path: Path, subscribers: Sink) -> None:
    query = urlencode({"hub.mode": "publish", "hub.topic": TOPIC})
    form = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": subscribers.callback("ok", 81)}

    def publish(hub: str, number: int) -> None:
        answer = httpx.post(f"{hub}?{query}", content=b"%d" % number, headers={ID: f"m{number}"})
        assert (answer.text, answer.headers[ID]) == ("hub.mode=accepted", f"m{number}")

    with served(tmp_path) as hub:
        httpx.post(hub.url, data=form)
        while "websubhub_subscriptions 1.0" not in httpx.get(f"{hub.base}/metrics").text:
            time.sleep(0.02)
        publish(hub.url, 0)
        while not hub.owes_nothing:
            time.sleep(0.02)
        httpx.get(f"{hub.base}/admin/dead-letters", headers={"Authorization": f"Bearer {ADMIN}"})  # all is on disk
        publish(hub.url, 1)
        hub.kill()
    with served(tmp_path) as hub:
        for number in (0, 1, 2):
            publish(hub.url, number)
        while not hub.owes_nothing:
            time.sleep(0.02)
    lines = [line.split(" ") for line in Path(subscribers.log).read_text().splitlines() if "/ok/81" in line]
    delivered = [line[2] for line in lines]
    assert sorted(set(delivered)) == ["m0", "m1", "m2"]
    # What was under way when the process was killed may come twice; what was taken before, and after, does not.
    assert (delivered.count("m0"), delivered.count("m2")) == (1, 1)
