"""A process that publishes, claims and settles as fast as it can and keeps a journal of it, until it is killed."""

import os
import random
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
import anyio.lowlevel

from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import ContentBroker, Delivery, StoredSubscription, Update
from websubhub.standalone.schedule.limits import DeliveryLimits

TOPICS = ("https://topic.example/a", "https://topic.example/b")
PUBLISHERS = 3
FIRST_SUBSCRIBERS = 20


class Journal:
    """Lines that survive the process: each is written in one step, at the end of the file."""

    def __init__(self, path: Path, run: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._run = run

    def write(self, *words: object) -> None:
        os.write(self._file, " ".join(map(str, (self._run, *words))).encode() + b"\n")


class Victim:
    """One life of the store: run number ``run`` over the same files."""

    def __init__(self, folder: Path, run: int) -> None:
        self._folder = folder
        self._run = run
        self._chance = random.Random(run)  # noqa: S311 - no secret
        self._journal = Journal(folder / "journal", run)

    async def live(self, ready: Connection | None) -> None:
        """Work until killed; without ``ready`` only until everything is delivered."""
        limits = DeliveryLimits(per_host=4, early_seconds=0.01, probe_seconds=0.01, probe_seconds_most=0.05)
        async with SqliteStore(str(self._folder / "hub.db"), limits=limits) as store:
            if ready is None:
                await self._drain(store)
                return
            ready.send(b"ready")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._subscribe, store)
                for publisher in range(PUBLISHERS):
                    tasks.start_soon(self._publish, store.broker, publisher)
                for _ in range(2):
                    tasks.start_soon(self._deliver, store.broker)
                tasks.start_soon(self._keep_house, store.broker)

    async def _subscribe(self, store: SqliteStore) -> None:
        for number in range(FIRST_SUBSCRIBERS if self._run == 0 else 1):
            callback = f"https://sub{number % 7}.example/{self._run}-{number}"
            topic = TOPICS[number % 2]
            subscription = StoredSubscription(
                topic=topic, callback=callback, secret="s", lease_seconds=86_400, requested_at=time.time()
            )
            await store.subscriptions.save(subscription)
            self._journal.write("subscribed", topic, callback)

    async def _publish(self, broker: ContentBroker, publisher: int) -> None:
        for count in range(1_000_000):
            topic, identity = TOPICS[publisher % 2], f"{self._run}-{publisher}-{count}"
            self._journal.write("publishing", topic, identity)
            content = identity.encode() * self._chance.randrange(1, 400)
            await broker.publish(
                Update(id=identity, topic=topic, content=content, content_type="a/b", published_at=time.time())
            )
            self._journal.write("published", topic, identity)
            await anyio.sleep(self._chance.random() * 0.01)

    async def _deliver(self, broker: ContentBroker) -> None:
        while True:
            for delivery in await broker.claim(self._chance.randrange(1, 40)):
                self._settle(delivery)
            await anyio.lowlevel.checkpoint()

    def _settle(self, delivery: Delivery) -> None:
        fate = self._chance.random()
        if not delivery.update.content.startswith(delivery.update.id.encode()):
            self._journal.write("damaged", delivery.callback, delivery.update.id)
        if fate < 0.1:
            self._journal.write("failed", delivery.callback, delivery.update.id)
            delivery.retry(self._chance.random() * 0.02, "By chance.", host_failed=fate < 0.05)
        elif fate < 0.11:
            self._journal.write("died", delivery.callback, delivery.update.id)
            delivery.dead("By chance.", host_failed=False)
        else:
            self._journal.write("delivered", delivery.callback, delivery.update.id)
            delivery.done()

    async def _keep_house(self, broker: ContentBroker) -> None:
        while True:
            await anyio.sleep(self._chance.random() * 0.05)
            mark = self._chance.randrange(10**9)
            self._journal.write("flushing", mark)
            await broker.flush()
            self._journal.write("flushed", mark)
            await broker.reclaim()

    async def _drain(self, store: SqliteStore) -> None:
        while (await store.broker.statistics()).waiting:
            for delivery in await store.broker.claim(100):
                self._settle(delivery)
        for letter in await store.broker.dead_letters(limit=1_000_000):
            self._journal.write("letter", letter.callback, letter.message_id)
        await store.broker.drop([letter.id for letter in await store.broker.dead_letters(limit=1_000_000)])
        await store.broker.flush()
        await store.broker.reclaim()
        checks = await store._database.read(
            lambda connection: (
                connection.execute("PRAGMA integrity_check").fetchall(),
                connection.execute("SELECT count(*) FROM updates").fetchone()[0],
                connection.execute("SELECT count(*) FROM retries").fetchone()[0],
            )
        )
        self._journal.write("checked", *checks[0][0], *checks[1:])


def live(folder: str, run: int, ready: Connection | None = None) -> None:
    """The program of the process; trio and asyncio take turns."""
    anyio.run(partial(Victim(Path(folder), run).live, ready), backend="trio" if run % 2 else "asyncio")
