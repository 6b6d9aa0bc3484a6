"""Handing partitions over to other processes, with nothing in flight that could arrive twice."""

import logging
from collections.abc import Awaitable, Callable

import anyio

from websubhub import authority_of
from websubhub.standalone.adapters.nats.journal.partitions import Partitions
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import StoreError
from websubhub.standalone.schedule.hosts import host_key

log: logging.Logger = logging.getLogger("websubhub")

_LANDING_SECONDS = 3.0
_LOOK_SECONDS = 0.05


class Leaver:
    """Hands over partitions.

    Args:
        knowledge: The records that this process knows.
        partitions: The partitions of this process.
        ledger: The deliveries of this process.
        flush: Writes all outcomes.
    """

    def __init__(
        self, knowledge: Knowledge, partitions: Partitions, ledger: Ledger, flush: Callable[[], Awaitable[None]]
    ) -> None:
        self._knowledge = knowledge
        self._partitions = partitions
        self._board = ledger.board
        self._flush = flush

    async def leave(self, numbers: set[int], *, at_once: bool) -> None:
        """Finish the deliveries in flight to some partitions, and hand the partitions over.

        Args:
            numbers: The partitions.
            at_once: Whether not to wait, because this process is stopping and has finished its deliveries.

        Raises:
            StoreError: Outcomes could not be written, so nothing was handed over.
        """
        await self._flush()  # first, because nothing can be handed over while this fails
        hosts = self._hosts_of(numbers)
        for host in hosts:
            self._board.hosts.pause(host)
        try:
            if not at_once:
                await self._landed(hosts)
            await self._flush()
            async with anyio.create_task_group() as tasks:
                for number in numbers:
                    tasks.start_soon(self._release, number)
        finally:
            for host in hosts - self._knowledge.paused:
                self._board.hosts.resume(host)

    async def _landed(self, hosts: set[str]) -> None:
        """Wait for a moment until nothing is in flight to these hosts."""
        keys, busy = [host_key(host) for host in hosts], self._board.hosts.busy
        with anyio.move_on_after(_LANDING_SECONDS):
            while any(busy(key).in_flight for key in keys):  # noqa: ASYNC110 - there is no signal for it
                await anyio.sleep(_LOOK_SECONDS)

    def _hosts_of(self, numbers: set[int]) -> set[str]:
        pairs = self._knowledge.pairs.of_partition
        return {authority_of(pair.key[1]) for number in numbers for pair in pairs[number].values()}

    async def _release(self, number: int) -> None:
        """Release a partition. If that cannot be written, the others notice that this process no longer lists it."""
        partition = self._partitions.logs.get(number)
        if partition is None:
            return
        whole = self._partitions.whole(number)
        whole.released = True
        self._partitions.lose(number)
        try:
            await partition.replace(whole)
        except StoreError as error:
            log.debug("The release of partition %d could not be written: %s", number, error)
