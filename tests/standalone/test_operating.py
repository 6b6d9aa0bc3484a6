"""What an operator sees and does: the admin API, health, readiness, metrics."""

from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.standalone.hub import ADMIN, World, world
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.admin.http.readiness import Readiness
from websubhub.standalone.ports import StoredSubscription, Update
from websubhub.standalone.work.upkeep import Upkeep
from websubhub.testing import FakeClock

TOPIC = "https://topic.example/"


async def _values(hub: World) -> dict[str, float]:
    text = (await hub.client.get(hub.hub.removesuffix("/hub") + "/metrics")).text
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_health_and_readiness_are_open_to_all() -> None:
    async with world() as hub:
        base = hub.hub.removesuffix("/hub")
        assert (await hub.client.get(base + "/health")).json() == {"status": "ok"}
        assert (await hub.client.get(base + "/ready")).json() == {"status": "ready"}


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def _readiness(hub: World, status: int) -> httpx.Response:
    """The answer of ``/ready`` once it has this status."""
    with anyio.fail_after(PATIENCE):
        while (answer := await hub.get("/ready")).status_code != status:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.1)
    return answer


async def test_a_hub_whose_store_takes_no_writes_is_not_ready_and_says_why_in_its_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(store=f"sqlite:///{tmp_path / 'hub.db'}") as hub:
        assert (await hub.get("/ready")).status_code == 200
        (tmp_path / "hub.db").rename(tmp_path / "elsewhere.db")
        answer = await _readiness(hub, 503)
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready"}
        assert int(answer.headers["retry-after"]) > 0
        assert (await hub.get("/health")).status_code == 200
        assert "removed or replaced" in caplog.text
        (tmp_path / "elsewhere.db").rename(tmp_path / "hub.db")
        await _readiness(hub, 200)


async def test_asking_often_whether_a_hub_is_ready_writes_once(tmp_path: Path) -> None:
    async with SqliteStore(str(tmp_path / "hub.db")) as store:
        clock = _Clock()
        readiness = Readiness(store, clock)
        statements: list[str] = []
        await store._database.read(lambda connection: connection.set_trace_callback(statements.append))

        def writes() -> int:
            return sum(statement.startswith("PRAGMA user_version =") for statement in statements)

        for _ in range(50):
            assert await readiness.is_ready()
        assert writes() == 1
        clock.now += 1.5
        assert await readiness.is_ready()
        assert writes() == 2


async def test_the_type_of_an_order_may_have_parameters() -> None:
    async with world(admin_token=None) as hub:
        base = hub.hub.removesuffix("/hub")
        for content_type, status in (
            ("application/json; charset=utf-8", 200),
            ("Application/JSON", 200),
            ("text/plain", 415),
        ):
            headers = {"Content-Type": content_type}
            answer = await hub.client.post(
                base + "/admin/topics", content=b'{"url": "https://t.example/"}', headers=headers
            )
            assert answer.status_code == status


async def test_metrics_tell_what_was_delivered_and_what_is_owed() -> None:
    async with world(retry_delays=(0.02,)) as hub:
        subscriber, failing, gone = (hub.subscriber(path) for path in ("/1", "/2", "/3"))
        for one, path in ((subscriber, "/1"), (failing, "/2"), (gone, "/3")):
            await hub.subscribe(one, TOPIC, path)
        failing.statuses, gone.statuses = [500, 500], [410]
        await hub.publish(TOPIC)
        await hub.quiet()
        values = await _values(hub)
        assert values["websubhub_deliveries_total/delivered"] == 1
        assert values["websubhub_deliveries_total/retried"] == 1
        assert values["websubhub_deliveries_total/dead"] == 1
        assert values["websubhub_deliveries_total/gone"] == 1
        assert values["websubhub_dead_letters"] == 1
        assert values["websubhub_subscriptions"] == 2
        assert values["websubhub_topics"] == 1
        assert values["websubhub_backlog"] == 0
        assert values["websubhub_oldest_seconds"] == 0
        assert values["websubhub_delivery_latency_seconds_count"] == 1
        assert values["websubhub_delivery_latency_seconds_bucket/+Inf"] == 1
        assert 0 < values["websubhub_delivery_latency_seconds_sum"] < 5
        await hub.order("/admin/hosts/pause", host=hub.peers.removeprefix("http://"))
        await hub.publish(TOPIC)
        values = await _values(hub)
        assert values["websubhub_backlog"] == 2
        assert 0 < values["websubhub_oldest_seconds"] < 5


@pytest.mark.threat("BQ-3")
async def test_labels_do_not_grow_with_topics_and_hosts() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        labels = []
        for number in range(6):
            await hub.subscribe(subscriber, f"{TOPIC}{number}")
            await hub.publish(f"{TOPIC}{number}")
            await hub.quiet()
            await hub.get(f"/admin/nothing-{number}")
            labels.append(set(await _values(hub)))
        assert labels[-1] == labels[0] | labels[1]  # the first scrape does not count itself


async def test_topics_and_subscriptions_are_listed_a_page_at_a_time() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        for number in range(5):
            await hub.subscribe(subscriber, f"{TOPIC}{number}", secret="marker-of-a-secret")
        urls, page = [], (await hub.get("/admin/topics", limit=2)).json()["topics"]
        while page:
            assert len(page) <= 2
            urls += [topic["url"] for topic in page]
            page = (await hub.get("/admin/topics", limit=2, after=urls[-1])).json()["topics"]
        assert sorted(urls) == [f"{TOPIC}{number}" for number in range(5)]
        answer = await hub.get("/admin/subscriptions", topic=f"{TOPIC}3")
        [subscription] = answer.json()["subscriptions"]
        assert subscription["callback"] == hub.peers + "/callback"
        assert subscription["signed"] is True
        assert "secret" not in subscription
        assert "marker-of-a-secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/admin/topics", 401),
        ("GET", "/admin/subscriptions", 401),
        ("GET", "/admin/dead-letters", 401),
        ("GET", "/admin/whatever", 401),
        ("POST", "/admin/subscriptions/remove", 401),
        ("POST", "/admin/hosts/pause", 401),
        ("GET", "/admin", 404),
    ],
)
async def test_without_the_token_nothing_is_told(method: str, path: str, status: int) -> None:
    async with world() as hub:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
            answer = await hub.client.request(method, hub.hub.removesuffix("/hub") + path, headers=headers)
            assert answer.status_code == status
            assert set(answer.json()) == {"error"}


async def test_without_a_token_a_hub_on_loopback_is_open_to_this_machine_alone() -> None:
    async with world(admin_token=None) as hub:
        base = hub.hub.removesuffix("/hub")
        json = {"Content-Type": "application/json"}
        pause = base + "/admin/hosts/pause"
        assert (await hub.client.get(base + "/admin/topics")).status_code == 200
        assert (await hub.client.post(pause, content=b'{"host": "x"}', headers=json)).status_code == 200
        # A page in a browser of this machine: it cannot set this type, nor call a name of its own this machine.
        assert (await hub.client.post(pause, content=b'{"host": "x"}')).status_code == 415
        rebound = {"Host": "attacker.example"}
        assert (await hub.client.get(base + "/admin/topics", headers=rebound)).status_code == 401
    async with world(admin_token=None, host="0.0.0.0", public_url="http://127.0.0.1:1/hub") as hub:  # noqa: S104
        assert (await hub.client.get(hub.hub.removesuffix("/hub") + "/admin/topics")).status_code == 401
    async with world(admin_token=None, public_url="https://hub.example.com/hub") as hub:
        assert (await hub.client.get(hub.hub.removesuffix("/hub") + "/admin/topics")).status_code == 401


@pytest.mark.parametrize(
    ("path", "parameters", "words"),
    [
        ("/admin/topics", {"url": "ftp://x"}, "http"),
        ("/admin/topics", {"url": TOPIC, "delivery_mode": "never"}, "every, latest"),
        ("/admin/topics", {"url": TOPIC, "feed_diff": "yes"}, "true or false"),
        ("/admin/hosts/pause", {"host": 7}, "name of a host"),
        ("/admin/hosts/pause", {}, "host is missing"),
        ("/admin/hosts/pause", {"hots": "a.example"}, "Did you mean host?"),
        ("/admin/dead-letters/replay", {"ids": []}, "list of 1 to"),
        ("/admin/dead-letters/replay", {}, "set all to true"),
        ("/admin/dead-letters/replay", {"ids": ["x"]}, "whole number"),
        ("/admin/dead-letters/drop", {"ids": [10**30]}, "too large"),
        ("/admin/subscriptions/remove", {"topic": TOPIC}, "callback"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_a_sentence(
    path: str, parameters: dict[str, object], words: str
) -> None:
    async with world(admin_token=None) as hub:
        answer = await hub.client.post(hub.hub.removesuffix("/hub") + path, json=parameters)
        assert answer.status_code == 400
        assert words in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    async with world(admin_token=None) as hub:
        headers = {"Content-Type": "application/json"}
        answer = await hub.client.post(hub.hub.removesuffix("/hub") + "/admin/topics", content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"].endswith(".")


async def test_methods_and_paths_that_are_not_there_are_told_apart() -> None:
    async with world() as hub:
        assert (await hub.get("/admin/hosts/pause")).status_code == 405
        assert (await hub.get("/admin/nothing")).status_code == 404
        assert (await hub.get("/admin/topics", limit="many")).status_code == 400


async def test_dead_letters_are_kept_for_a_while() -> None:
    clock = FakeClock()
    async with MemoryStore(clock=clock) as store:
        callback = "https://sub.example/"
        await store.subscriptions.save(
            StoredSubscription(topic=TOPIC, callback=callback, lease_seconds=10**9, requested_at=clock())
        )
        for number in range(3):
            update = Update(id=str(number), topic=TOPIC, content=b"", content_type="text/plain", published_at=clock())
            await store.broker.publish(update)
            [delivery] = await store.broker.claim(1)
            delivery.dead("answered 500")
            await store.broker.flush()
            clock.now += 100
        upkeep = Upkeep(store, 250, clock)
        await upkeep.drop_old_dead_letters()
        assert [letter.message_id for letter in await store.broker.dead_letters()] == ["1", "2"]
        clock.now += 1_000
        await upkeep.drop_old_dead_letters()
        assert not await store.broker.dead_letters()


@pytest.mark.parametrize("text", ['"\\ud800"', '["\\udfff"]', '{"\\ud800": 1}'])
async def test_half_a_character_is_refused_before_anything_is_done(text: str) -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        callback = f"{hub.peers}/callback"
        body = f'{{"topic": "{TOPIC}", "callback": "{callback}", "reason": {text}}}'
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN}"}
        url = hub.hub.removesuffix("/hub") + "/admin/subscriptions/remove"
        answer = await hub.client.post(url, content=body, headers=headers)
        assert answer.status_code == 400
        assert len((await hub.get("/admin/subscriptions")).json()["subscriptions"]) == 1
