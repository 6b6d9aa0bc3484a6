"""Tables of subscriptions on NATS: a process that starts with them knows exactly what it would know without."""

import json
from typing import Any

import attrs
import pytest

from tests.standalone.adapters.conftest import Clock
from websubhub.standalone.adapters.nats.records import table_rows
from websubhub.standalone.adapters.nats.records import tables as tables_module
from websubhub.standalone.adapters.nats.records.pairs import PairRecord
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.nats.wire import following as following_module
from websubhub.standalone.adapters.nats.wire import reading
from websubhub.standalone.adapters.nats.wire.errors import Stored
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS
from websubhub.standalone.ports import Mode, PendingVerification, StoredSubscription, StoreError

TOPICS = ("https://topic.example/", "https://topic.example/%7Eother", "https://topic.example/3")
MANY = 90
HALF_A_DAY = 43_200


@pytest.fixture
def anyio_backend() -> str:
    """The client of the servers works on asyncio only."""
    return "asyncio"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces, and tables of few subscriptions."""
    monkeypatch.setattr(tables_module, "FEW", 10)
    monkeypatch.setattr(tables_module, "PIECE_ROWS", 3)


def subscription(number: int, clock: Clock, **changes: Any) -> StoredSubscription:
    values = StoredSubscription(
        topic=TOPICS[number % 3],
        callback=f"https://sub{number % 40}.example/%C3%A9/{number}",
        secret=None if number % 5 == 0 else f"s3cret ☃ {number}",
        lease_seconds=1000 + number,
        requested_at=clock() + number / 7,
    )
    return attrs.evolve(values, **changes)


def verification(of: StoredSubscription, mode: Mode) -> PendingVerification:
    return PendingVerification(
        id=f"v-{of.callback[-6:]}".replace("/", "-"),
        mode=mode,
        topic=of.topic,
        callback=of.callback,
        secret=of.secret,
        lease_seconds=77,
        known=True,
        due_at=of.requested_at,
    )


def tables_of(store: NatsStore) -> tables_module.SubscriptionTables:
    return store._process._tables


def known(store: NatsStore) -> dict[str, Any]:
    """All that a process knows of subscriptions."""
    knowledge = store._process._knowledge
    pairs = {pair.key: (pair.value, pair.start, pair.id, pair.partition, pair.topic.url) for pair in knowledge.pairs}
    subjects = {key: subject for subject, key in knowledge._keys_of_pairs.items()}
    return {
        "pairs": pairs,
        "order": list(knowledge.pairs.after(("", ""))),
        "pending": {kept.pair: kept.value for kept in knowledge.pairs.pending},
        "held": dict(knowledge.pairs.held),
        "sequences": {key: knowledge.sequence(subjects[key]) for key in pairs},
        "subscribers": {topic.url: topic.pairs for topic in knowledge.topics if topic.pairs},
    }


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams of the messages that are read."""
    found: list[str] = []
    read_batch = reading.read_batch

    async def counted(jetstream: Any, stream: str, start: int, subject: str) -> Any:
        messages, more = await read_batch(jetstream, stream, start, subject)
        found.extend([stream[-1]] * len(messages))
        return messages, more

    monkeypatch.setattr(following_module, "read_batch", counted)
    return found


async def fill(store: NatsStore, clock: Clock) -> None:
    """Subscribe many, and leave some verifications pending."""
    for number in range(MANY):
        await store.subscriptions.save(subscription(number, clock))
    for number in (3, 4, 7):
        await store.verifications.save(verification(subscription(number, clock), Mode.UNSUBSCRIBE))
    for number in (1001, 1002):
        await store.verifications.save(verification(subscription(number, clock), Mode.SUBSCRIBE))


async def change(store: NatsStore, clock: Clock) -> None:
    """Renew, end and begin some."""
    for number in range(0, 30, 2):
        await store.subscriptions.save(subscription(number, clock, secret="another", requested_at=clock() + 5))
    for number in range(1, 30, 2):
        await store.subscriptions.remove(TOPICS[number % 3], subscription(number, clock).callback)
    for number in range(MANY, MANY + 15):
        await store.subscriptions.save(subscription(number, clock))
    await store.verifications.save(verification(subscription(80, clock), Mode.UNSUBSCRIBE))


async def test_a_start_with_tables_knows_what_one_without_them_knows(
    nats_hub: str, clock: Clock, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with NatsStore(nats_hub, clock=clock) as store:
        await fill(store, clock)
        await tables_of(store).write_due()
        await change(store, clock)
    read.clear()
    async with NatsStore(nats_hub, clock=clock) as store:
        with_tables, count = known(store), read.count("S")
        assert len(store._process._knowledge.membership.owned) == PARTITIONS
        assert (await store.broker.statistics()).subscriptions == MANY
    assert 40 < count < 60, "what was changed after the tables"

    async def load_none(*_: object) -> None:
        """Use no table."""

    monkeypatch.setattr(tables_module.SubscriptionTables, "load", load_none)
    read.clear()
    async with NatsStore(nats_hub, clock=clock) as store:
        assert known(store) == with_tables
    assert read.count("S") > MANY


@pytest.mark.parametrize("how", ["gone", "cut off", "of another stream", "old", "from the future", "ahead", "not JSON"])
async def test_without_a_good_table_every_record_is_read(
    how: str, nats_hub: str, clock: Clock, read: list[str]
) -> None:
    async with NatsStore(nats_hub, clock=clock) as store:
        await fill(store, clock)
        await tables_of(store).write_due()
        before, process = known(store), store._process
        table = tables_of(store)._table(7)
        assert table is not None
        if how == "gone":
            await process._blobs.delete(table.blob)
        else:
            named: dict[str, dict[str, Any]] = {
                "cut off": {"size": table.size - 5, "blob": "cut"},
                "of another stream": {"stream": "2020-01-01T00:00:00Z"},
                "old": {"at": clock() - HALF_A_DAY - 1},
                "from the future": {"at": clock() + HALF_A_DAY + 1},
                "ahead": {"upto": 10**9},
                "not JSON": {"blob": "odd", "size": 9},
            }
            data = await process._blobs.get(table.blob, table.size)
            assert data is not None
            await process._blobs.put("cut", data[:-5])
            await process._blobs.put("odd", b"\0\0\0\5hello")
            changed = attrs.evolve(table, **named[how])
            subject = process.records.names.subject("m", "subscriptions-7")
            text = json.dumps(attrs.asdict(changed)).encode()
            await process.records.change(subject, lambda: text)
    read.clear()
    async with NatsStore(nats_hub, clock=clock) as store:
        assert known(store) == before
    assert read.count("S") >= MANY


async def test_what_the_stream_no_longer_has_is_not_taken_from_a_table(nats_hub: str, clock: Clock) -> None:
    async with NatsStore(nats_hub, clock=clock) as store:
        await fill(store, clock)
        await tables_of(store).write_due()
        await store._process.jetstream.purge(store._process.records.names.stream("s"), 10**9)
    async with NatsStore(nats_hub, clock=clock) as store:
        assert not known(store)["pairs"]


async def test_few_subscriptions_need_no_table_and_a_table_is_written_again_when_it_lacks_much(
    nats_hub: str, clock: Clock
) -> None:
    async with NatsStore(nats_hub, clock=clock) as store:
        tables = tables_of(store)
        for number in range(10):
            await store.subscriptions.save(subscription(number, clock))
        await tables.write_due()
        assert tables._table(0) is None
        for number in range(MANY):
            await store.subscriptions.save(subscription(number, clock))
        await tables.write_due()
        first = tables._table(0)
        assert first is not None
        await tables.write_due()
        assert tables._table(0) == first
        clock.now += HALF_A_DAY / 2 + 1
        await tables.write_due()
        second = tables._table(0)
        assert second is not None
        assert second != first
        assert await store._process._blobs.get(first.blob, first.size) is None
        for number in range(MANY // 2):
            await store.subscriptions.save(subscription(number, clock, secret="renewed"))
        await tables.write_due()
        assert tables._table(0) not in {first, second}


async def test_of_two_processes_that_write_a_table_one_wins_and_the_other_leaves_nothing(
    nats_hub: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with NatsStore(nats_hub, clock=clock) as store:
        await fill(store, clock)
        tables, process = tables_of(store), store._process
        put = process._blobs.put
        raced = False

        async def put_late(name: str, data: bytes) -> None:
            nonlocal raced
            await put(name, data)
            if not raced:
                raced = True
                await tables._write(7)

        monkeypatch.setattr(process._blobs, "put", put_late)
        await tables._write(7)
        table = tables._table(7)
        assert table is not None
        assert await process._blobs.get(table.blob, table.size) is not None
        blobs = await process.jetstream.ask(
            f"STREAM.INFO.{process.records.names.stream('b')}", {"subjects_filter": ">"}
        )
        assert len({subject.split(".")[2] for subject in blobs["state"]["subjects"]}) == 1


def test_a_piece_is_read_as_it_was_written_and_has_a_bound(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    record = PairRecord(subscription(1, clock)).write()
    piece = table_rows.write_piece([], [Stored("wsh.s.1.ab", 3, record)])
    [found] = table_rows.read_pieces(piece)
    assert [(other.subject, other.sequence, other.data) for other in found.others] == [("wsh.s.1.ab", 3, record)]
    monkeypatch.setattr(table_rows, "_PIECE_MOST", 100)
    with pytest.raises(ValueError, match="not whole"):
        list(table_rows.read_pieces(piece))


async def test_a_table_that_cannot_be_written_stops_nothing(
    nats_hub: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module, "_LOOK_SECONDS", 0.01)
    async with NatsStore(nats_hub, clock=clock) as store:
        tried = 0

        async def fail() -> None:
            nonlocal tried
            tried += 1
            raise StoreError("no")

        monkeypatch.setattr(tables_of(store), "write_due", fail)
        while tried < 3:
            await store.check_writable()
