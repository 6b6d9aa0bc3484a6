"""Taking partitions, and giving them up."""

import json
import logging
from collections.abc import Callable
from time import monotonic

import anyio
from anyio.abc import TaskGroup

from websubhub.standalone.adapters.nats.journal.partition import PartitionLog
from websubhub.standalone.adapters.nats.journal.partitions import Partitions
from websubhub.standalone.adapters.nats.ownership.leaving import Leaver
from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.wire.errors import SupersededError, UnavailableError
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS, Names
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import StoreError

log: logging.Logger = logging.getLogger("websubhub")

BEAT_SECONDS = 0.5
SLEPT_SECONDS = 2.0
"""After which a process that was stopped no longer trusts itself."""
_TAKE_SECONDS = 5.0
_ASK_SECONDS = 1.0
_LEAVE_SECONDS = 5.0
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
        leaver: Leaves partitions to others.
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
        leaver: Leaver,
    ) -> None:
        self._jetstream = jetstream
        self._names = names
        self._knowledge = knowledge
        self._partitions = partitions
        self._peers = peers
        self._ledger = ledger
        self._make_log = make_log
        self._followed = followed
        self._leaver = leaver
        self._looked_at = monotonic()
        self._changing: set[int] = set()
        self._beginning = anyio.Lock()
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
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
        """Take what another process says of itself, and answer it and look again if that is news."""
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
            "server": self._jetstream.connection.server_info.get("server_id", ""),
        }
        if self._jetstream.connection.is_connected:
            await self._jetstream.connection.publish(self._names.subject("alive"), json.dumps(said).encode())

    async def run(self) -> None:
        """Keep what is wanted until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._beat)
            while True:
                self._arrange(tasks)
                await self._news.wait(BEAT_SECONDS)

    async def _beat(self) -> None:
        told = -1
        while True:
            self.look()
            if told != len(self.owned):
                told = len(self.owned)
                log.info("This process delivers to %d of %d partitions.", told, PARTITIONS)
            try:
                await self.beat()
            except StoreError as error:
                log.debug("The other processes cannot be told: %s", error)
            await anyio.sleep(BEAT_SECONDS)

    async def arrange(self) -> None:
        """Take what is wanted and free, and hand over what others are to have, and wait for it."""
        async with anyio.create_task_group() as tasks:
            self._arrange(tasks)

    def _arrange(self, tasks: TaskGroup) -> None:
        """Begin to take what is wanted and free, and to hand over what others are to have.

        Nothing waits for what takes long, since a process may die while another hands something over.
        """
        wanted = self._peers.wanted(range(PARTITIONS), leaving=self._leaving)
        if surplus := self.owned - wanted - self._changing:
            self._changing |= surplus
            tasks.start_soon(self._leave_to_others, surplus)
        for number in wanted - self.owned - self._changing:
            self._changing.add(number)
            tasks.start_soon(self._take, number)

    async def _leave_to_others(self, numbers: set[int]) -> None:
        try:
            await self._leaver.leave(numbers, at_once=self._leaving)
            await self.beat()
        except StoreError as error:
            log.info("Some deliveries cannot be handed over now: %s", error)
        finally:
            self._changing -= numbers

    async def _take(self, number: int) -> None:
        try:
            async with self._limiter:
                with anyio.move_on_after(_TAKE_SECONDS):  # else it is tried again, by what is known then
                    partition = self._make_log(number)
                    owner, released = await partition.last()
                    if released or not self._peers.may_own(owner, number):
                        await self._take_over(partition)
        except SupersededError:
            log.debug("Another process was faster with partition %d.", number)
        except StoreError as error:
            log.info("Partition %d cannot be taken now: %s", number, error)
        finally:
            self._changing.discard(number)

    async def _take_over(self, partition: PartitionLog) -> None:
        entry = await partition.read()
        await self._reach_pairs()
        await self._followed["u"].reached(max(entry.positions.values(), default=0), _REACHED_SECONDS)
        if partition.number not in self._peers.wanted([partition.number], leaving=self._leaving):
            return
        entry.released = False
        async with self._beginning:  # one at a time, since a large one takes a while, and heartbeats must go on
            await partition.replace(entry)
            self.look()
            self._partitions.begin(partition, entry)
            self._ledger.due.ring()

    async def _reach_pairs(self) -> None:
        """Know the subscriptions that were saved until now, if their stream has a leader to say which they are.

        One that is heard of later is delivered to from where its record says, so that some deliveries may be repeated.
        """
        followed = self._followed["s"]
        try:
            state = await self._jetstream.state(followed.stream, _ASK_SECONDS)
        except UnavailableError:
            log.debug("The stream of subscriptions has no leader at present.")
        else:
            await followed.reached(state.last, _REACHED_SECONDS)

    async def leave(self) -> None:
        """Hand everything over, since this process is being stopped."""
        self._leaving = True
        with anyio.move_on_after(_LEAVE_SECONDS, shield=True):
            try:
                await self.arrange()
                await self.beat()
            except StoreError as error:
                log.warning("The deliveries of this process could not be handed over: %s", error)
