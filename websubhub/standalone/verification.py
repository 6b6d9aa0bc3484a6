"""Verifying what was accepted, also when the hub was restarted in between."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from websubhub import (
    IntentVerification,
    Subscription,
    Unsubscription,
    VerificationAttempt,
    host_of,
    url_identity,
)
from websubhub.standalone.ports import Mode, PendingVerification, StoreError, VerificationStore
from websubhub.standalone.service import VERIFICATION

log = logging.getLogger("websubhub")

_AT_ONCE = 64
_PER_HOST = 10
_POLL_SECONDS = 1.0
_READ = 256
_READ_MOST = 16_384  # more than may be pending
_DELAYS = (30.0, 120.0)

Verify = Callable[[Subscription | Unsubscription], Awaitable[VerificationAttempt]]


class VerificationBudget:
    """Bounds the verifications that are under way, overall and for each host, whatever the port.

    Args:
        at_once: The most overall.
        per_host: The most for one host.
    """

    def __init__(self, at_once: int = _AT_ONCE, per_host: int = _PER_HOST) -> None:
        self._free = at_once
        self._per_host = per_host
        self._hosts: Counter[str] = Counter()

    @property
    def is_used_up(self) -> bool:
        """Whether no host can be called at present."""
        return not self._free

    def take(self, host: str) -> bool:
        """Take a place for a host. Returns False if there is none."""
        if not self._free or self._hosts[host] >= self._per_host:
            return False
        self._free -= 1
        self._hosts[host] += 1
        return True

    def give_back(self, host: str) -> None:
        """Give a place back that was taken for a host."""
        self._free += 1
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]


class VerificationWorker:
    """Verifies the requests in the store, bounded overall and for each host of callbacks.

    Args:
        verifications: The requests.
        verify: Validates and verifies one request once.
        hub: The hub's public URL.
        delays: Seconds between the attempts to reach a callback that does not answer, or that cannot at present.
        budget: How many verifications may be under way.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        verifications: VerificationStore,
        verify: Verify,
        hub: str,
        *,
        delays: tuple[float, ...] = _DELAYS,
        budget: VerificationBudget | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._verifications = verifications
        self._verify = verify
        self._hub = hub
        self._delays = delays
        self._clock = clock
        self._under_way: set[tuple[str, str]] = set()
        self._finished: set[str] = set()
        self._read = _READ
        self._budget = budget or VerificationBudget()
        self._due = anyio.Event()

    def wake(self) -> None:
        """Something has become due."""
        self._due.set()

    async def run(self) -> None:
        """Verify what is due, until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                self._due = anyio.Event()
                await self._start(tasks)
                with anyio.move_on_after(_POLL_SECONDS):
                    await self._due.wait()

    async def _start(self, tasks: TaskGroup) -> None:
        self._finished.clear()
        try:
            due = await self._verifications.due(limit=self._read)
        except StoreError as error:
            log.warning("Pending verifications cannot be read: %s", error)
            return
        for pending in due:
            if self._budget.is_used_up:
                break
            pair = url_identity(pending.topic), url_identity(pending.callback)
            if pending.id in self._finished:
                continue  # after it was read
            # A newer request of a pair is verified once the older one is, so that the newest has the last word.
            if pair not in self._under_way and self._budget.take(host_of(pending.callback)):
                self._under_way.add(pair)
                tasks.start_soon(self._finish, pending, pair)
        # Those of one slow host may stand in front of all the others, and must not hide them.
        hidden = len(due) == self._read and not self._budget.is_used_up
        if hidden and self._read < _READ_MOST:
            self._read *= 2
            self._due.set()
        elif len(due) < _READ:
            self._read = _READ

    async def _finish(self, pending: PendingVerification, pair: tuple[str, str]) -> None:
        try:
            attempt = await self._verify(_message(pending, self._hub))
            await self._settle(pending, attempt)
        except StoreError as error:
            log.warning("A verification could not be settled: %s", error)
            await anyio.sleep(_POLL_SECONDS)
        finally:
            self._finished.add(pending.id)
            self._under_way.discard(pair)
            self._budget.give_back(host_of(pending.callback))
            self._due.set()

    async def _settle(self, pending: PendingVerification, attempt: VerificationAttempt) -> None:
        # What was verified is settled already, together with the subscription. If it is not, the store has failed.
        again = attempt.result in {IntentVerification.VERIFIED, IntentVerification.UNANSWERED}
        if again and pending.attempts < len(self._delays):
            delay = max(self._delays[pending.attempts], attempt.retry_after or 0.0)
            await self._verifications.postpone(pending.id, due_at=self._clock() + delay)
        else:
            await self._verifications.remove(pending.id)


def _message(pending: PendingVerification, hub: str) -> Subscription | Unsubscription:
    extras = {VERIFICATION: pending.id}
    if pending.mode is Mode.SUBSCRIBE:
        return Subscription(
            hub=hub,
            topic=pending.topic,
            callback=pending.callback,
            lease_seconds=pending.lease_seconds,
            secret=pending.secret,
            extras=extras,
        )
    return Unsubscription(hub=hub, topic=pending.topic, callback=pending.callback, extras=extras)
