"""One verification of a request: the service validates it, the callback confirms it, and the service is notified."""

import logging
from collections.abc import Awaitable, Callable

import attrs

from _websub.calls.exchange import ExchangeError
from _websub.grammar.retry_after import retry_after_seconds
from _websub.grammar.urls import host_of
from _websub.grammar.vocabulary import Mode
from _websub.http import Response
from _websub.outcome import WebSubError
from _websub.user_code import settle
from websubhub import _protocol as protocol
from websubhub._dispatch.callbacks import CallbackClient
from websubhub._dispatch.intent import IntentVerification, VerificationAttempt
from websubhub._errors import RequestPostponedError
from websubhub._service import HOOKS, HubService, flow_of
from websubhub._subscriptions import Subscription, Unsubscription

log = logging.getLogger("websubhub")
activity = logging.getLogger("websubhub.activity")

_ROWS = {hook.name: hook for hook in HOOKS}


class Verifier:
    """Validates requests and verifies their intent, within the budget that the caller has taken (W3C 5.2, 5.3).

    Args:
        service: The service.
        client: The client that calls callbacks.
        clock: Returns the time, in seconds since 1970.
        challenge: Returns a new challenge for each attempt.
    """

    def __init__(
        self, service: HubService, client: CallbackClient, clock: Callable[[], float], challenge: Callable[[], str]
    ) -> None:
        self._service = service
        self._client = client
        self._clock = clock
        self._challenge = challenge

    def settle(self, name: str, message: object) -> Awaitable[object]:
        """Call a hook, and return one of its declared answers, whatever it returns or raises."""
        return settle(_ROWS[name], getattr(self._service, name), message)

    async def verify(self, message: Subscription | Unsubscription, *, confirmed: bool = False) -> VerificationAttempt:
        """Validate a request, verify its intent once, and notify the service.

        Args:
            message: The request.
            confirmed: Whether the intent is already known, so that no verification request is sent.
        """
        objection = await self.objection(message)
        if isinstance(objection, RequestPostponedError):
            return _postponed(objection)
        if objection is not None:
            await self.deny(message, objection.reason)
            return VerificationAttempt(result=IntentVerification.DENIED, reason=objection.reason)
        return await self.confirm(message, confirmed=confirmed)

    async def objection(self, message: Subscription | Unsubscription) -> WebSubError | None:
        """Return why the service denies or postpones a request, or None if it grants it."""
        outcome = await self.settle(flow_of(message).validation, message)
        return outcome if isinstance(outcome, WebSubError) else None

    async def confirm(self, message: Subscription | Unsubscription, *, confirmed: bool = False) -> VerificationAttempt:
        """Verify the intent of a granted request."""
        now = self._clock()
        attempt = VerificationAttempt(result=IntentVerification.VERIFIED) if confirmed else await self._ask(message)
        _tell_log(message, attempt.result)
        if attempt.result is IntentVerification.VERIFIED:
            outcome = await self.settle(flow_of(message).verified, protocol.verified(message, now))
            if isinstance(outcome, RequestPostponedError):
                return _postponed(outcome)
            if isinstance(outcome, WebSubError):
                await self._tell(Mode.HUB_ERROR, message, outcome.reason)
                return attrs.evolve(attempt, handled=False)
        return attempt

    async def _ask(self, message: Subscription | Unsubscription) -> VerificationAttempt:
        challenge = self._challenge()
        try:
            response = await self._client.send(protocol.verification(message, challenge))
        except ExchangeError as error:
            if error.wait:
                return VerificationAttempt(result=IntentVerification.POSTPONED, retry_after=error.wait)
            return VerificationAttempt(result=IntentVerification.UNANSWERED, reason=str(error))
        if protocol.is_confirmed(response, challenge):
            return VerificationAttempt(result=IntentVerification.VERIFIED, status=response.status)
        return self._unconfirmed(response)

    def _unconfirmed(self, response: Response) -> VerificationAttempt:
        status, reason = response.status, f"answered {response.status}"
        if response.says_not_now:
            seconds = retry_after_seconds(response.headers.get("Retry-After"), self._clock())
            return VerificationAttempt(
                result=IntentVerification.UNANSWERED, retry_after=seconds, reason=reason, status=status
            )
        if response.ok:
            reason += " without the challenge"
        return VerificationAttempt(result=IntentVerification.REFUSED, reason=reason, status=status)

    async def deny(self, message: Subscription | Unsubscription, reason: str = "") -> None:
        """Notify a subscriber that its subscription is denied, before or after it became active (W3C 5.2)."""
        _tell_log(message, IntentVerification.DENIED)
        await self._tell(Mode.DENIED, message, reason)

    async def _tell(self, mode: Mode, message: Subscription | Unsubscription, reason: str) -> None:
        try:
            await self._client.send(protocol.notice(mode, message, reason))
        except ExchangeError:
            log.info("The callback at %s could not be notified: %s.", host_of(message.callback), mode)


def _tell_log(message: Subscription | Unsubscription, result: IntentVerification) -> None:
    if activity.isEnabledFor(logging.DEBUG):
        activity.debug("%s of %s to %r: %s", type(message).__name__, host_of(message.callback), message.topic, result)


def _postponed(error: RequestPostponedError) -> VerificationAttempt:
    return VerificationAttempt(
        result=IntentVerification.POSTPONED, retry_after=error.retry_after, reason=error.reason, counts=error.counts
    )
