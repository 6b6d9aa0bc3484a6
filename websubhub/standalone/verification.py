"""Verifying what was accepted, also when the hub was restarted in between."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio
from anyio.abc import TaskGroup

from websubhub import IntentVerification, Subscription, Unsubscription
from websubhub.standalone.ports import Mode, PendingVerification, StoreError, VerificationStore
from websubhub.standalone.service import VERIFICATION

log = logging.getLogger("websubhub")

_AT_ONCE = 64
_PER_HOST = 10
_POLL_SECONDS = 1.0
_READ = 256
_READ_MOST = 16_384  # more than may be pending
_DELAYS = (30.0, 120.0)

Verify = Callable[[Subscription | Unsubscription], Awaitable[IntentVerification]]


class VerificationWorker:
    """Verifies the requests in the store, bounded overall and for each host of callbacks.

    Args:
        verifications: The requests.
        verify: Validates and verifies one request once.
        hub: The hub's public URL.
        delays: Seconds between the attempts to reach a callback that does not answer.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        verifications: VerificationStore,
        verify: Verify,
        hub: str,
        *,
        delays: tuple[float, ...] = _DELAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._verifications = verifications
        self._verify = verify
        self._hub = hub
        self._delays = delays
        self._clock = clock
        self._under_way: set[tuple[str, str]] = set()
        self._read = _READ
        self._hosts: Counter[str] = Counter()
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
        try:
            due = await self._verifications.due(limit=self._read)
        except StoreError as error:
            log.warning("Pending verifications cannot be read: %s", error)
            return
        for pending in due:
            host = urlsplit(pending.callback).netloc
            pair = (pending.topic, pending.callback)
            if pair in self._under_way or self._hosts[host] >= _PER_HOST:
                continue
            if len(self._under_way) >= _AT_ONCE:
                break
            self._under_way.add(pair)
            self._hosts[host] += 1
            tasks.start_soon(self._finish, pending, host)
        # Those of one slow host may stand in front of all the others, and must not hide them.
        hidden = len(due) == self._read and len(self._under_way) < _AT_ONCE
        if hidden and self._read < _READ_MOST:
            self._read *= 2
            self._due.set()
        elif len(due) < _READ:
            self._read = _READ

    async def _finish(self, pending: PendingVerification, host: str) -> None:
        try:
            result = await self._verify(_message(pending, self._hub))
            await self._settle(pending, result)
        except StoreError as error:
            log.warning("A verification could not be settled: %s", error)
            await anyio.sleep(_POLL_SECONDS)
        finally:
            self._under_way.discard((pending.topic, pending.callback))
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
            self._due.set()

    async def _settle(self, pending: PendingVerification, result: IntentVerification) -> None:
        if result is IntentVerification.UNANSWERED and pending.attempts < len(self._delays):
            due_at = self._clock() + self._delays[pending.attempts]
            await self._verifications.postpone(pending.id, due_at=due_at)
        else:
            # What was verified is settled already, together with the subscription.
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
