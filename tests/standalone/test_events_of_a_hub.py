"""What a hub tells of itself: each thing that happens is an event, none with a secret or a callback."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.standalone.default_store import default_store
from tests.standalone.hub import ADMIN, World, world
from tests.waiting import PATIENCE, until
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.command.logs import JsonFormatter, TextFormatter
from websubhub.standalone.events.events import Event, Events
from websubhub.standalone.hub.space import Space
from websubhub.standalone.ports import DiskFullError, StoreError

TOPIC = "https://topic.example/"
SECRET = "the-secret-of-the-marked-subscriber"
TOKEN = "the-token-of-the-marked-publisher"
CAPABILITY = "capability-of-the-marked-callback"
PATH = f"/{CAPABILITY}"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> "Told":
    caplog.set_level(logging.DEBUG, "websubhub")
    return Told(caplog)


class Told:
    """The events that the log got."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def __iter__(self) -> Iterator[Event]:
        return (record.event for record in self._caplog.records if hasattr(record, "event"))

    def names(self) -> list[str]:
        return [event.name for event in self]

    def of(self, name: str) -> list[Event]:
        return [event for event in self if event.name == name]

    async def one(self, name: str) -> Event:
        """Wait for the first event of this name."""
        await until(lambda: bool(self.of(name)))
        return self.of(name)[0]

    def lines(self) -> str:
        """Everything that was logged, in both formats."""
        forms = TextFormatter(), JsonFormatter()
        return "\n".join(form.format(record) for record in self._caplog.records for form in forms)


def host_of(hub: World) -> str:
    return hub.peers.removeprefix("http://")


async def test_the_life_of_a_subscription(told: Told) -> None:
    async with world() as hub:
        subscriber = hub.subscriber(PATH, secret=SECRET)
        await hub.subscribe(subscriber, TOPIC, PATH, secret=SECRET, lease_seconds=300)
        await hub.publish(TOPIC, b"content")
        await hub.quiet()
        await hub.subscribe(subscriber, TOPIC, PATH, secret=SECRET)
        await hub.ask(mode="unsubscribe", topic=TOPIC, callback=hub.peers + PATH)
        await hub.verified()
        host = host_of(hub)
    names = [name for name in told.names() if name != "attempt"]
    assert names == ["started", "subscribed", "published", "renewed", "unsubscribed", "stopping"]
    [subscribed] = told.of("subscribed")
    assert subscribed.fields == {"host": host, "topic": TOPIC, "lease_seconds": 300}
    [published] = told.of("published")
    assert {"topic": TOPIC, "type": "text/plain", "size": 7, "recipients": 1}.items() <= published.fields.items()
    assert published.fields["id"] == subscriber.deliveries[0].headers["x-hub-message-id"]
    assert told.of("renewed")[0].fields["host"] == host


async def test_the_start_says_what_runs(told: Told) -> None:
    async with world(max_backlog=123, concurrency=45) as hub:
        [started] = told.of("started")
        assert started.fields["url"] == hub.hub
    assert str(started.fields["store"]).partition(":")[0] == default_store().partition(":")[0]
    assert {"concurrency": 45, "max_backlog": 123}.items() <= started.fields.items()
    assert str(started.fields["loop"]) in {"asyncio", "trio", "uvloop"}
    assert started.fields["version"]


async def test_an_expired_lease_is_told(told: Told) -> None:
    async with world() as hub:
        await hub.subscribe(hub.subscriber(), TOPIC, lease_seconds=1)
        expired = await told.one("expired")
        assert expired.fields == {"host": host_of(hub), "topic": TOPIC}


async def test_a_denial_and_a_failed_verification_say_why(told: Told) -> None:
    async with world(topics="registered") as hub:
        await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + PATH)
        denied = await told.one("denied")
        assert denied.fields["reason"] == "the topic is not registered at this hub"
    async with world() as hub:
        hub.subscriber(PATH).confirms = False
        await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + PATH, secret=SECRET)
        failed = await told.one("verification_failed")
        assert failed.fields == {
            "host": host_of(hub), "topic": TOPIC, "mode": "subscribe", "attempt": 1, "status": 404,
            "reason": "answered 404",
        }  # fmt: skip
        await hub.ask(mode="subscribe", topic=TOPIC, callback="http://127.0.0.1:1/nobody")
        unanswered = await told.one("verification_unanswered")
        assert (unanswered.fields["status"], unanswered.fields["reason"]) == (0, "no connection")
        assert unanswered.fields["retry_seconds"] == 30


async def test_what_becomes_of_an_announcement_is_told(told: Told) -> None:
    async with world(retry_delays=(0.01,)) as hub:
        site = hub.site(ETag='"1"')
        topic = hub.peers + "/topic"
        await hub.subscribe(hub.subscriber(), topic)
        await hub.ping(topic)
        await hub.fetched()
        await hub.ping(topic)
        await told.one("unchanged")
        site.status = 410
        site.headers.pop("ETag")
        await hub.ping(topic)
        failed = await told.one("fetch_failed")
    assert [name for name in told.names() if name in {"announced", "published", "fetched"}][:3] == [
        "announced", "published", "fetched",
    ]  # fmt: skip
    assert (failed.fields["topic"], failed.fields["status"], failed.fields["dead"]) == (topic, 410, True)
    assert told.of("published")[0].fields["publisher"] is None, "the hub itself fetched it"


async def test_dead_letters_and_the_end_by_410_name_the_host(told: Told) -> None:
    async with world(retry_delays=(0.01,)) as hub:
        subscriber = hub.subscriber(PATH)
        await hub.subscribe(subscriber, TOPIC, PATH)
        subscriber.statuses = [500, 500]
        await hub.publish(TOPIC)
        dead = await told.one("dead_letter")
        await hub.quiet()
        subscriber.statuses = [410]
        await hub.publish(TOPIC)
        gone = await told.one("gone")
        assert gone.fields["host"] == dead.fields["host"] == host_of(hub)
    assert (dead.fields["attempts"], dead.fields["status"], dead.fields["reason"]) == (2, 500, "answered 500")
    attempts = [(event.fields["attempt"], event.fields["status"]) for event in told.of("attempt")]
    assert attempts == [(1, 500), (2, 500), (1, 410)]


async def test_a_host_that_fails_is_held_back_and_one_can_be_paused(told: Told) -> None:
    async with world(retry_delays=(0.01,) * 20) as hub:
        for number in range(12):
            other = hub.subscriber(f"/{number}")
            await hub.subscribe(other, TOPIC, f"/{number}")
            other.statuses = [503]
        await hub.publish(TOPIC)
        held = await told.one("host_held_back")
        assert held.fields["host"] == host_of(hub)
        await hub.order("/admin/hosts/pause", host=host_of(hub))
        await hub.order("/admin/hosts/resume", host=host_of(hub))
    assert [event.fields["host"] for name in ("host_paused", "host_resumed") for event in told.of(name)] == [
        held.fields["host"]
    ] * 2


async def test_refusals_are_told_once_and_counted(told: Told) -> None:
    async with world(publisher_token=(TOKEN,)) as hub:
        for _ in range(4):
            assert (await hub.publish(TOPIC)).status_code == 401
        assert len(told.of("publish_refused")) == 1
    assert [event.fields.get("more") for event in told.of("publish_refused")] == [None, 2]


async def test_a_full_backlog_is_told(told: Told) -> None:
    async with world(max_backlog=1) as hub:
        await hub.subscribe(hub.subscriber(), TOPIC)
        await hub.order("/admin/hosts/pause", host=host_of(hub))
        await hub.publish(TOPIC)
        for _ in range(3):
            assert (await hub.publish(TOPIC)).status_code == 503
        assert len(told.of("backlog_full")) == 1


async def test_a_full_disk_is_told_once_and_so_is_its_end() -> None:
    class Full(MemoryStore):
        full = True

        async def check_writable(self) -> None:
            if self.full:
                raise StoreError("still full")

    store, events = Full(), Events()
    space = Space(store, events)
    await space.look()
    for _ in range(3):
        space.note(DiskFullError("The disk has no space for more updates."))
        await space.look()
    store.full = False
    await space.look()
    await space.look()
    assert [event.name for event in events.after(0)] == ["disk_full", "space_again"]
    space.note(StoreError("something else"))
    assert len(events.after(0)) == 2


@pytest.mark.threat("SEC-1")
async def test_no_line_has_a_secret_a_token_or_a_whole_callback(told: Told, tmp_path: Path) -> None:
    """With everything on, at ``debug``, through success, failure, denial and the end."""
    async with world(publisher_token=(TOKEN,), retry_delays=(0.01,), store=f"sqlite:///{tmp_path}/hub.db") as hub:
        subscriber = hub.subscriber(PATH, secret=SECRET)
        await hub.subscribe(subscriber, TOPIC, PATH, secret=SECRET)
        subscriber.statuses = [202, 500, 500, 410]
        for _ in range(3):
            await hub.publish(TOPIC, token=TOKEN)
            await hub.quiet()
        subscriber.confirms = False
        await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + PATH, secret=SECRET)
        await told.one("verification_failed")
        await hub.publish(TOPIC, token=TOKEN + "wrong")
        with anyio.fail_after(PATIENCE):
            await hub.get("/admin/dead-letters")
    assert {"subscribed", "published", "dead_letter", "gone", "verification_failed"} <= set(told.names())
    lines = told.lines()
    for secret in (SECRET, TOKEN, CAPABILITY, ADMIN):
        assert secret not in lines
    for line in lines.splitlines():
        if line.startswith("{"):
            json.loads(line)
