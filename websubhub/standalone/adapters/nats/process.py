"""A process as a member of its hub: its connection, what it knows, and what it owns."""

import math
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any
from uuid import uuid4

import anyio

from websubhub.standalone.adapters.nats.journal.history import History
from websubhub.standalone.adapters.nats.journal.journal import NatsJournal
from websubhub.standalone.adapters.nats.journal.partition import PartitionLog
from websubhub.standalone.adapters.nats.journal.partitions import Partitions
from websubhub.standalone.adapters.nats.journal.publishing import Publishing
from websubhub.standalone.adapters.nats.journal.updates import Updates
from websubhub.standalone.adapters.nats.ownership.keeper import Keeper
from websubhub.standalone.adapters.nats.ownership.leaving import Leaver
from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.ownership.questions import PeerQuestions
from websubhub.standalone.adapters.nats.reclaiming import ClusterReclaimer
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.records.layout import Layout, agree_on_layout
from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.adapters.nats.records.tables import FEW, SubscriptionTables
from websubhub.standalone.adapters.nats.wire.address import Address
from websubhub.standalone.adapters.nats.wire.blobs import Blobs
from websubhub.standalone.adapters.nats.wire.connection import Connection
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.adapters.nats.wire.news import News
from websubhub.standalone.adapters.nats.wire.streams import ensure_streams
from websubhub.standalone.adapters.nats.wire.trying import keep_trying
from websubhub.standalone.broker.broker import Broker
from websubhub.standalone.broker.flusher import Pace
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import StoreLockedError
from websubhub.standalone.schedule.limits import DeliveryLimits

OWN = Layout(version=1, needs=1)
"""The layout of this version."""
# While outcomes cannot be written, a process in contact with the others goes on: none takes it for dead, and none can
# write to the partitions until their stream has a leader again. That takes the servers 4 to 10 seconds, and as long
# again if a server comes back that was cut off. A process that may be cut off stops soon, and one that does not even
# hear itself stops at once, since others will do its work.
_TRUSTED_SECONDS, _TRUSTED_SECONDS_IN_DOUBT = 20.0, 1.0
_RECORDS = "tsdk"
_CLUSTERED = 3
_GIB = 1024**3
_MESSAGES_SHARE = 0.5  # of the space for updates: the other half is for those that are owed
_JOIN_SECONDS = 3.0
_HEAR_SECONDS = 1.5  # in which each process was heard, unless it is in trouble


class HubProcess:
    """Puts the parts of this process together.

    Args:
        address: Where the servers are.
        limits: The limits of deliveries.
        clock: The hub's clock.
    """

    def __init__(self, address: Address, limits: DeliveryLimits, clock: Callable[[], float]) -> None:
        self._address = address
        names = Names(address.name)
        self.ledger: Ledger = Ledger(limits, clock)
        self.jetstream: JetStream = JetStream(Connection(address))
        self._blobs = Blobs(self.jetstream, names)
        self._peers = Peers(uuid4().hex)
        self._knowledge = Knowledge(self.ledger, names, self._peers.own)
        self._news = News(self.jetstream.connection, names)
        self.records: Records = Records(self.jetstream, names, self._knowledge, self._news.tell)
        self._tables = SubscriptionTables(self.records, self._blobs, clock)
        self.updates: Updates = Updates(self.jetstream, self._blobs, self.records, self.ledger)
        space = int(address.gib * _GIB * _MESSAGES_SHARE)
        self.history: History = History(self.jetstream, self.records, limits, space, self._peers.own)
        self._partitions = Partitions(self._knowledge)
        self.questions: PeerQuestions = PeerQuestions(
            self.jetstream, names, self._peers, self._knowledge.membership, self.records.followed
        )
        for letter in _RECORDS:
            take = self._knowledge.take
            self.records.followed[letter] = Following(self.jetstream, names.stream(letter), f"{names.hub}.>", take)
        self.records.followed["u"] = self.updates.following
        self.records.followed["f"] = self.history.attempts.following

    async def open(self) -> None:
        """Connect, and load what there is."""
        connection, until = self.jetstream.connection, monotonic() + self._address.wait
        await keep_trying(connection.open, until)
        try:
            await self.jetstream.listen()
            await keep_trying(self.examine, until)
            await self._load()
            await agree_on_layout(self.records, OWN, self.check_alone)
        except BaseException:
            await self.close()
            raise

    @property
    def _replicas(self) -> int:
        return self._address.replicas or (_CLUSTERED if self.jetstream.connection.server_info.get("cluster") else 1)

    async def _load(self) -> None:
        for letter in "tsduk":
            if letter == "s":
                await self._tables.load(await self.records.state("s"))
            await self.records.followed[letter].load()
        await self._news.listen(self.records.followed)

    async def close(self) -> None:
        """Disconnect."""
        await self.jetstream.connection.close()

    async def examine(self) -> None:
        """Create missing streams, and check the others."""
        self.jetstream.connection.check()
        await ensure_streams(self.jetstream, self.records.names, self._replicas, self._address.gib)

    def followers(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what follows the streams, writes tables of them, and watches the connection."""
        connection = self.jetstream.connection
        following = (following.run for following in self.records.followed.values())
        return [connection.watch.run, connection.mover.run, self._tables.run, *following]

    def broker(self, end: Callable[[KnownPair], Awaitable[None]]) -> Broker:
        """Return what delivers to the partitions of this process."""
        publishing = Publishing(self.updates, self.records, self.ledger, self._peers.waiting)
        journal = NatsJournal(
            self.records,
            self.updates,
            publishing,
            partitions=self._partitions,
            letters=self.history.letters,
            attempts=self.history.attempts,
            end=end,
        )

        def trusted() -> float:
            if self._peers.in_contact:
                return _TRUSTED_SECONDS
            return _TRUSTED_SECONDS_IN_DOUBT if self._peers.hears else 0.0

        return Broker(self.ledger, journal, Pace(together=0.25, looks=3, along=False, trusted=trusted))

    def reclaimer(self, flush: Callable[[], Awaitable[None]]) -> ClusterReclaimer:
        """Return what deletes updates."""
        return ClusterReclaimer(
            self.jetstream,
            self.records,
            self.ledger,
            self.updates,
            self.questions,
            flush=flush,
            history=self.history,
        )

    def keeper(self, flush: Callable[[], Awaitable[None]]) -> Keeper:
        """Return what keeps the partitions of this process."""

        def make_log(number: int) -> PartitionLog:
            return PartitionLog(self.jetstream, self.records.names, self._blobs, number, self._peers.own)

        return Keeper(
            jetstream=self.jetstream,
            names=self.records.names,
            knowledge=self._knowledge,
            partitions=self._partitions,
            peers=self._peers,
            ledger=self.ledger,
            make_log=make_log,
            followed=self.records.followed,
            leaver=Leaver(self._knowledge, self._partitions, self.ledger, flush),
        )

    async def join(self, keeper: Keeper) -> None:
        """Become one of the processes of the hub."""
        self._peers.start_over()
        await self.jetstream.connection.listen(self.records.names.subject("alive"), keeper.hear)
        await keeper.beat()
        self.ledger.look = keeper.look
        # With very many subscriptions, the rest is taken while requests are accepted.
        with anyio.move_on_after(_JOIN_SECONDS if len(self._knowledge.pairs) > FEW else math.inf):
            await keeper.arrange()

    async def look_on(self) -> None:
        """Hear which processes there are, without becoming one of them."""

        async def hear(data: bytes, _reply: str) -> None:
            self._peers.hear(data)

        await self.jetstream.connection.listen(self.records.names.subject("alive"), hear)
        await anyio.sleep(_HEAR_SECONDS)

    async def check_alone(self) -> None:
        """Make sure that no other process of the hub is running.

        Raises:
            StoreLockedError: One is.
        """
        await self.look_on()
        if not self.is_alone():
            raise StoreLockedError("Processes of this hub are running; stop them first.")

    def is_alone(self) -> bool:
        """Return whether no other process of the hub is alive."""
        return not self._peers.living()

    def is_chief(self) -> bool:
        """Return whether this process looks after what concerns no partition."""
        return 0 in self._knowledge.membership.owned
