"""From a request to the hooks and on: the answer now, validation and intent verification once it is out."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable

import anyio
import attrs

from _websub.client import ExchangeError, HttpClient
from _websub.forms import FormError
from _websub.http import Answer, Request, Response
from _websub.outcome import Success, WebSubError
from _websub.retry_after import retry_after_seconds
from _websub.signature import SecretError
from _websub.urls import UrlError, host_of
from _websub.user_code import settle
from _websub.vocabulary import Mode
from websubhub import _protocol as protocol
from websubhub._admission import Admission
from websubhub._config import HubConfig
from websubhub._errors import UpdateMessageError
from websubhub._intent import IntentVerification, VerificationAttempt
from websubhub._messages import (
    Subscription,
    SubscriptionAccepted,
    TopicDeregistration,
    TopicRegistration,
    Unsubscription,
    UnsubscriptionAccepted,
    UpdateMessage,
)
from websubhub._pairs import PairOrder, Turn
from websubhub._publish_request import RefusedTopic, answer_for_all
from websubhub._service import HOOKS, HubService

log = logging.getLogger("websubhub")

_ROWS = {hook.name: hook for hook in HOOKS}
#: The hook of a message that came in; no text from the wire ever becomes a method's name.
_BY_MESSAGE = {
    TopicRegistration: "on_register_topic",
    TopicDeregistration: "on_deregister_topic",
    UpdateMessage: "on_update_message",
    Subscription: "on_subscription",
    Unsubscription: "on_unsubscription",
}
#: A request that waits is kept in memory, so it does not wait for as long as a callback likes.
_LONGEST_PAUSE_SECONDS = 600.0
_VALIDATION = ("on_subscription_validation", "on_unsubscription_validation")
_VERIFIED = ("on_subscription_intent_verified", "on_unsubscription_intent_verified")


def new_challenge() -> str:
    """A challenge nobody can guess, of the characters that a challenge may have (W3C 5.3, 8.2)."""
    return secrets.token_urlsafe(32)


def _written(outcome: object) -> Success | WebSubError:
    if not isinstance(outcome, Success | WebSubError):
        raise TypeError(f"{outcome!r} cannot be answered with")
    return outcome


class Dispatcher:
    """Calls a service's hooks for the requests that come in.

    Args:
        service: The service.
        config: The hub's settings.
        client: How callbacks are reached.
        clock: The time, in seconds since 1970.
        sleep: How to wait between attempts to reach a callback.
        challenge: Makes a challenge, a new one for each attempt.
    """

    def __init__(
        self,
        service: HubService,
        config: HubConfig,
        client: HttpClient,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        challenge: Callable[[], str] = new_challenge,
    ) -> None:
        self._service = service
        self._config = config
        self._admission = Admission(config, client)
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._challenge = challenge
        self._pairs = PairOrder()

    async def handle(self, request: Request) -> Answer:
        """Answer a request; what is to happen after the answer comes along as its follow-up."""
        refusal = self._admission.refusal(request)
        if refusal is not None:
            return Answer(refusal)
        try:
            messages = protocol.read_request(request, self._config)
        except (FormError, UrlError, SecretError) as error:
            return Answer(protocol.refuse(error))
        first = messages[0]
        if isinstance(first, Subscription | Unsubscription):
            return await self._accept(first)
        outcomes = [(message.topic, await self._decide(message)) for message in messages]
        return Answer(protocol.write_outcome(outcomes[0][1] if len(outcomes) == 1 else answer_for_all(outcomes)))

    async def _decide(self, message: protocol.Message) -> Success | WebSubError:
        if isinstance(message, RefusedTopic):
            return UpdateMessageError(message.reason)
        return _written(await self._settle(_BY_MESSAGE[type(message)], message))

    async def _accept(self, message: Subscription | Unsubscription) -> Answer:
        refusal = self._admission.callback_refusal(message)
        if refusal is not None:
            return Answer(refusal)
        name = _BY_MESSAGE[type(message)]
        if getattr(type(self._service), name) is getattr(HubService, name):
            return self._answer_and_verify(Response(status=202), message)
        outcome = await self._settle(name, message)
        if isinstance(outcome, WebSubError):
            return Answer(protocol.write_refusal(outcome))
        response = self._write(outcome)
        if not isinstance(outcome, SubscriptionAccepted | UnsubscriptionAccepted) or response.status != 202:  # noqa: PLR2004 - W3C 5.1.2
            return Answer(response)
        if isinstance(outcome, SubscriptionAccepted) and outcome.lease_seconds and isinstance(message, Subscription):
            message = attrs.evolve(message, lease_seconds=self._config.grant(outcome.lease_seconds))
        if outcome.deferred:
            return Answer(response)
        return self._answer_and_verify(response, message, confirmed=outcome.verified)

    def _answer_and_verify(
        self, response: Response, message: Subscription | Unsubscription, *, confirmed: bool = False
    ) -> Answer:
        turn = self._pairs.accept(message.topic, message.callback)

        async def follow_up(turn: Turn) -> object:
            return await (self.verify(message, confirmed=True) if confirmed else self._follow_up(message, turn))

        return Answer(response, lambda: turn.run(follow_up))

    def _write(self, outcome: object) -> Response:
        return protocol.write_outcome(_written(outcome))

    def _settle(self, name: str, message: object) -> Awaitable[object]:
        return settle(_ROWS[name], getattr(self._service, name), message)

    async def _follow_up(self, message: Subscription | Unsubscription, turn: Turn) -> None:
        """Validate and verify an accepted request; a callback that cannot answer now is tried again a few times."""
        if await self._is_denied(message):
            return
        asked = 0.0
        for delay in self._config.verification_delays:
            seconds = max(delay, asked)
            if not await turn.wait(lambda seconds=seconds: self._pause(seconds)):  # type: ignore[misc]
                return
            attempt = await self._confirm(message)
            if attempt.result is not IntentVerification.UNANSWERED:
                return
            asked = min(attempt.retry_after or 0.0, _LONGEST_PAUSE_SECONDS)
        log.info("The callback at %s did not answer the verification.", host_of(message.callback))

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await self._sleep(seconds)

    async def verify(self, message: Subscription | Unsubscription, *, confirmed: bool = False) -> VerificationAttempt:
        """Validate an accepted request and verify its intent once, then tell the service (W3C 5.2, 5.3).

        Args:
            message: The request.
            confirmed: The intent is known already; no verification request is sent.
        """
        if await self._is_denied(message):
            return VerificationAttempt(result=IntentVerification.DENIED)
        return await self._confirm(message, confirmed=confirmed)

    async def _is_denied(self, message: Subscription | Unsubscription) -> bool:
        denial = await self._settle(_VALIDATION[isinstance(message, Unsubscription)], message)
        if isinstance(denial, WebSubError):
            await self.deny(message, denial.reason)
            return True
        return False

    async def _confirm(self, message: Subscription | Unsubscription, *, confirmed: bool = False) -> VerificationAttempt:
        now = self._clock()
        attempt = VerificationAttempt(result=IntentVerification.VERIFIED) if confirmed else await self._ask(message)
        if attempt.result is IntentVerification.VERIFIED:
            name = _VERIFIED[isinstance(message, Unsubscription)]
            outcome = await self._settle(name, protocol.verified(message, now))
            if isinstance(outcome, WebSubError):
                await self._tell(Mode.HUB_ERROR, message, outcome.reason)
        return attempt

    async def _ask(self, message: Subscription | Unsubscription) -> VerificationAttempt:
        challenge = self._challenge()
        try:
            response = await self._client.send(protocol.verification(message, challenge))
        except ExchangeError:
            return VerificationAttempt(result=IntentVerification.UNANSWERED)
        if protocol.is_confirmed(response, challenge):
            return VerificationAttempt(result=IntentVerification.VERIFIED)
        if response.says_not_now:
            seconds = retry_after_seconds(response.headers.get("Retry-After"), self._clock())
            return VerificationAttempt(result=IntentVerification.UNANSWERED, retry_after=seconds)
        log.info("The callback at %s did not confirm.", host_of(message.callback))
        return VerificationAttempt(result=IntentVerification.REFUSED)

    async def deny(self, message: Subscription | Unsubscription, reason: str = "") -> None:
        """Tell a subscriber that its subscription is denied, before or after it was active (W3C 5.2)."""
        await self._tell(Mode.DENIED, message, reason)

    async def _tell(self, mode: Mode, message: Subscription | Unsubscription, reason: str) -> None:
        try:
            await self._client.send(protocol.notice(mode, message, reason))
        except ExchangeError:
            log.info("The callback at %s could not be told: %s.", host_of(message.callback), mode)
