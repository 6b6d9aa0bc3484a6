"""The dispatcher, which turns a request into a call of a hook, an answer and a follow-up."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable

import anyio
import attrs

from _websub.calls.budgets import Spending
from _websub.grammar.forms import FormError
from _websub.grammar.signature import SecretError
from _websub.grammar.urls import UrlError
from _websub.http import Answer, Request, Response
from _websub.outcome import Success, WebSubError
from websubhub import _protocol as protocol
from websubhub._config import HubConfig
from websubhub._dispatch.callbacks import CallbackClient
from websubhub._dispatch.follow_ups import FollowUps
from websubhub._dispatch.intent import VerificationAttempt
from websubhub._dispatch.pairs import PairOrder, Turn
from websubhub._dispatch.screening import Screening
from websubhub._dispatch.verifier import Verifier
from websubhub._errors import UpdateMessageError
from websubhub._messages import TopicDeregistration, TopicRegistration, UpdateMessage
from websubhub._publish_request import RefusedTopic, answer_for_all
from websubhub._service import HubService, flow_of
from websubhub._subscriptions import Subscription, SubscriptionAccepted, Unsubscription, UnsubscriptionAccepted

activity = logging.getLogger("websubhub.activity")

#: The names of requests without a callback in the log.
_WORDS = {TopicRegistration: "Register", TopicDeregistration: "Deregister", UpdateMessage: "Publish"}


def new_challenge() -> str:
    """Return a challenge that nobody can guess, in the characters allowed (W3C 5.3, 8.2)."""
    return secrets.token_urlsafe(32)


def _written(outcome: object) -> Success | WebSubError:
    if not isinstance(outcome, Success | WebSubError):
        raise TypeError(f"{outcome!r} is not an answer")
    return outcome


class Dispatcher:
    """Calls a service's hooks for incoming requests.

    Args:
        service: The service.
        config: The hub's settings.
        client: The client that calls callbacks.
        clock: Returns the time, in seconds since 1970.
        sleep: Waits between attempts to reach a callback.
        challenge: Returns a new challenge for each attempt.
    """

    def __init__(
        self,
        service: HubService,
        config: HubConfig,
        client: CallbackClient,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        challenge: Callable[[], str] = new_challenge,
    ) -> None:
        self._service = service
        self._config = config
        self._screening = Screening(config, client)
        self._verifier = Verifier(service, client, clock, challenge)
        self._follow_ups = FollowUps(self._verifier, config, sleep)
        self._pairs = PairOrder()

    async def handle(self, request: Request) -> Answer:
        """Answer a request. Work to do after the response is the answer's follow-up."""
        refusal = self._screening.refusal(request)
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
        outcome = _written(await self._verifier.settle(flow_of(message).request, message))
        if activity.isEnabledFor(logging.DEBUG):
            verdict = f"refused: {outcome.reason}" if isinstance(outcome, WebSubError) else "accepted"
            activity.debug("%s %r: %s", _WORDS[type(message)], message.topic, ascii(verdict)[1:-1])
        return outcome

    async def _accept(self, message: Subscription | Unsubscription) -> Answer:
        refusal = self._screening.callback_refusal(message) or self._follow_ups.refusal(message)
        if refusal is not None:
            return Answer(refusal)
        name = flow_of(message).request
        if getattr(type(self._service), name) is getattr(HubService, name):
            return self._answer_and_verify(Response(status=202), message)
        outcome = await self._verifier.settle(name, message)
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
            if confirmed:
                return await self._verifier.verify(message, confirmed=True)
            await self._follow_ups.run(message, turn)
            return None

        return Answer(response, lambda: turn.run(follow_up))

    def _write(self, outcome: object) -> Response:
        return protocol.write_outcome(_written(outcome))

    async def verify(self, message: Subscription | Unsubscription) -> VerificationAttempt:
        """Validate an accepted request and verify its intent once, now.

        It uses the budget that the caller has taken, or takes its own.
        """
        if Spending.current() is not None:
            return await self._verifier.verify(message)
        return await self._follow_ups.attempt(message, lambda: self._verifier.verify(message))

    async def deny(self, message: Subscription | Unsubscription, reason: str = "") -> None:
        """Notify a subscriber that its subscription is denied, before or after it became active (W3C 5.2)."""
        await self._verifier.deny(message, reason)
