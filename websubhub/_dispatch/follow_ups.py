"""Follow-ups of accepted requests: verification within the budget of the host, kept in memory."""

import functools
import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable

import anyio.lowlevel

from _websub.grammar.urls import host_of, url_identity
from _websub.http import Response, plain
from websubhub._config import HubConfig
from websubhub._dispatch.intent import IntentVerification, VerificationAttempt
from websubhub._dispatch.pairs import Turn
from websubhub._dispatch.verification_budget import VerificationBudget
from websubhub._dispatch.verifier import Verifier
from websubhub._errors import RequestPostponedError
from websubhub._subscriptions import Subscription, Unsubscription

log = logging.getLogger("websubhub")

#: A waiting request is kept in memory, so a callback cannot make it wait for as long as it likes.
_LONGEST_PAUSE_SECONDS = 600.0
_POSTPONED_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_REMEMBERED = 20_000
_BUSY = [("Retry-After", "30")]


class FollowUps:
    """Verifies requests after they have been accepted.

    Args:
        verifier: Verifies a request once.
        config: The hub's settings.
        sleep: Waits between attempts.
    """

    def __init__(self, verifier: Verifier, config: HubConfig, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.verifier = verifier
        self.delays = config.verification_delays
        self.sleep = sleep
        self._budget = VerificationBudget(
            time.monotonic, strangers=config.verification_budget, at_once=config.verifications_at_once
        )
        self._places = max(1, config.limits.pending // 2)
        self._pending = Counter[str]()
        self._subscribed: OrderedDict[int, None] = OrderedDict()

    def refusal(self, message: Subscription | Unsubscription) -> Response | None:
        """Return the response to a request if there is no place for it, or None if there is one.

        A host may have as many pending requests as there are free places. There is always a place for a request about
        an active subscription.
        """
        known, host = self._account(message)
        if known or self._pending[host] < self._places - self._pending.total():
            return None
        return plain(503, "Too many requests await their verification.", _BUSY)

    async def run(self, message: Subscription | Unsubscription, turn: Turn) -> None:
        """Validate and verify a request. A callback that cannot answer now is called again a few times."""
        known, host = self._account(message)
        if known:
            await _FollowUp(self, message, turn).run()
            return
        self._pending[host] += 1
        try:
            await _FollowUp(self, message, turn).run()
        finally:
            self._pending -= Counter([host])

    async def attempt(
        self, message: Subscription | Unsubscription, verify: Callable[[], Awaitable[VerificationAttempt]]
    ) -> VerificationAttempt:
        """Verify a request once if the budget of its host allows it now, or postpone it."""
        spending = self._budget.begin(self._account(message))
        if spending is None:
            wait = min(self.wait(message), _LONGEST_PAUSE_SECONDS)
            return VerificationAttempt(result=IntentVerification.POSTPONED, retry_after=wait)
        result = None
        try:
            with spending.charging():
                attempt = await verify()
            result = attempt.result
        finally:
            self._budget.end(spending, result)
        if result is IntentVerification.VERIFIED:
            self._remember(message)
        return attempt

    def wait(self, message: Subscription | Unsubscription) -> float:
        """Return the seconds until the budget of a request's host may allow an attempt."""
        wait = self._budget.wait(self._account(message))
        return _LOOK_SECONDS if wait == math.inf else wait

    def _account(self, message: Subscription | Unsubscription) -> tuple[bool, str]:
        return _pair(message) in self._subscribed, host_of(message.callback)

    def _remember(self, message: Subscription | Unsubscription) -> None:
        self._subscribed.pop(_pair(message), None)
        if isinstance(message, Subscription):
            self._subscribed[_pair(message)] = None
        if len(self._subscribed) > _REMEMBERED:
            self._subscribed.popitem(last=False)


class _FollowUp:
    """The follow-up of one request. It is given up if its waits are too long in total."""

    def __init__(self, owner: FollowUps, message: Subscription | Unsubscription, turn: Turn) -> None:
        self._owner = owner
        self._verifier = owner.verifier
        self._message = message
        self._turn = turn
        self._patience = _LONGEST_PAUSE_SECONDS

    async def run(self) -> None:
        if not await self._is_granted():
            return
        asked = 0.0
        for delay in self._owner.delays:
            if not await self._pause(max(delay, asked)):
                return
            attempt = await self._in_budget(lambda: self._verifier.confirm(self._message))
            if attempt is None or attempt.result is not IntentVerification.UNANSWERED:
                self._tell(attempt)
                return
            asked = min(attempt.retry_after or 0.0, _LONGEST_PAUSE_SECONDS)
        log.info("The callback at %s did not answer the verification.", host_of(self._message.callback))

    def _tell(self, attempt: VerificationAttempt | None) -> None:
        if attempt is not None and attempt.result is IntentVerification.REFUSED:
            log.info("The callback at %s did not confirm: it %s.", host_of(self._message.callback), attempt.reason)

    async def _is_granted(self) -> bool:
        tries = 0
        while (objection := await self._verifier.objection(self._message)) is not None:
            if isinstance(objection, RequestPostponedError):
                tries += objection.counts
                if tries < len(self._owner.delays):
                    if not await self._postpone(objection.retry_after or _POSTPONED_SECONDS):
                        return False
                    continue
            await self._in_budget(functools.partial(self._deny, objection.reason))
            return False
        return True

    async def _deny(self, reason: str) -> VerificationAttempt:
        await self._verifier.deny(self._message, reason)
        return VerificationAttempt(result=IntentVerification.DENIED)

    async def _in_budget(self, verify: Callable[[], Awaitable[VerificationAttempt]]) -> VerificationAttempt | None:
        """Verify as soon as the budget allows it. Return None if that takes too long, or if a newer request arrives."""
        while True:
            wait = self._owner.wait(self._message)
            if not wait:
                attempt = await self._owner.attempt(self._message, verify)
                if attempt.result is not IntentVerification.POSTPONED:
                    return attempt
                wait = attempt.retry_after or _POSTPONED_SECONDS
            if not await self._postpone(wait):
                return None

    async def _postpone(self, seconds: float) -> bool:
        self._patience -= seconds
        if self._patience >= 0:
            return await self._pause(seconds)
        log.warning("A request for %s could not be verified in time.", host_of(self._message.callback))
        return False

    async def _pause(self, seconds: float) -> bool:
        """Wait. Return False if a newer request arrives."""
        if not seconds:
            return await self._turn.wait(anyio.lowlevel.checkpoint)
        return await self._turn.wait(lambda: self._owner.sleep(seconds))


def _pair(message: Subscription | Unsubscription) -> int:
    return hash((url_identity(message.topic), url_identity(message.callback)))
