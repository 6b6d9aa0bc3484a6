"""Verifying accepted requests, even if the hub was restarted in between."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from websubhub import (
    IntentVerification,
    Spending,
    Subscription,
    Unsubscription,
    VerificationAttempt,
    VerificationBudget,
    authority_of,
    host_of,
    url_identity,
)
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.hub.given_up import GivenUpVerifications
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.ports import HostAccount, PendingVerification, StoreError, VerificationStore
from websubhub.standalone.work.acquaintances import Acquaintances
from websubhub.standalone.work.crowd import Crowd, Permit
from websubhub.standalone.work.pacing import Pair, PairPace
from websubhub.standalone.work.wakeup import Wakeup

log: logging.Logger = logging.getLogger("websubhub")

_PAIR_SECONDS = 1.0
_POLL_SECONDS = 1.0
_READ = 64
_STORE_SECONDS = 5.0
_POSTPONED_SECONDS = 30.0
_DELAYS = (30.0, 120.0)
_BOTH = (True, False)  # pairs that are subscribed, and others

Verify = Callable[[Subscription | Unsubscription], Awaitable[VerificationAttempt]]
Deny = Callable[[Subscription | Unsubscription, str], Awaitable[None]]


async def _deny_nobody(_: Subscription | Unsubscription, __: str) -> None:
    pass


class VerificationWorker:
    """Verifies the requests in the store, each pair at most once a second, within the budgets of their hosts.

    A request that has to wait for a budget stays in the store, and no attempt is counted.

    All waiting and running verifications are in one class because whether one may begin depends on all of them.

    Args:
        verifications: The store of requests.
        verify: Validates and verifies a request once.
        hub: The hub's public URL.
        wakeup: Rings when a request was accepted, and may pass it on as it was stored.
        deny: Notifies a subscriber that its request is denied, once the service has postponed it too often.
        delays: Seconds between attempts to reach a callback that does not answer or is not available.
        interval: The least seconds between two attempts for the same topic and callback.
        budget: The budgets of the hosts of callbacks.
        clock: Returns the time, in seconds since 1970.
        count: Called with the result of each attempt.
        introductions: The hosts of callbacks, by the client that named them.
        events: Where to record requests that were not verified.
        given_up: Keeps the requests that the hub gave up on.
    """

    def __init__(  # noqa: PLR0913 - its parts and options, all but the first four by keyword
        self,
        verifications: VerificationStore,
        verify: Verify,
        hub: str,
        wakeup: Wakeup,
        *,
        deny: Deny = _deny_nobody,
        delays: tuple[float, ...] = _DELAYS,
        interval: float = _PAIR_SECONDS,
        budget: VerificationBudget | None = None,
        clock: Callable[[], float] = time.time,
        count: Callable[[IntentVerification], None] = lambda _: None,
        introductions: Introductions | None = None,
        events: Events | None = None,
        given_up: GivenUpVerifications | None = None,
    ) -> None:
        self._verifications = verifications
        self._verify = verify
        self._deny = deny
        self._hub = hub
        self._wakeup = wakeup
        self._delays = delays
        self._pairs = PairPace(clock, interval)
        self._clock = clock
        self._count = count
        self._waiting: dict[HostAccount, float] = {}
        self._finished: set[str] = set()
        self._met = Acquaintances[HostAccount]()
        self._introductions = introductions or Introductions()
        self._events = events or Events()
        self._given_up = given_up or GivenUpVerifications()
        self._under_way: set[str] = set()
        self._left_some = True
        self._looked_at = 0.0
        self._budget = of = budget or VerificationBudget(clock)
        self._crowds = {known: Crowd(of.places(known), of.for_strangers(known), self._introductions) for known in _BOTH}

    async def run(self) -> None:
        """Verify what is due, until cancelled."""
        async with anyio.create_task_group() as tasks:
            accepted: list[PendingVerification] | None = None
            while True:
                if accepted is None or not self._take(accepted, tasks):
                    await self._start(tasks)
                # Only requests that were left in the store may be waiting for their pair.
                seconds = self._pairs.wait(_POLL_SECONDS) if self._left_some else _POLL_SECONDS
                accepted = await self._wakeup.wait(seconds)

    def _take(self, accepted: list[PendingVerification], tasks: TaskGroup) -> bool:
        """Begin verifying what was just stored, without reading it from the store.

        Nothing overtakes requests that were left in the store, and requests that become due there are found soon.

        Returns:
            Whether the store does not need to be read now.
        """
        if self._left_some or not 0 <= self._clock() - self._looked_at < _POLL_SECONDS:
            return False
        self._recover()
        for pending in accepted:
            if not self._is_full_for_strangers(pending.known):
                self._begin(pending, tasks)
        return all(pending.id in self._under_way for pending in accepted)

    async def _start(self, tasks: TaskGroup) -> None:
        """Begin due verifications that may begin: the first to come, then those of known hosts, then introductions."""
        self._looked_at = self._clock()
        self._left_some = True  # until the end, since verifications that end meanwhile may free places for others
        try:
            left_some = await self._look(tasks, None, self._is_full_for_strangers)
            if any(map(self._is_full_for_strangers, _BOTH)):
                left_some |= await self._look(tasks, frozenset(self._met), self._is_full_for_met)
                named = frozenset((known, host) for host in self._introductions.hosts() for known in _BOTH)
                left_some |= await self._look(tasks, named, self._budget.is_full)
            self._left_some = left_some
        except StoreError as error:
            log.warning("Pending verifications cannot be read: %s", error)

    async def _look(
        self, tasks: TaskGroup, among: frozenset[HostAccount] | None, is_full: Callable[[bool], bool]
    ) -> bool:
        """Begin what is due, reading past what may not begin yet. Return whether anything was left in the store."""
        left_some, more, limit = False, among is None or bool(among), _READ
        while more:
            self._finished.clear()
            self._recover()
            open_to = [known for known in _BOTH if not is_full(known)]
            if not open_to:
                return True
            due = await self._verifications.due(limit=limit, besides=self._waiting, among=among, known=open_to)
            moved = [pending for pending in due if self._begin(pending, tasks)]
            left_some |= len(open_to) == 1 or any(pending.id not in self._under_way for pending in due)
            read = Counter(pending.known for pending in due)
            is_cut = [known for known in read if read[known] == limit]
            left_some |= bool(is_cut)
            more = any(not is_full(known) for known in is_cut)
            # Requests whose pair was verified a moment ago come first, and each takes up a row.
            limit = limit if moved else limit * 2
        return left_some or bool(self._waiting)

    def _is_full_for_strangers(self, known: bool) -> bool:  # noqa: FBT001 - the first half of an account
        return self._crowds[known].is_full(stranger=True) or self._budget.is_full_for_strangers(known)

    def _is_full_for_met(self, known: bool) -> bool:  # noqa: FBT001 - the first half of an account
        return self._crowds[known].is_full(stranger=False) or self._budget.is_full(known)

    def _recover(self) -> None:
        """Remove the waits that are over."""
        now = self._clock()
        self._waiting = {account: until for account, until in self._waiting.items() if until > now}
        self._pairs.recover()

    def _begin(self, pending: PendingVerification, tasks: TaskGroup) -> bool:
        """Begin a verification if it may begin. Return whether it, or all of its account, no longer blocks the list."""
        pair = url_identity(pending.topic), url_identity(pending.callback)
        account = _account(pending)
        if pending.id in self._finished or account in self._waiting or self._budget.is_full(pending.known):
            return False
        # A newer request of a pair is verified after the older one, so that the newest one wins.
        if not self._pairs.is_free(pair):
            return False
        stranger = not self._budget.proven(account)
        if stranger and self._budget.is_full_for_strangers(pending.known):
            return False
        spending = self._budget.begin(account)
        if spending is None:
            # Each waiting host costs a row when reading, so the more hosts wait, the longer each waits.
            self._waiting[account] = self._clock() + self._budget.wait(account) + len(self._waiting) / _READ
            return True
        permit = self._crowds[pending.known].begin(account[1], stranger=stranger)
        if permit is None:
            spending.cancel()
            return False
        self._pairs.begin(pair)
        self._under_way.add(pending.id)
        tasks.start_soon(self._finish, pending, pair, spending, permit)
        return True

    async def _finish(self, pending: PendingVerification, pair: Pair, spending: Spending, permit: Permit) -> None:
        result = None
        try:
            attempt = await self._attempt(pending, spending)
            result = attempt.result
            self._count(result)
            await self._settle(pending, attempt)
        except StoreError as error:
            log.warning("A verification could not be settled: %s", error)
            # The request is still stored and due, but the callback should not be asked again and again.
            self._pairs.hold(pair, _STORE_SECONDS)
        finally:
            self._finished.add(pending.id)
            self._under_way.discard(pending.id)
            self._pairs.end(pair)
            self._budget.end(spending, result)
            self._crowds[pending.known].end(permit)
            if self._budget.proven(_account(pending)):
                self._met.meet(_account(pending))
            self._waiting.pop(_account(pending), None)
            if self._left_some:
                self._wakeup.ring()

    async def _attempt(self, pending: PendingVerification, spending: Spending) -> VerificationAttempt:
        """Verify once. An error in one verification must not stop the others."""
        try:
            with spending.charging():
                return await self._ask(pending)
        except StoreError:
            raise
        except Exception:
            log.exception("A verification failed.")
            return VerificationAttempt(result=IntentVerification.UNANSWERED)

    async def _ask(self, pending: PendingVerification) -> VerificationAttempt:
        message = pending.message(self._hub)
        attempt = await self._verify(message)
        if attempt.result is IntentVerification.POSTPONED and attempt.counts and self._is_last(pending):
            await self._deny(message, attempt.reason)
            return VerificationAttempt(result=IntentVerification.DENIED, reason=attempt.reason)
        return attempt

    def _is_last(self, pending: PendingVerification) -> bool:
        return pending.attempts >= len(self._delays)

    async def _settle(self, pending: PendingVerification, attempt: VerificationAttempt) -> None:
        postponed = attempt.result is IntentVerification.POSTPONED
        delay = attempt.retry_after or 0.0
        if postponed and not attempt.counts:
            due_at = self._clock() + (delay or _POSTPONED_SECONDS)
            await self._verifications.postpone(pending.id, due_at=due_at, counts=False, reason=attempt.reason)
            return
        if attempt.result is IntentVerification.VERIFIED and attempt.handled:
            return  # the step that stored the subscription also settled this
        again = postponed or attempt.result in {IntentVerification.VERIFIED, IntentVerification.UNANSWERED}
        if again and not self._is_last(pending):
            wait = max(self._delays[pending.attempts], delay)
            await self._verifications.postpone(pending.id, due_at=self._clock() + wait, reason=attempt.reason)
            if attempt.result is IntentVerification.UNANSWERED:
                self._record(Kind.VERIFICATION_UNANSWERED, pending, attempt, retry_seconds=round(wait))
            return
        await self._verifications.remove(pending.id)
        if attempt.result is IntentVerification.VERIFIED:
            return
        self._given_up.note(pending, attempt, self._clock())
        denied = attempt.result is IntentVerification.DENIED
        self._record(Kind.DENIED if denied else Kind.VERIFICATION_FAILED, pending, attempt)

    def _record(self, kind: Kind, pending: PendingVerification, attempt: VerificationAttempt, **more: int) -> None:
        of_attempt = {} if kind is Kind.DENIED else {"attempt": pending.attempts + 1, "status": attempt.status}
        self._events.record(
            kind,
            topic=pending.topic,
            host=authority_of(pending.callback),
            mode=pending.mode,
            reason=attempt.reason,
            **of_attempt,
            **more,
        )


def _account(pending: PendingVerification) -> HostAccount:
    return pending.known, host_of(pending.callback)
