"""The store on NATS as a whole: connected, loaded, one of the processes of its hub, and closed."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Self
from uuid import uuid4

from websubhub.standalone.adapters.nats.answers import answers
from websubhub.standalone.adapters.nats.broker import ClusterBroker
from websubhub.standalone.adapters.nats.process import HubProcess
from websubhub.standalone.adapters.nats.stores.announcements import NatsAnnouncements
from websubhub.standalone.adapters.nats.stores.letters import NatsLetters
from websubhub.standalone.adapters.nats.stores.messages import NatsMessages
from websubhub.standalone.adapters.nats.stores.standing import Standing
from websubhub.standalone.adapters.nats.stores.subscriptions import NatsSubscriptions
from websubhub.standalone.adapters.nats.stores.topics import NatsTopics
from websubhub.standalone.adapters.nats.stores.verifications import NatsVerifications
from websubhub.standalone.adapters.nats.wire.address import parse_address
from websubhub.standalone.broker.background import in_background
from websubhub.standalone.ports import StoreConnection
from websubhub.standalone.schedule.limits import DeliveryLimits


class NatsStore:
    """Satisfies ``HubStore``: an async context manager. Any number of processes with the same servers are one hub.

    Args:
        address: The servers, as in the setting, without ``nats://``.
        limits: The limits of deliveries.
        clock: The time, in seconds since 1970. The machines of one hub must agree on it within seconds.
        takes_part: Whether this process delivers for the hub, or only looks at it.
        alone: Whether it must be the only one that does.

    Attributes:
        clock: The time that everything here goes by.

    Raises:
        StoreError: The servers cannot be reached, or do not promise what the hub needs.
        StoreLockedError: It must be alone, and other processes of the hub are running.
        StoreVersionError: The streams were made by a newer version.
    """

    def __init__(
        self,
        address: str,
        *,
        limits: DeliveryLimits | None = None,
        clock: Callable[[], float] = time.time,
        takes_part: bool = True,
        alone: bool = False,
    ) -> None:
        self.clock = clock
        self._begin = partial(self._work, alone=alone) if takes_part else self._look_on
        self._stack = AsyncExitStack()
        self._process = process = HubProcess(parse_address(address), limits or DeliveryLimits(), clock)
        members = process.ledger.members
        self.topics: NatsTopics = NatsTopics(process.records, process.is_alone, process.is_chief)
        self.subscriptions: NatsSubscriptions = NatsSubscriptions(process.records, self.topics, members, clock)
        self.verifications: NatsVerifications = NatsVerifications(process.records, clock)
        self.announcements: NatsAnnouncements = NatsAnnouncements(process.records, clock)
        self._own = process.broker(self.subscriptions.end)
        self.letters: NatsLetters = NatsLetters(process.records, process.updates, self._own.flush)
        standing = Standing(process.records.knowledge, process.questions, self._own.flush)
        self.messages: NatsMessages = NatsMessages(process.records, process.updates, process.history, standing)
        reclaimer = process.reclaimer(self._own.flush)
        self.broker: ClusterBroker = ClusterBroker(
            self._own, process.questions, reclaimer, process.jetstream.connection
        )
        self._answers = answers(self._own, reclaimer, standing)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._process.open()
            stack.push_async_callback(self._process.close)
            await self._process.questions.listen(self._answers)
            await stack.enter_async_context(in_background(*self._process.followers()))
            await stack.enter_async_context(self._process.history.running())
            await stack.enter_async_context(self._own.running())
            await self._begin(stack)
            self._stack = stack.pop_all()
        return self

    async def _work(self, stack: AsyncExitStack, *, alone: bool) -> None:
        """Deliver for the hub."""
        if alone:
            await self._process.check_alone()
        keeper = self._process.keeper(self._own.flush)
        await self._process.join(keeper)
        stack.push_async_callback(keeper.leave)
        await stack.enter_async_context(in_background(keeper.run))

    async def _look_on(self, _stack: AsyncExitStack) -> None:
        await self._process.look_on()

    @property
    def connection(self) -> StoreConnection:
        """The connection to the servers."""
        connection, membership = self._process.jetstream.connection, self._process.records.knowledge.membership
        return StoreConnection(
            connected=connection.is_connected,
            losses=connection.losses,
            partitions=len(membership.owned),
            complete=connection.is_connected and self._process.questions.complete,
        )

    async def examine(self) -> None:
        """Check that the streams are as the hub needs them.

        Raises:
            StoreError: One of them is missing or weaker.
        """
        await self._process.examine()

    async def check_writable(self) -> None:
        """Make sure that something can be written now, by writing.

        Raises:
            StoreError: It cannot be written. The message says why.
        """
        records = self._process.records
        await records.turn()
        await self._process.jetstream.write(records.names.subject("m", "touch"), b"true", name=uuid4().hex)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Hand everything over and disconnect, also when the block is cancelled."""
        await self._stack.__aexit__(exc_type, exc, traceback)
