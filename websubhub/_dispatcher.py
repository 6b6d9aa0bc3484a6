"""From a request to the hooks and on: the answer now, validation and intent verification once it is out."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable

import anyio
import attrs

from _websub.addresses import is_loopback_url
from _websub.client import ExchangeError, HttpClient
from _websub.forms import FormError
from _websub.http import Answer, Request, Response, plain
from _websub.origins import leads_off_loopback, refusal_on_loopback
from _websub.outcome import Success, WebSubError
from _websub.signature import SecretError
from _websub.urls import UrlError, host_of
from _websub.user_code import settle
from _websub.vocabulary import Mode
from websubhub import _protocol as protocol
from websubhub._config import HubConfig
from websubhub._errors import BadSubscriptionError
from websubhub._messages import (
    IntentVerification,
    Subscription,
    SubscriptionAccepted,
    TopicDeregistration,
    TopicRegistration,
    Unsubscription,
    UnsubscriptionAccepted,
    UpdateMessage,
)
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
_VALIDATION = ("on_subscription_validation", "on_unsubscription_validation")
_VERIFIED = ("on_subscription_intent_verified", "on_unsubscription_intent_verified")


def new_challenge() -> str:
    """A challenge nobody can guess, of the characters that a challenge may have (W3C 5.3, 8.2)."""
    return secrets.token_urlsafe(32)


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
        self._path = config.local_path
        self._on_loopback = is_loopback_url(config.url)
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._challenge = challenge

    async def handle(self, request: Request) -> Answer:
        """Answer a request; what is to happen after the answer comes along as its follow-up."""
        refusal = self._refusal(request)
        if refusal is not None:
            return Answer(refusal)
        try:
            messages = protocol.read_request(request, self._config)
        except (FormError, UrlError, SecretError) as error:
            return Answer(protocol.refuse(error))
        first = messages[0]
        if self._on_loopback and isinstance(first, Subscription) and leads_off_loopback(first.topic, first.callback):
            return Answer(protocol.write_refusal(BadSubscriptionError("A topic on loopback needs a callback there.")))
        if isinstance(first, Subscription | Unsubscription):
            return await self._accept(first)
        outcomes = [await self._settle(_BY_MESSAGE[type(message)], message) for message in messages]
        # Of several topics, one that was refused decides the answer; the others were taken all the same.
        errors = [outcome for outcome in outcomes if isinstance(outcome, WebSubError)]
        return Answer(self._write((errors or outcomes)[0]))

    def _refusal(self, request: Request) -> Response | None:
        if request.path != self._path and request.local_path not in {"", self._path}:
            return plain(404, "There is no hub here.")
        if request.method != "POST":
            return plain(405, "A hub takes POST requests only.", [("Allow", "POST")])
        reason = refusal_on_loopback(request) if self._on_loopback else None
        return plain(403, reason) if reason else None

    async def _accept(self, message: Subscription | Unsubscription) -> Answer:
        name = _BY_MESSAGE[type(message)]
        if getattr(type(self._service), name) is getattr(HubService, name):
            return Answer(Response(status=202), lambda: self.follow_up(message))
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
        if outcome.verified:
            return Answer(response, lambda: self.verify(message, confirmed=True))
        return Answer(response, lambda: self.follow_up(message))

    def _write(self, outcome: object) -> Response:
        if not isinstance(outcome, Success | WebSubError):
            raise TypeError(f"{outcome!r} cannot be answered with")
        return protocol.write_outcome(outcome)

    def _settle(self, name: str, message: object) -> Awaitable[object]:
        return settle(_ROWS[name], getattr(self._service, name), message)

    async def follow_up(self, message: Subscription | Unsubscription) -> IntentVerification:
        """Validate and verify an accepted request; a callback that does not answer is tried again a few times."""
        if await self._is_denied(message):
            return IntentVerification.DENIED
        for delay in self._config.verification_delays:
            if delay:
                await self._sleep(delay)
            result = await self._confirm(message)
            if result is not IntentVerification.UNANSWERED:
                return result
        log.info("The callback at %s did not answer the verification.", host_of(message.callback))
        return IntentVerification.UNANSWERED

    async def verify(self, message: Subscription | Unsubscription, *, confirmed: bool = False) -> IntentVerification:
        """Validate an accepted request and verify its intent once, then tell the service (W3C 5.2, 5.3).

        Args:
            message: The request.
            confirmed: The intent is known already; no verification request is sent.
        """
        if await self._is_denied(message):
            return IntentVerification.DENIED
        return await self._confirm(message, confirmed=confirmed)

    async def _is_denied(self, message: Subscription | Unsubscription) -> bool:
        denial = await self._settle(_VALIDATION[isinstance(message, Unsubscription)], message)
        if isinstance(denial, WebSubError):
            await self.deny(message, denial.reason)
            return True
        return False

    async def _confirm(self, message: Subscription | Unsubscription, *, confirmed: bool = False) -> IntentVerification:
        now = self._clock()
        result = IntentVerification.VERIFIED if confirmed else await self._ask(message)
        if result is IntentVerification.VERIFIED:
            name = _VERIFIED[isinstance(message, Unsubscription)]
            outcome = await self._settle(name, protocol.verified(message, now))
            if isinstance(outcome, WebSubError):
                await self._tell(Mode.HUB_ERROR, message, outcome.reason)
        return result

    async def _ask(self, message: Subscription | Unsubscription) -> IntentVerification:
        challenge = self._challenge()
        try:
            response = await self._client.send(protocol.verification(message, challenge))
        except ExchangeError:
            return IntentVerification.UNANSWERED
        if protocol.is_confirmed(response, challenge):
            return IntentVerification.VERIFIED
        log.info("The callback at %s did not confirm.", host_of(message.callback))
        return IntentVerification.REFUSED

    async def deny(self, message: Subscription | Unsubscription, reason: str = "") -> None:
        """Tell a subscriber that its subscription is denied, before or after it was active (W3C 5.2)."""
        await self._tell(Mode.DENIED, message, reason)

    async def _tell(self, mode: Mode, message: Subscription | Unsubscription, reason: str) -> None:
        try:
            await self._client.send(protocol.notice(mode, message, reason))
        except ExchangeError:
            log.info("The callback at %s could not be told: %s.", host_of(message.callback), mode)
