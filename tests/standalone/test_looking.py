"""What an operator looks for and does: lists by cursor, filters, single things, and actions on what a filter means."""

import base64
from typing import Any

import pytest

from tests.standalone.hub import ADMIN, World, world
from tests.waiting import until
from websubhub import IntentVerification, VerificationAttempt
from websubhub.standalone.admin.cursors import read_cursor, write_cursor
from websubhub.standalone.admin.parameters import OperationError, iso_time
from websubhub.standalone.hub.given_up import GivenUpVerifications
from websubhub.standalone.ports import Mode, PendingVerification

TOPIC = "https://topic.example/"


async def _refused(hub: World, path: str, **parameters: object) -> tuple[int, str]:
    url = hub.hub.removesuffix("/hub") + path
    answer = await hub.client.post(url, json=parameters, headers={"Authorization": f"Bearer {ADMIN}"})
    return answer.status_code, answer.json()["error"]


async def _all(hub: World, path: str, name: str, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, object] = {}
    while True:
        page = (await hub.get(path, limit=2, **query, **after)).json()
        assert len(page[name]) <= 2
        found += page[name]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


async def test_every_list_is_read_to_its_end_by_its_cursor() -> None:
    async with world(retry_delays=(0.02,)) as hub:
        subscriber = hub.subscriber()
        for number in range(5):
            await hub.subscribe(subscriber, f"{TOPIC}{number}")
        subscriber.statuses = [500] * 10
        for number in range(5):
            await hub.publish(f"{TOPIC}{number}")
        await hub.quiet()
        topics = [f"{TOPIC}{number}" for number in range(5)]
        assert [each["url"] for each in await _all(hub, "/admin/topics", "topics")] == topics
        assert [each["url"] for each in await _all(hub, "/admin/topics", "topics", search="/3")] == topics[3:4]
        callback = hub.peers + "/callback"
        for query in ({}, {"host": hub.peers.removeprefix("http://")}, {"callback": callback}):
            listed = await _all(hub, "/admin/subscriptions", "subscriptions", **query)
            assert [each["topic"] for each in listed] == topics
        letters = await _all(hub, "/admin/dead-letters", "dead_letters")
        assert sorted(each["topic"] for each in letters) == topics
        for number in range(5):
            await hub.order("/admin/hosts/pause", host=f"host-{number}.example")
        hosts = await _all(hub, "/admin/hosts", "hosts")
        assert [each["host"] for each in hosts if each["paused"]] == [f"host-{n}.example" for n in range(5)]


async def test_dead_letters_are_replayed_and_dropped_by_what_they_have_in_common() -> None:
    async with world(retry_delays=(0.02,)) as hub:
        subscriber = hub.subscriber()
        for number in range(3):
            await hub.subscribe(subscriber, f"{TOPIC}{number}")
        subscriber.statuses = [500] * 6
        for number in range(3):
            await hub.publish(f"{TOPIC}{number}", b"\x00content")
        await hub.quiet()
        page = (await hub.get("/admin/dead-letters", topic=f"{TOPIC}1")).json()
        assert page["total"] == 1
        [letter] = page["dead_letters"]
        content = (await hub.get(f"/admin/dead-letters/{letter['id']}/content")).json()
        assert base64.b64decode(content["content_base64"]) == b"\x00content"
        assert (content["message_id"], content["content_type"]) == (letter["message_id"], "text/plain")
        assert (await hub.get("/admin/dead-letters/4711/content")).status_code == 404
        assert await _refused(hub, "/admin/dead-letters/drop", reason="answered 500", expected=2) == (
            409,
            "There are now 3 such dead letters, not 2.",
        )
        assert (await _refused(hub, "/admin/dead-letters/drop"))[0] == 400
        assert (await _refused(hub, "/admin/dead-letters/drop", ids=[1], topic=TOPIC))[0] == 400
        replayed = await hub.order("/admin/dead-letters/replay", topic=f"{TOPIC}1", expected=1)
        assert replayed == {"replayed": 1, "unknown": []}
        await until(lambda: len(subscriber.deliveries) == 7)
        host = hub.peers.removeprefix("http://")
        assert await hub.order("/admin/dead-letters/drop", host=host, topic=f"{TOPIC}2") == {
            "dropped": 1,
            "unknown": [],
        }
        while (await hub.get("/admin/dead-letters")).json()["total"] != 1:
            pass
        assert await hub.order("/admin/dead-letters/drop", all=True) == {"dropped": 1, "unknown": []}


async def test_a_subscription_is_shown_tested_and_verified_again() -> None:
    async with world() as hub:
        subscriber = hub.subscriber(secret="s3cret")
        await hub.subscribe(subscriber, TOPIC, secret="s3cret")
        pair = {"topic": TOPIC, "callback": hub.peers + "/callback"}
        shown = (await hub.get("/admin/subscription", **pair)).json()
        assert (shown["signed"], shown["waiting"], shown["verification"]) == (True, 0, None)
        tested = await hub.order("/admin/subscriptions/test", **pair)
        assert (tested["delivered"], tested["status"]) == (True, 202)
        [delivery] = subscriber.deliveries
        assert delivery.headers["x-hub-test"] == "1"
        assert delivery.headers["x-hub-signature"].startswith("sha256=")
        subscriber.statuses = [500]
        tested = await hub.order("/admin/subscriptions/test", content="{}", content_type="application/json", **pair)
        assert (tested["delivered"], tested["reason"]) == (False, "answered 500")
        assert subscriber.deliveries[-1].body == b"{}"
        asked = len(subscriber.verifications)
        await hub.order("/admin/subscriptions/verify", **pair)
        await until(lambda: len(subscriber.verifications) == asked + 1)
        await hub.verified()
        assert (await hub.get("/admin/subscription", **pair)).status_code == 200
        assert await _refused(hub, "/admin/subscriptions/test", topic=TOPIC, callback="https://nobody.example/") == (
            404,
            "There is no such subscription.",
        )
        assert (await hub.get("/admin/dead-letters")).json()["total"] == 0


async def test_a_subscription_is_ended_with_a_reason_or_silently() -> None:
    async with world() as hub:
        told, untold = hub.subscriber("/1"), hub.subscriber("/2")
        for subscriber, path in ((told, "/1"), (untold, "/2")):
            await hub.subscribe(subscriber, TOPIC, path)
        await hub.order("/admin/subscriptions/remove", topic=TOPIC, callback=hub.peers + "/1", reason="No more.")
        await hub.order("/admin/subscriptions/remove", topic=TOPIC, callback=hub.peers + "/2", notify=False)
        await until(lambda: [each["hub.reason"] for each in told.denials] == ["No more."])
        assert untold.denials == []
        assert (await hub.get("/admin/subscriptions")).json()["subscriptions"] == []


async def test_a_topic_is_shown_announced_and_removed() -> None:
    async with world() as hub:
        topic = hub.peers + "/topic"
        hub.site("/topic", Link=f"<{hub.hub}>; rel=hub")
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, topic)
        assert await hub.order("/admin/topics/announce", url=topic) == {"announced": topic}
        await until(lambda: len(subscriber.deliveries) == 1)
        await hub.fetched()
        shown = (await hub.get("/admin/topic", url=topic)).json()
        assert (shown["subscriptions"], shown["last_fetch"]["names_this_hub"]) == (1, True)
        assert shown["last_fetch"]["fetched_at"] is not None
        assert shown["last_attempt"]["attempted_at"] is not None
        assert (shown["last_attempt"]["result"], shown["last_attempt"]["status"]) == ("updated", 200)
        status, reason = await _refused(hub, "/admin/topics/remove", url=topic)
        assert (status, "1 subscriptions" in reason) == (409, True)
        await hub.order("/admin/topics", url=f"{topic}-2", registered=True)
        assert (await _refused(hub, "/admin/topics/announce", url=f"{topic}-2"))[0] == 409
        assert await hub.order("/admin/topics/remove", url=f"{topic}-2") == {"removed": f"{topic}-2"}
        assert (await hub.get("/admin/topic", url=f"{topic}-2")).status_code == 404
        assert (await _refused(hub, "/admin/topics/remove", url=f"{topic}-2"))[0] == 404


async def test_a_topic_says_what_came_of_its_last_fetch() -> None:
    async with world(retry_delays=(3_600,)) as hub:
        topic = hub.peers + "/topic"
        site = hub.site("/topic", ETag='"1"')
        await hub.subscribe(hub.subscriber(), topic)
        assert (await hub.get("/admin/topic", url=topic)).json()["last_attempt"] is None

        async def attempt() -> dict[str, Any]:
            asked = site.fetches
            await hub.ping(topic)
            await until(lambda: site.fetches > asked)
            while (await hub.statistics())["announcements"]["pending"]:
                pass
            shown: dict[str, Any] = (await hub.get("/admin/topic", url=topic)).json()["last_attempt"]
            return shown

        assert (await attempt())["result"] == "updated"
        unchanged = await attempt()
        assert (unchanged["result"], unchanged["status"], unchanged["reason"]) == ("unchanged", 304, "")
        site.status, site.headers = 503, {"Content-Type": "text/plain"}
        failed = await attempt()
        assert (failed["result"], failed["status"]) == ("failed", 503)
        assert "503" in failed["reason"]


async def test_a_topic_goes_with_the_messages_that_are_kept() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        await hub.publish(TOPIC)
        await hub.quiet()
        await hub.order("/admin/subscriptions/remove", topic=TOPIC, callback=hub.peers + "/callback")
        assert len((await hub.get("/admin/messages", topic=TOPIC)).json()["messages"]) == 1
        assert await hub.order("/admin/topics/remove", url=TOPIC) == {"removed": TOPIC}
        assert (await hub.get("/admin/messages")).json()["messages"] == []
        assert (await hub.get("/admin/topic", url=TOPIC)).status_code == 404


async def test_verifications_that_were_given_up_are_listed_with_the_reason() -> None:
    async with world() as hub:
        for path in ("/refuses", "/refuses-too"):
            hub.site(path).status = 404
            await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + path, secret="a-secret")
        await hub.verified()
        first = (await hub.get("/admin/verifications/given-up", limit=1)).json()
        rest = (await hub.get("/admin/verifications/given-up", after=first["next"])).json()
        found = [*first["given_up"], *rest["given_up"]]
        assert {each["callback"] for each in found} == {hub.peers + "/refuses", hub.peers + "/refuses-too"}
        assert [each["number"] for each in found] == [2, 1]
        assert {(each["mode"], each["topic"], each["attempts"], each["status"]) for each in found} == {
            ("subscribe", TOPIC, 1, 404)
        }
        assert all(each["reason"] and each["given_up_at"].endswith("Z") and not each["denied"] for each in found)
        assert "a-secret" not in str(found)


def test_only_the_newest_of_those_that_were_given_up_are_kept() -> None:
    pending = PendingVerification(id="x", mode=Mode.SUBSCRIBE, topic=TOPIC, callback="https://sub.example/", due_at=0)
    given_up, attempt = GivenUpVerifications(), VerificationAttempt(result=IntentVerification.DENIED, reason="no")
    for _ in range(501):
        given_up.note(pending, attempt, 5.0)
    kept = [each.number for each in given_up.newest()]
    assert (kept[0], kept[-1], len(kept)) == (501, 2, 500)
    assert [each.number for each in given_up.newest(4)] == [3, 2]


async def test_the_recipients_of_a_message_are_listed_by_state() -> None:
    async with world(retry_delays=(0.01,)) as hub:
        for path, statuses in (("/well", []), ("/ill", [500, 500])):
            subscriber = hub.subscriber(path)
            await hub.subscribe(subscriber, TOPIC, path)
            subscriber.statuses = statuses
        message_id = (await hub.publish(TOPIC)).headers["X-Hub-Message-Id"]
        await hub.quiet()
        path = f"/admin/messages/{message_id}/recipients"
        found = (await hub.get(path)).json()
        states = {each["callback"]: each["state"] for each in found["recipients"]}
        assert states == {hub.peers + "/well": "delivered", hub.peers + "/ill": "dead"}
        assert (found["next"], {each["host"] for each in found["recipients"]}) == (None, {hub.peers[7:]})
        [dead] = (await hub.get(path, state="dead")).json()["recipients"]
        assert (dead["callback"], dead["reason"], dead["attempts"]) == (hub.peers + "/ill", "answered 500", 2)
        assert (await hub.get(path, state="waiting")).json() == {"recipients": [], "next": None}
        first = (await hub.get(path, limit=1)).json()
        second = (await hub.get(path, limit=1, after=first["next"])).json()
        assert {each["callback"] for each in (*first["recipients"], *second["recipients"])} == set(states)
        for query in ({"state": "delivered"}, {"after": "junk"}):
            assert (await hub.get(path, **query)).status_code == 400
        assert (await hub.get("/admin/messages/unknown/recipients")).status_code == 404


async def test_verifications_are_listed_retried_and_dropped_and_unknown_ids_are_named() -> None:
    async with world() as hub:
        hub.site("/busy").status = 503
        await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + "/busy")
        while not (listed := (await hub.get("/admin/verifications", state="failing")).json()["verifications"]):
            pass
        [pending] = listed
        assert (pending["attempts"], pending["mode"], pending["known"]) == (1, "subscribe", False)
        assert "503" in pending["reason"]
        subscriber = hub.subscriber("/other")
        assert subscriber.verifications == []
        retried = await hub.order("/admin/verifications/retry", ids=[pending["id"], "nothing"])
        assert retried == {"retried": 1, "unknown": ["nothing"]}
        dropped = await hub.order("/admin/verifications/drop", ids=[pending["id"]])
        assert dropped["unknown"] == []
        await hub.verified()


@pytest.mark.parametrize("values", [(), ("a",), (1, -2, 3, "x"), ("ä\ud800", "/")])
def test_a_cursor_is_read_as_it_was_written(values: tuple[str | int, ...]) -> None:
    assert read_cursor({"after": write_cursor(*values)}, *map(type, values)) == values


@pytest.mark.parametrize(
    "text", ["c.", "c.%", "c.bm90IGpzb24", "c." + "W" * 100_000, write_cursor(1), write_cursor("a", "b")]
)
def test_a_cursor_of_another_list_or_a_damaged_one_is_a_mistake(text: str) -> None:
    with pytest.raises(OperationError, match="next value from a page"):
        read_cursor({"after": text}, str)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_829_523.4567, "2026-11-28T01:32:03.456Z"),
        (1e300, None),
        (float("nan"), None),
    ],
)
def test_a_time_is_written_as_iso_8601(seconds: float | None, text: str | None) -> None:
    assert iso_time(seconds) == text
