"""Several processes on the same NATS servers are one hub, whatever happens to one of them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.waiting import PATIENCE, until
from websubhub.standalone.adapters.nats.journal import partition as partition_module
from websubhub.standalone.adapters.nats.ownership import keeper as keeper_module
from websubhub.standalone.adapters.nats.ownership import peers
from websubhub.standalone.adapters.nats.ownership.keeper import Keeper
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.nats.wire import connection as connection_module
from websubhub.standalone.adapters.nats.wire.address import Address, parse_address
from websubhub.standalone.adapters.nats.wire.client import Reply
from websubhub.standalone.adapters.nats.wire.connection import Connection
from websubhub.standalone.adapters.nats.wire.errors import UnavailableError
from websubhub.standalone.ports import (
    Delivery,
    DeliveryMode,
    DiskFullError,
    StoredSubscription,
    StoreError,
    StoreVersionError,
    Topic,
    Update,
)
from websubhub.standalone.schedule.limits import DeliveryLimits

TOPIC = "https://topic.example/"
Open = Callable[[], Awaitable[Hub]]


@pytest.fixture
def anyio_backend() -> str:
    """The client of the servers works on asyncio only."""
    return "asyncio"


@pytest.fixture(autouse=True)
def never_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that a busy machine holds up is not a process that was stopped."""
    monkeypatch.setattr(keeper_module, "SLEPT_SECONDS", 100.0)


@pytest.fixture
async def join(nats_hub: str, clock: Clock) -> AsyncIterator[Open]:
    """Opens another process of the same hub."""
    async with AsyncExitStack() as stack:

        async def join() -> Hub:
            store = NatsStore(nats_hub, limits=DeliveryLimits(), clock=clock)
            return Hub(await stack.enter_async_context(store), clock)

        yield join


@asynccontextmanager
async def opened(hub: str, clock: Clock) -> AsyncIterator[Hub]:
    async with NatsStore(hub, clock=clock) as store:
        yield Hub(store, clock)


def owned(hub: Hub) -> set[int]:
    process = hub.store._process  # type: ignore[attr-defined]
    found: set[int] = process.records.knowledge.membership.owned
    return found


def connection_of(hub: Hub) -> Connection:
    found: Connection = hub.store._process.jetstream.connection  # type: ignore[attr-defined]
    return found


def keeper_of(hub: Hub) -> Any:
    return hub.store._process.ledger.look.__self__  # type: ignore[attr-defined]


async def shared(*hubs: Hub) -> None:
    """Wait until these processes have everything among them."""
    await until(lambda: sum(len(owned(hub)) for hub in hubs) == 32 and all(map(owned, hubs)))


async def collect(hubs: Sequence[Hub], count: int) -> list[Delivery]:
    """Claim at these processes until there are so many deliveries."""
    found: list[Delivery] = []
    async with anyio.create_task_group() as tasks:

        async def claim(hub: Hub) -> None:
            while True:
                found.extend(await hub.broker.claim(100))
                if len(found) >= count:
                    tasks.cancel_scope.cancel()

        with anyio.fail_after(PATIENCE):
            for hub in hubs:
                tasks.start_soon(claim, hub)
            await anyio.sleep_forever()
    return found


def hosts(count: int) -> list[str]:
    return [f"https://sub{number}.example/" for number in range(count)]


async def test_each_delivers_its_share_of_what_any_of_them_accepted(join: Open) -> None:
    first, second = await join(), await join()
    await shared(first, second)
    for number, callback in enumerate(hosts(40)):
        hub = (first, second)[number % 2]
        await hub.subscribe(callback)
        other = (second, first)[number % 2]
        assert await other.store.subscriptions.get(TOPIC, callback) is not None
    for publisher in (first, second):
        published = await publisher.publish()
        found = await collect([first, second], 40)
        assert sorted(delivery.callback for delivery in found) == sorted(hosts(40))
        assert {delivery.update.id for delivery in found} == {published}
        for delivery in found:
            delivery.done()
    statistics = await second.broker.statistics()
    assert (statistics.subscriptions, statistics.waiting, statistics.partial) == (40, 0, False)
    assert statistics == await first.broker.statistics()


async def test_a_newcomer_gets_its_share_and_what_is_on_its_way_is_not_delivered_twice(join: Open) -> None:
    first = await join()
    for callback in hosts(30):
        await first.subscribe(callback)
    published = [await first.publish(), await first.publish()]
    under_way = await first.claim()
    second = await join()
    for delivery in under_way:
        delivery.done()
    await shared(first, second)
    found = await collect([first, second], 30)
    assert {delivery.update.id for delivery in found} == {published[1]}
    assert len({delivery.callback for delivery in found}) == 30


async def test_what_a_process_had_that_ends_goes_on_at_once_at_another(join: Open, nats_hub: str, clock: Clock) -> None:
    first = await join()
    async with opened(nats_hub, clock) as second:
        await shared(first, second)
        for callback in hosts(20):
            await second.subscribe(callback)
        update = await second.publish()
        for delivery in await second.claim():
            delivery.retry(30, "It answered 503.")
    await until(lambda: len(owned(first)) == 32)
    clock.now += 30
    found = await collect([first], 20)
    assert {delivery.update.id for delivery in found} == {update}
    assert {delivery.attempt for delivery in found} == {1, 2}


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SILENT_SECONDS", 1.2)


@pytest.mark.usefixtures("short_silence")
async def test_a_process_that_nobody_hears_is_fenced_off(join: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await join()
    await first.subscribe()
    lost = await first.publish()
    [delivery] = await first.claim()

    async def nothing(*_: object) -> None:
        """Neither tell nor hear."""

    keeper = keeper_of(first)
    for work in ("beat", "hear"):
        monkeypatch.setattr(keeper, work, nothing)
    monkeypatch.setattr(keeper, "_arrange", lambda _: None)
    monkeypatch.setattr(first.store._process._peers, "hear", lambda _: False)  # type: ignore[attr-defined]
    second = await join()
    await until(lambda: len(owned(second)) == 32)
    [again] = await collect([second], 1)
    assert again.update.id == lost
    again.done()
    await second.broker.flush()
    delivery.retry(5, "This comes too late.")
    await first.broker.flush()
    assert len(owned(first)) == 31, "only a write tells a process that it was superseded"
    assert await second.broker.failing() == []
    assert await second.claim() == []


async def test_a_process_that_stood_still_trusts_itself_no_more(join: Open) -> None:
    hub = await join()
    await hub.subscribe()
    update = await hub.publish()
    [delivery] = await hub.claim()
    keeper = keeper_of(hub)
    keeper._looked_at -= 1_000
    keeper.look()
    assert owned(hub) == set()
    delivery.done()
    await until(lambda: len(owned(hub)) == 32)
    [again] = await collect([hub], 1)
    assert again.update.id == update


async def test_an_answer_that_is_lost_costs_nothing(join: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = await join()
    await hub.subscribe()
    for subject in (".p.", ".u.", ".s.", ".d."):
        await _interfere(hub, monkeypatch, subject, None)
        await hub.subscribe("https://other.example/")
        update = await hub.publish()
        for delivery in await hub.claim():
            assert delivery.update.id == update
            delivery.dead("It is for the test.")
        await hub.broker.flush()
        monkeypatch.undo()
    assert len(owned(hub)) == 32
    assert len(await hub.broker.dead_letters()) == 8
    assert await hub.claim() == []


async def test_a_write_in_flight_is_waited_for(join: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = await join()
    await hub.subscribe()
    error = {"code": 400, "err_code": 10164, "description": "wrong last sequence"}
    for subject in (".p.", ".s."):
        await _interfere(hub, monkeypatch, subject, Reply({}, json.dumps({"error": error}).encode()))
        await hub.subscribe("https://other.example/")
        await hub.publish()
        for delivery in await hub.claim():
            delivery.done()
        await hub.broker.flush()
        monkeypatch.undo()
    assert len(owned(hub)) == 32
    assert await hub.claim() == []


async def _interfere(hub: Hub, monkeypatch: pytest.MonkeyPatch, subject: str, instead: Reply | None) -> None:
    """Lose the answer to the first request of a subject that writes, or give another instead of asking."""
    connection = connection_of(hub)
    asked = connection.request
    over: set[str] = set()

    async def request(to: str, payload: bytes = b"", **rest: Any) -> Reply:
        if subject not in to or to in over:
            return await asked(to, payload, **rest)
        over.add(to)
        if instead is not None:
            return instead
        await asked(to, payload, **rest)
        raise UnavailableError("The answer was lost.")

    monkeypatch.setattr(connection, "request", request)


async def test_what_is_too_large_for_a_message_is_kept_in_parts(
    nats_hub: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_module, "PART_BYTES", 64)
    content = bytes(range(256)) * 5_000
    async with opened(nats_hub, clock) as hub:
        for number in range(40):
            await hub.subscribe(f"https://sub.example/{number}")
        for _ in range(2):
            await hub.publish()
            for _ in range(2):
                for delivery in await hub.claim():
                    delivery.done()
        update = Update(id="large", topic=TOPIC, content=content, content_type="text/plain", published_at=clock())
        await hub.broker.publish(update)
    async with opened(nats_hub, clock) as hub:
        seen: list[Delivery] = []
        while claimed := await hub.claim():
            seen += claimed
            for delivery in claimed:
                delivery.done()
        assert {(delivery.update.id, delivery.update.content == content) for delivery in seen} == {("large", True)}
        assert len(seen) == 40
        await hub.broker.reclaim()
        process = hub.store._process  # type: ignore[attr-defined]
        for stream in ("u", "b"):
            left = await process.jetstream.state(process.records.names.stream(stream))
            assert left.messages == (stream == "b"), "the snapshot of the one partition that has subscriptions"


async def test_a_pair_that_is_saved_while_its_topic_is_reclaimed_loses_nothing(join: Open) -> None:
    first, second = await join(), await join()
    await shared(first, second)
    await first.subscribe("https://old.example/")
    got: dict[str, list[str]] = {}
    owed: dict[str, list[str]] = {}
    stopped = anyio.Event()

    async def reclaim() -> None:
        while not stopped.is_set():
            for hub in (first, second):
                await hub.broker.reclaim()

    async def deliver(hub: Hub) -> None:
        while True:
            for delivery in await hub.broker.claim(10):
                got.setdefault(delivery.callback, []).append(delivery.update.content.decode())
                delivery.done()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reclaim)
        for hub in (first, second):
            tasks.start_soon(deliver, hub)
        for number, callback in enumerate(hosts(15)):
            hub, other = (first, second)[:: 1 if number % 2 else -1]
            await hub.subscribe(callback)
            owed[callback] = []
            await _publish(other, str(number))
            for each in owed.values():
                each.append(str(number))
        await until(lambda: all(set(owed[callback]) <= set(got.get(callback, ())) for callback in owed))
        stopped.set()
        tasks.cancel_scope.cancel()
    assert {callback: [each for each in got[callback] if each in owed[callback]] for callback in owed} == owed


async def _publish(hub: Hub, content: str) -> None:
    await hub.broker.publish(
        Update(id=f"id-{content}", topic=TOPIC, content=content.encode(), content_type="text/plain", published_at=0)
    )


async def test_everything_survives_the_end_of_all_processes(nats_hub: str, clock: Clock) -> None:
    async with opened(nats_hub, clock) as hub:
        for callback in hosts(3):
            await hub.subscribe(callback)
        await hub.store.topics.save(Topic(url=TOPIC, registered=True))
        await hub.broker.pause_host("paused.example")
        await hub.publish()
        one, two, three = await hub.claim()
        one.retry(30, "It answered 503.", refused=True)
        two.dead("It is gone.", turned_away=True)
        three.done()
        failing, letters = await hub.broker.failing(), await hub.broker.dead_letters()
        latest = await hub.publish()
    async with opened(nats_hub, clock) as hub:
        assert await hub.broker.failing() == failing
        assert await hub.broker.dead_letters() == letters
        assert [(state.host, state.paused) for state in await hub.broker.hosts()] == [("paused.example", True)]
        assert await hub.store.topics.page() == [Topic(url=TOPIC, registered=True)]
        await hub.broker.replay([letters[0].id])
        clock.now += 30
        found = {(each.callback, each.update.id): each for each in await hub.claim()}
        assert len(found) == 3
        again = found[one.callback, one.update.id]
        assert (again.attempt, again.refusals) == (2, 1)
        assert (two.callback, two.update.id) in found
        assert (three.callback, latest) in found


async def test_processes_with_other_rules_are_refused_with_the_difference(join: Open) -> None:
    first = await join()
    await first.store.topics.configure(latest_only=["*"], feed_diff=[])
    second = await join()
    await second.store.topics.configure(latest_only=["*"], feed_diff=[])
    with pytest.raises(StoreError, match=r"other rules: latest_only is \['\*'\] there and \[\] here\."):
        await second.store.topics.configure(latest_only=[], feed_diff=[])


async def test_the_rules_of_a_process_hold_for_all(join: Open) -> None:
    first, second = await join(), await join()
    await first.store.topics.save(Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST))
    await until(lambda: second.store._process.records.knowledge.topics.find(TOPIC))  # type: ignore[attr-defined]
    await second.broker.pause_host("sub.example")
    assert await second.store.topics.get(TOPIC) == Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST)
    await until(lambda: first.store._process.records.knowledge.paused == {"sub.example"})  # type: ignore[attr-defined]


async def test_streams_that_are_weaker_than_asked_are_refused(nats_hub: str, clock: Clock) -> None:
    async with opened(nats_hub, clock):
        pass
    with pytest.raises(StoreError, match=r"weaker than this hub needs: num_replicas is 1 and must be 3"):
        async with NatsStore(f"{nats_hub}&replicas=3", clock=clock):
            raise AssertionError


async def test_a_stream_that_is_full_refuses_updates_and_takes_them_again(nats_hub: str, clock: Clock) -> None:
    async with opened(nats_hub.replace("gib=0.01", "gib=0.0002"), clock) as hub:
        await hub.subscribe()

        async def publish() -> None:
            content = b"x" * 50_000
            await hub.broker.publish(
                Update(id="m", topic=TOPIC, content=content, content_type="text/plain", published_at=clock())
            )

        async def fill() -> None:
            for _ in range(10):
                await publish()

        with pytest.raises(DiskFullError):
            await fill()
        while claimed := await hub.claim():
            for delivery in claimed:
                delivery.done()
        assert await hub.broker.reclaim() > 0
        await publish()
        assert len(await hub.claim()) == 1


async def test_streams_of_a_newer_version_are_refused(nats_hub: str, clock: Clock) -> None:
    async with opened(nats_hub, clock) as hub:
        records = hub.store._process.records  # type: ignore[attr-defined]
        await records.change(records.names.subject("m", "layout"), lambda: b'{"version": 2, "partitions": 32}')
    with pytest.raises(StoreVersionError, match="layout 2, which needs"):
        async with NatsStore(nats_hub, clock=clock):
            raise AssertionError


async def test_a_process_that_does_not_answer_is_seen_in_the_statistics(
    join: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await join(), await join()
    await shared(first, second)
    monkeypatch.setattr(second.store._process.questions, "_answers", {})  # type: ignore[attr-defined]
    assert (await first.broker.statistics()).partial
    assert first.store.connection is not None
    assert not first.store.connection.complete


async def test_a_process_of_an_older_version_asks_and_answers_with_less(
    join: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await join(), await join()
    await shared(first, second)
    questions = second.store._process.questions  # type: ignore[attr-defined]
    publish, said = questions._connection.publish, list[Any]()

    async def publish_less(subject: str, payload: bytes = b"", reply: str = "") -> None:
        values = json.loads(payload)
        said.append(values)
        values.pop("partitions", None)
        await publish(subject, json.dumps(values).encode(), reply)

    monkeypatch.setattr(questions._connection, "publish", publish_less)
    await questions._answer(json.dumps({"what": "statistics", "about": None, "by": "another"}).encode(), "somewhere")
    assert any("answer" in values for values in said)
    statistics = await first.broker.statistics()
    assert (statistics.topics, statistics.partial) == (0, True)


async def test_counts_are_not_complete_while_nobody_delivers_to_a_partition(
    join: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await join(), await join()
    await shared(first, second)
    for callback in hosts(40):
        await first.subscribe(callback)
    await first.publish()
    assert ((await first.broker.statistics()).waiting, (await first.broker.statistics()).partial) == (40, False)

    async def take_none(keeper: Keeper, number: int) -> None:
        keeper._changing.discard(number)

    monkeypatch.setattr(Keeper, "_take", take_none)
    for number in list(owned(second)):
        second.store._process._partitions.lose(number)  # type: ignore[attr-defined]
    statistics = await first.broker.statistics()
    assert statistics.waiting < 40
    assert statistics.partial


async def test_whoever_only_looks_takes_nothing_from_anybody(join: Open, nats_hub: str, clock: Clock) -> None:
    hub = await join()
    for callback in hosts(5):
        await hub.subscribe(callback)
    await hub.publish()
    async with NatsStore(nats_hub, clock=clock, takes_part=False) as store:
        await store.examine()
        statistics = await store.broker.statistics()
        assert (statistics.subscriptions, statistics.waiting, statistics.partial) == (5, 5, False)
        assert len(owned(hub)) == 32
    assert len(await hub.claim()) == 5


async def test_a_server_that_is_not_there_is_named(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_CONNECT_SECONDS", 1)
    with pytest.raises(StoreError, match=rf"No NATS server answers at 127\.0\.0\.1:{free_port}: ") as caught:
        async with NatsStore(f"user:s3cret@127.0.0.1:{free_port}"):
            raise AssertionError
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_under_trio_it_says_so(anyio_backend: str) -> None:
    with pytest.raises(StoreError, match=f"works on asyncio only, and this hub runs on {anyio_backend}"):
        async with NatsStore("127.0.0.1:4222"):
            raise AssertionError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a:4222", Address(("nats://a:4222",))),
        ("u:p%40%2C@a:4222, nats://b/,c", Address(("nats://a:4222", "nats://b", "nats://c"), user="u", password="p@,")),
        ("u:p@a,u:p@b", Address(("nats://a", "nats://b"), user="u", password="p")),
        ("token@a", Address(("nats://a",), user="token")),
        ("a?name=x_1&replicas=5&gib=0.5", Address(("nats://a",), "x_1", 5, 0.5)),
        ("a?wait=300", Address(("nats://a",), wait=300)),
        ("tls://a,b", Address(("tls://a", "tls://b"), tls=True)),
        ("a?ca=x.pem", Address(("tls://a",), tls=True, ca="x.pem")),
        ("a?tls=true&cert=c&key=k&token_file=t", Address(("tls://a",), token_file="t", tls=True, cert="c", key="k")),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "a,,b", ",".join(["a"] * 17), "http://a", "u:s3cret@a,v:s3cret@b"],
)
def test_addresses_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(StoreError, match="must be written nats://HOST:PORT") as raised:
        parse_address(text)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "option",
    [
        "name=",
        "name=X",
        "wait=-1",
        "wait=",
        "name=a.b",
        "replicas=2",
        "gib=0",
        "gib=-1",
        "gib=nan",
        "x=1",
        "tls=yes",
        "key=x.pem",
    ],
)
def test_options_that_cannot_be_meant_are_refused(option: str) -> None:
    with pytest.raises(StoreError, match="must be some of"):
        parse_address(f"a?{option}")


async def test_a_secret_is_never_printed(join: Open) -> None:
    hub = await join()
    await hub.store.subscriptions.save(
        StoredSubscription(
            topic=TOPIC, callback="https://sub.example/", secret="s3cret", lease_seconds=9, requested_at=0
        )
    )
    knowledge = hub.store._process.records.knowledge  # type: ignore[attr-defined]
    assert "s3cret" not in f"{[repr(pair.value) for pair in knowledge.pairs]}"
