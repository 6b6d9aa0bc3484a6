"""The store in memory as a whole."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from websubhub.standalone.adapters.memory.announced import Announced
from websubhub.standalone.adapters.memory.announcements import MemoryAnnouncements
from websubhub.standalone.adapters.memory.journal import MemoryJournal
from websubhub.standalone.adapters.memory.letter_store import MemoryLetters
from websubhub.standalone.adapters.memory.messages.store import MemoryMessages
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.adapters.memory.subscriptions import MemorySubscriptions
from websubhub.standalone.adapters.memory.topics import MemoryTopics
from websubhub.standalone.adapters.memory.verifications import MemoryVerifications
from websubhub.standalone.broker.broker import Broker
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.schedule.limits import DeliveryLimits


class MemoryStore:
    """Satisfies ``HubStore``. Everything in it is lost when it is closed.

    Args:
        limits: The limits of deliveries.
        clock: Returns the time, in seconds since 1970.

    Attributes:
        clock: The clock of everything in the store.
    """

    def __init__(self, *, limits: DeliveryLimits | None = None, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._stack = AsyncExitStack()
        self._state = state = State()
        announced, ledger = Announced(), Ledger(limits or DeliveryLimits(), clock)
        self.broker: Broker = Broker(ledger, MemoryJournal(state, ledger))
        self.messages: MemoryMessages = MemoryMessages(state, ledger, self.broker.flush)
        self.letters: MemoryLetters = MemoryLetters(state, self.broker.flush)
        self.topics: MemoryTopics = MemoryTopics(state, ledger.members, announced)
        self.verifications: MemoryVerifications = MemoryVerifications(state, clock)
        self.subscriptions: MemorySubscriptions = MemorySubscriptions(state, self.verifications, ledger.members, clock)
        self.announcements: MemoryAnnouncements = MemoryAnnouncements(state, announced, clock)

    async def __aenter__(self) -> Self:
        self._state.open = True
        await self._stack.enter_async_context(self.broker.running())
        return self

    async def examine(self) -> None:
        """Check that the state is intact, which it always is."""
        await self._state.turn()

    async def check_writable(self) -> None:
        """Check that the store can write now."""
        await self._state.turn()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the state, so that further calls fail."""
        try:
            await self._stack.__aexit__(exc_type, exc, traceback)
        finally:
            self._state.open = False
