"""Leaving partitions to other processes, with nothing on its way that could arrive twice."""

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
    """Leaves partitions.

    Args:
        knowledge: What this process knows.
        partitions: The partitions of this process.
        ledger: What this process owes.
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
        """Finish what is on its way to some partitions, and leave them to others.

        Args:
            numbers: The partitions.
            at_once: Whether nothing is to be waited for, since this process is ending and has finished it.

        Raises:
            StoreError: Outcomes cannot be written, so that nothing was left.
        """
        await self._flush()  # before anything is held back: as long as this fails, nothing can be handed over
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
        """Wait until nothing is on its way to these hosts, for a time."""
        keys, busy = [host_key(host) for host in hosts], self._board.hosts.busy
        with anyio.move_on_after(_LANDING_SECONDS):
            while any(busy(key).in_flight for key in keys):  # noqa: ASYNC110 - nobody tells
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
