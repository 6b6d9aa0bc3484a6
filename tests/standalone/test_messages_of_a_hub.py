"""What happened to a message: its publisher knows its id, and the hub answers by it."""

import base64
from typing import Any
from urllib.parse import quote

import pytest

from tests.standalone.hub import Site, World, world
from tests.waiting import until
from websubhub import PublisherClient
from websubhub.testing import RecordingSubscriber

TOPIC = "https://topic.example/"
OTHER = "https://other.example/"


async def one(hub: World, message_id: str, **query: object) -> dict[str, Any]:
    answer = await hub.get(f"/admin/messages/{quote(message_id, safe='')}", **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_publisher_gets_the_id_and_the_number_of_subscriptions() -> None:
    async with world() as hub, PublisherClient(hub.hub) as publisher:
        nobody = await publisher.publish_update(TOPIC, b"x")
        assert nobody.recipients == 0
        for number in range(2):
            await hub.subscribe(hub.subscriber(f"/{number}"), TOPIC, f"/{number}")
        answer = await publisher.publish_update(TOPIC, b"content", "text/plain")
        assert answer.recipients == 2
        assert answer.message_id
        again = await publisher.publish_update(TOPIC, b"content", "text/plain", message_id=answer.message_id)
        assert (again.message_id, again.recipients) == (answer.message_id, 2)
        assert (await publisher.notify_update(TOPIC)).recipients is None
        await hub.quiet()
        [message] = (await one(hub, answer.message_id))["messages"]
        assert (message["recipients"], message["delivered"], message["waiting"], message["dead"]) == (2, 2, 0, 0)
        assert (message["topic"], message["size"], message["content_type"]) == (TOPIC, 7, "text/plain")
        assert message["published_at"].endswith("Z")
        missing = await hub.get("/admin/messages/unknown")
        assert missing.status_code == 404
        assert "no subscription" in missing.json()["error"]


async def test_a_message_shows_every_failed_attempt_with_the_answer() -> None:
    async with world(retry_delays=(0.01,)) as hub:
        well = hub.subscriber("/well")
        await hub.subscribe(well, TOPIC, "/well")
        failing = Refusing(500, b"<b>stack trace</b>\x00" + b"x" * 5_000)
        await hub.subscribe(failing.subscriber, TOPIC, hub_path(hub, failing))
        message_id = (await hub.publish(TOPIC)).headers["x-hub-message-id"]
        await hub.quiet()
        found = await one(hub, message_id)
        [message] = found["messages"]
        assert (message["delivered"], message["dead"]) == (1, 1)
        last, first = found["attempts"]
        assert (first["attempt"], first["outcome"], first["status"]) == (1, "retried", 500)
        assert (last["attempt"], last["outcome"], last["reason"]) == (2, "dead", "answered 500")
        assert first["answer"].startswith("<b>stack trace</b>")
        assert len(first["answer"]) == 1_024
        assert first["milliseconds"] >= 0
        assert first["callback"] == hub.peers + "/failing"
        listed = (await hub.get("/admin/attempts", callback=hub.peers + "/failing", outcome="dead")).json()
        assert [each["number"] for each in listed["attempts"]] == [last["number"]]
        assert (await hub.get("/admin/attempts", callback=hub.peers + "/well")).json()["attempts"] == []
        assert (await hub.get("/admin/attempts", outcome="delivered")).status_code == 400
        pair = {"topic": TOPIC, "callback": hub.peers + "/failing"}
        [subscription] = [(await hub.get(path, **pair)).json() for path in ("/admin/subscription",)]
        if "error" not in subscription:
            assert subscription["last_failure"]["number"] == last["number"]
            assert subscription["last_success_at"] is None


class Refusing(Site):
    """A callback that confirms, and answers deliveries with an error."""

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__()
        self.subscriber = RecordingSubscriber()
        self._error = status, answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            status, answer = self._error
            headers = [(b"content-length", str(len(answer)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": answer})
        else:
            await self.subscriber(scope, receive, send)


def hub_path(hub: World, callback: Site) -> str:
    hub.attach("/failing", callback)
    return "/failing"


async def test_messages_are_listed_newest_first_and_by_topic() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        for topic in (TOPIC, OTHER):
            await hub.subscribe(subscriber, topic)
        ids = [(await hub.publish(topic)).headers["x-hub-message-id"] for topic in (TOPIC, OTHER, TOPIC)]
        first = (await hub.get("/admin/messages", limit=2)).json()
        second = (await hub.get("/admin/messages", limit=2, after=first["next"])).json()
        assert [each["id"] for page in (first, second) for each in page["messages"]] == ids[::-1]
        assert second["next"] is None
        of_topic = (await hub.get("/admin/messages", topic=TOPIC)).json()["messages"]
        assert [each["id"] for each in of_topic] == [ids[2], ids[0]]


async def test_content_can_be_looked_at() -> None:
    async with world() as hub:
        await hub.subscribe(hub.subscriber(), TOPIC)
        message_id = (await hub.publish(TOPIC, b"\x00<script>")).headers["x-hub-message-id"]
        await hub.quiet()
        content = (await hub.get(f"/admin/messages/{message_id}/content")).json()
        assert base64.b64decode(content["content_base64"]) == b"\x00<script>"
        assert (content["content_type"], content["truncated"]) == ("text/plain", False)


async def test_a_message_is_redelivered_to_one_or_to_all() -> None:
    async with world() as hub:
        first, second = hub.subscriber("/1"), hub.subscriber("/2")
        await hub.subscribe(first, TOPIC, "/1")
        await hub.subscribe(second, TOPIC, "/2")
        message_id = (await hub.publish(TOPIC, b"once more")).headers["x-hub-message-id"]
        await hub.quiet()
        assert await hub.order("/admin/messages/redeliver", id=message_id, callback=hub.peers + "/2") == {
            "redelivered": 1
        }
        await until(lambda: len(second.deliveries) == 2)
        assert await hub.order("/admin/messages/redeliver", id=message_id) == {"redelivered": 2}
        await until(lambda: len(second.deliveries) == 3)
        await until(lambda: len(first.deliveries) == 2)
        everything = [*first.deliveries, *second.deliveries]
        assert {delivery.headers["x-hub-message-id"] for delivery in everything} == {message_id}
        assert {delivery.body for delivery in everything} == {b"once more"}
        again, original = (await one(hub, message_id))["messages"]
        assert (again["publisher"], original["publisher"]) == ("operator", "")
        nobody = await hub.client.post(
            hub.hub.removesuffix("/hub") + "/admin/messages/redeliver",
            json={"id": message_id, "callback": "https://nobody.example/"},
            headers={"Authorization": "Bearer admin-token-of-the-tests"},
        )
        assert nobody.status_code == 404


async def test_an_id_that_two_topics_have_needs_the_topic() -> None:
    async with world() as hub, PublisherClient(hub.hub) as publisher:
        subscriber = hub.subscriber()
        for topic in (TOPIC, OTHER):
            await hub.subscribe(subscriber, topic)
            await publisher.publish_update(topic, b"of " + topic.encode(), message_id="a/b?c#d")
        await hub.quiet()
        assert len((await one(hub, "a/b?c#d"))["messages"]) == 2
        ambiguous = await hub.get(f"/admin/messages/{quote('a/b?c#d', safe='')}/content")
        assert ambiguous.status_code == 400
        assert "Give the topic" in ambiguous.json()["error"]
        [message] = (await one(hub, "a/b?c#d", topic=OTHER))["messages"]
        assert message["topic"] == OTHER


@pytest.mark.parametrize("days", [0.0, 7.0])
async def test_messages_are_kept_as_long_as_the_settings_say(days: float) -> None:
    async with world(message_days=days) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        await hub.publish(TOPIC)
        await hub.quiet()
        if days:
            assert len((await hub.get("/admin/messages")).json()["messages"]) == 1
            return

        async def is_deleted() -> bool:
            return not (await hub.get("/admin/messages")).json()["messages"]

        while not await is_deleted():
            await until(lambda: True)
