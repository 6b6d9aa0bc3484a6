"""Taking partitions, giving them up, and handing them over."""

import json
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

import anyio

from websubhub import authority_of
from websubhub.standalone.adapters.nats.journal.partition import PartitionLog
from websubhub.standalone.adapters.nats.journal.partitions import Partitions
from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.wire.errors import SupersededError
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS, Names
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import StoreError
from websubhub.standalone.schedule.hosts import host_key

log: logging.Logger = logging.getLogger("websubhub")

BEAT_SECONDS = 0.5
SLEPT_SECONDS = 2.0
"""After which a process that was stopped no longer trusts itself."""
_HAND_OVER_SECONDS = 3.0
_ARRANGE_SECONDS = 15.0
_LEAVE_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_REACHED_SECONDS = 3.0
_AT_ONCE = 16


class Keeper:
    """Keeps the partitions of this process; in one class because all of it decides about the same few.

    Args:
        jetstream: The servers.
        names: The names of the hub.
        knowledge: What this process knows.
        partitions: The partitions of this process.
        peers: The other processes.
        ledger: What this process owes.
        make_log: Makes the journal of a partition.
        followed: The followed streams, by letter.
        flush: Writes all outcomes.
    """

    def __init__(  # noqa: PLR0913 - what it keeps stands between all of them
        self,
        *,
        jetstream: JetStream,
        names: Names,
        knowledge: Knowledge,
        partitions: Partitions,
        peers: Peers,
        ledger: Ledger,
        make_log: Callable[[int], PartitionLog],
        followed: dict[str, Following],
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        self._jetstream = jetstream
        self._names = names
        self._knowledge = knowledge
        self._partitions = partitions
        self._peers = peers
        self._ledger = ledger
        self._make_log = make_log
        self._followed = followed
        self._flush = flush
        self._looked_at = monotonic()
        self._changing = anyio.Lock()
        self._news = Bell()
        self._leaving = False

    @property
    def owned(self) -> set[int]:
        """The partitions of this process."""
        return self._knowledge.membership.owned

    def look(self) -> None:
        """Give up every partition if this process was stopped for so long that another one may have taken them."""
        now = monotonic()
        slept, self._looked_at = now - self._looked_at, now
        if slept > SLEPT_SECONDS and self._partitions.logs:
            log.warning("This process stood still for %.1f s, and looks again which deliveries are its own.", slept)
            self._peers.start_over()
            for number in list(self.owned):
                self._partitions.lose(number)

    async def hear(self, data: bytes, _reply: str) -> None:
        """Take what another process says of itself, and answer one that is new."""
        if self._peers.hear(data):
            await self.beat()
            self._news.ring()

    async def beat(self) -> None:
        """Tell the others what this process has."""
        said = {
            "id": self._peers.own,
            "waiting": self._ledger.board.waiting,
            "partitions": sorted(self.owned),
            "leaving": self._leaving,
        }
        if self._jetstream.connection.is_connected:
            await self._jetstream.connection.publish(self._names.subject("alive"), json.dumps(said).encode())
        else:
            self._peers.start_over()  # it hears nobody

    async def run(self) -> None:
        """Keep what is wanted until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._beat)
            while True:
                await self.arrange()
                await self._news.wait(BEAT_SECONDS)

    async def _beat(self) -> None:
        while True:
            self.look()
            try:
                await self.beat()
            except StoreError as error:
                log.debug("The other processes cannot be told: %s", error)
            await anyio.sleep(BEAT_SECONDS)

    async def arrange(self) -> None:
        """Take what is wanted and free, and hand over what others are to have."""
        async with self._changing:
            wanted = self._peers.wanted(range(PARTITIONS), leaving=self._leaving)
            limiter = anyio.CapacityLimiter(_AT_ONCE)
            with anyio.move_on_after(_ARRANGE_SECONDS):  # else it is tried again, by what is known then
                async with anyio.create_task_group() as tasks:
                    if surplus := self.owned - wanted:
                        tasks.start_soon(self._hand_over, surplus)
                    for number in wanted - self.owned:
                        tasks.start_soon(self._take, number, limiter)

    async def _take(self, number: int, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            try:
                partition = self._make_log(number)
                owner, released = await partition.last()
                if not released and self._peers.may_own(owner, number):
                    return
                await self._take_over(partition)
            except SupersededError:
                log.debug("Another process was faster with partition %d.", number)
            except StoreError as error:
                log.info("Partition %d cannot be taken now: %s", number, error)

    async def _take_over(self, partition: PartitionLog) -> None:
        entry = await partition.read()
        followed = self._followed["s"]
        state = await self._jetstream.state(followed.stream)
        await followed.reached(state.last, _REACHED_SECONDS)
        await self._followed["u"].reached(max(entry.positions.values(), default=0), _REACHED_SECONDS)
        entry.released = False
        await partition.replace(entry)
        self.look()
        self._partitions.begin(partition, entry)
        self._ledger.due.ring()

    async def leave(self) -> None:
        """Hand everything over, since this process is being stopped."""
        self._leaving = True
        with anyio.move_on_after(_LEAVE_SECONDS, shield=True):
            try:
                await self.arrange()
                await self.beat()
            except StoreError as error:
                log.warning("The deliveries of this process could not be handed over: %s", error)

    async def _hand_over(self, numbers: set[int]) -> None:
        """Finish what is on its way to some partitions, and leave them to others."""
        try:
            await self._flush()  # before anything is held back: as long as this fails, nothing can be handed over
            hosts = self._hosts_of(numbers)
            for host in hosts:
                self._ledger.board.hosts.pause(host)
            try:
                await self._landed(hosts)
                await self._flush()
                async with anyio.create_task_group() as tasks:
                    for number in numbers:
                        tasks.start_soon(self._release, number)
            finally:
                for host in hosts - self._knowledge.paused:
                    self._ledger.board.hosts.resume(host)
        except StoreError as error:
            log.info("Some deliveries cannot be handed over now: %s", error)

    async def _landed(self, hosts: set[str]) -> None:
        """Wait until nothing is on its way to these hosts, for a time, unless this process is ending anyway."""
        keys, busy = [host_key(host) for host in hosts], self._ledger.board.hosts.busy
        with anyio.move_on_after(_HAND_OVER_SECONDS):
            while not self._leaving and any(busy(key).in_flight for key in keys):  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(_LOOK_SECONDS)

    def _hosts_of(self, numbers: set[int]) -> set[str]:
        pairs = self._knowledge.pairs.of_partition
        return {authority_of(pair.key[1]) for number in numbers for pair in pairs[number].values()}

    async def _release(self, number: int) -> None:
        """Leave a partition. If that cannot be written, the others see that this process no longer names it."""
        partition = self._partitions.logs.get(number)
        if partition is None:
            return
        whole = self._partitions.whole(number)
        whole.released = True
        self._partitions.lose(number)
        try:
            await partition.replace(whole)
        except StoreError as error:
            log.debug("That partition %d is free could not be written: %s", number, error)
