"""What a process does while a stream has no leader, or its server is cut off from the others."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlparse

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.nats.journal import publishing as publishing_module
from websubhub.standalone.adapters.nats.ownership import peers as peers_module
from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.nats.wire.client import Reply
from websubhub.standalone.adapters.nats.wire.errors import UnavailableError
from websubhub.standalone.adapters.nats.wire.servers import moving as moving_module
from websubhub.standalone.adapters.nats.wire.servers.choosing import ServerChoice
from websubhub.standalone.adapters.nats.wire.servers.moving import Doubts, can_store
from websubhub.standalone.ports import AttemptDetails, StoreError


@pytest.fixture
def anyio_backend() -> str:
    """The client of the servers works on asyncio only."""
    return "asyncio"


@pytest.fixture
async def hub(nats_hub: str, clock: Clock) -> AsyncIterator[Hub]:
    async with NatsStore(nats_hub, clock=clock) as store:
        yield Hub(store, clock)


def cut(hub: Hub, monkeypatch: pytest.MonkeyPatch, *subjects: str) -> None:
    """Let nobody answer requests whose subject has one of these parts."""
    connection = hub.store._process.jetstream.connection  # type: ignore[attr-defined]
    asked = connection.request

    async def request(to: str, payload: bytes = b"", **rest: Any) -> Reply:
        if any(subject in to for subject in subjects):
            raise UnavailableError("There is no leader.")
        reply: Reply = await asked(to, payload, **rest)
        return reply

    monkeypatch.setattr(connection, "request", request)


async def test_retries_go_on_while_nothing_can_be_written(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websubhub.standalone.adapters.nats.journal.partition._WRITE_SECONDS", 0.01)
    await hub.subscribe()
    update = await hub.publish()
    cut(hub, monkeypatch, ".p.")
    for attempt in range(1, 5):
        [delivery] = await hub.claim()
        assert (delivery.update.id, delivery.attempt, delivery.refusals) == (update, attempt, attempt - 1)
        delivery.retry(10, "not now", host_failed=False, refused=True)
        with pytest.raises(StoreError):
            await hub.broker.flush()
        hub.clock.now += 11
    monkeypatch.undo()
    [delivery] = await hub.claim()
    assert delivery.attempt == 5
    delivery.done()
    await hub.broker.flush()
    assert await hub.claim() == []


async def test_content_is_read_without_a_leader(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.subscribe()
    update = await hub.publish()
    hub.store._process.ledger.cache._updates.clear()  # type: ignore[attr-defined]
    cut(hub, monkeypatch, "STREAM.MSG.GET", "STREAM.INFO")
    assert await hub.claim_ids() == [update]


async def test_failed_attempts_are_written_later_and_nothing_waits_for_them(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("websubhub.standalone.adapters.nats.journal.attempts._WRITE_SECONDS", 0.01)
    await hub.subscribe()
    await hub.publish()
    written = len(await hub.store.messages.attempts())
    cut(hub, monkeypatch, ".f.")
    for _ in range(3):
        [delivery] = await hub.claim()
        delivery.retry(10, "not now", details=AttemptDetails(status=500, seconds=0.1, answer=b"no"))
        await hub.broker.flush()
        hub.clock.now += 11
    assert len(await hub.store.messages.attempts()) == written == 0
    monkeypatch.undo()
    with anyio.fail_after(PATIENCE):
        while len(await hub.store.messages.attempts()) < 3:  # noqa: ASYNC110 - it is asked of the store
            await anyio.sleep(0.05)
    assert [attempt.attempt for attempt in await hub.store.messages.attempts()] == [3, 2, 1]


async def test_a_publish_that_takes_too_long_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    updates = hub.store._process.updates  # type: ignore[attr-defined]

    async def never(*_: object) -> None:
        await anyio.sleep_forever()

    await hub.subscribe()
    with monkeypatch.context() as patched:
        patched.setattr(publishing_module, "_APPEND_SECONDS", 0.05)
        patched.setattr(updates, "store", never)
        with pytest.raises(UnavailableError, match="in time"):
            await hub.publish()
    published = await hub.publish()
    assert await hub.claim_ids() == [published]


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def said(name: str, server: str = "a", *, leaving: bool = False) -> bytes:
    return json.dumps({"id": name, "waiting": 0, "partitions": [], "leaving": leaving, "server": server}).encode()


def heard(peers: Peers, time: Time, seconds: float, *messages: bytes) -> None:
    for _ in range(round(seconds / 0.5)):
        time.now += 0.5
        for message in messages:
            peers.hear(message)
        peers.living()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    for module in (peers_module, moving_module):
        monkeypatch.setattr(module, "monotonic", time)
    return time


def test_who_hears_itself_and_all_others_is_in_contact(time: Time) -> None:
    peers = Peers("own")
    heard(peers, time, 5, said("own"), said("other"))
    assert peers.in_contact
    time.now += 1.5  # in which it hears nobody
    assert not peers.in_contact


@pytest.mark.parametrize("server", ["a", "", "b"])
def test_where_one_falls_silent_it_is_decided_by_those_at_other_servers(server: str, time: Time) -> None:
    peers = Peers("own")
    heard(peers, time, 5, said("own"), said("other", server), said("gone", "c"))
    heard(peers, time, 10, said("own"), said("other", server))
    assert set(peers.living()) == {"other"}
    assert peers.in_contact == (server == "b")
    heard(peers, time, 30, said("own"), said("other", server))
    assert peers.in_contact  # it was dead


def test_who_hears_only_itself_is_not_in_contact_unless_the_others_said_that_they_leave(time: Time) -> None:
    for leaving in (False, True):
        peers = Peers("own")
        heard(peers, time, 5, said("own"), said("other", "b", leaving=leaving))
        heard(peers, time, 2.5, said("own"))
        assert peers.in_contact == leaving
        heard(peers, time, 5, said("own"))
        assert peers.in_contact == leaving


def info(leader: str, *active: float) -> bytes:
    replicas = [{"name": f"s{number}", "active": seconds * 1e9} for number, seconds in enumerate(active)]
    return json.dumps({"cluster": {"leader": leader, "replicas": replicas}}).encode()


@pytest.mark.parametrize(
    ("said", "stores"),
    [
        (info("s0", 0.3, 0.9), "stores"),
        (info("s0", 0.3, 9.0), "stores"),
        (info("s0", 2.1, 2.1), "stores nothing"),  # since the cut, which it has not noticed
        (info("s0", 1.8, 1.9), "stores nothing"),  # just before it
        (info("", 0.3, 0.9), "stores nothing"),
        (info("s0", 0.3, 0.3, 9.0, 9.0), "stores"),
        (info("s0", 0.3, 9.0, 9.0, 9.0), "stores nothing"),
        (info("s0"), "stores"),
        (json.dumps({"error": {"code": 503}}).encode(), "stores nothing"),
        (b"[]", "stores nothing"),
        (b"no JSON", "stores nothing"),
    ],
)
def test_a_leader_can_store_if_it_has_heard_of_a_majority_since_the_trouble_began(said: bytes, stores: str) -> None:
    assert can_store(said, seconds=2.0) == (stores == "stores")


def test_what_is_not_answered_for_long_is_doubted_as_long_as_it_is_asked_for(time: Time) -> None:
    doubts = Doubts()
    doubts.note("P", "stores", time.now)
    assert doubts.oldest() is None
    time.now += 1.0
    doubts.note("P", "stores", time.now)
    doubts.note("U", "stores", time.now)
    assert doubts.oldest() == ("P", 100.0)
    doubts.clear("P", "answers")
    assert doubts.oldest() == ("P", 100.0)
    doubts.clear("P", "stores")
    assert doubts.oldest() is None
    time.now += 1.5
    assert doubts.oldest() == ("U", 101.0)
    time.now += 1.0
    assert doubts.oldest() is None
    doubts.note("U", "stores", time.now)
    doubts.forget()
    assert doubts.oldest() is None


class Place:
    def __init__(self, url: str) -> None:
        self.uri = urlparse(url)


def test_the_server_that_was_found_to_be_better_is_tried_first() -> None:
    choice, servers = ServerChoice(), [Place(f"nats://{name}:4222") for name in "abc"]
    choice.connected("a:4222")
    choice.prefer("c:4222")
    assert [choice(servers, {})[0].uri.hostname for _ in range(3)] == ["c", "b", "c"]
