"""The dispatcher: from a hub's request to a hook and back.

Only wanted subscriptions are confirmed, and only authentic deliveries reach the hook.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus

from _websub.grammar.forms import FormError
from _websub.grammar.signature import SignatureError, verify
from _websub.grammar.urls import path_of
from _websub.grammar.vocabulary import DEFAULT_LEASE_SECONDS, Header
from _websub.http import Answer, Request, Response, plain
from _websub.outcome import Success, WebSubError
from _websub.user_code import settle
from websubsub import _clock
from websubsub import _protocol as protocol
from websubsub._config import SubscriberConfig
from websubsub._deliveries import MessageIds, Queue, Seen
from websubsub._errors import AnsweredError, SubscriptionDeletedError
from websubsub._events import EventKind, Reporter, SubscriberEvent
from websubsub._messages import (
    Acknowledgement,
    ContentDistributionMessage,
    HubError,
    SubscriptionDenied,
    SubscriptionVerification,
    UnsubscriptionVerification,
)
from websubsub._service import HOOKS, SubscriberService
from websubsub._state.state import State, Step, Subscription
from websubsub._state.subscriptions import Subscriptions

activity = logging.getLogger("websubsub.activity")

_ROWS = {hook.message: hook for hook in HOOKS}
_ACCEPTED = 202
_BUSY = plain(503, "Too busy, deliver again later.", [("Retry-After", "5")])
_DONE = protocol.write_acknowledgement(Acknowledgement(), _ACCEPTED)
_NOTHING_HERE = protocol.write_refusal(FormError("There is no subscription here.", status=404))


class Dispatcher:
    """Answers the hubs of one subscriber.

    Args:
        service: The service.
        config: Its settings.
        subscriptions: Its subscriptions.
        report: Called with each event.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        service: SubscriberService,
        config: SubscriberConfig,
        subscriptions: Subscriptions,
        report: Reporter,
        *,
        clock: Callable[[], float] = _clock.now,
    ) -> None:
        self._service = service
        self._config = config
        self._subscriptions = subscriptions
        self._report = report
        self._clock = clock
        self._folder = path_of(config.public_url).rstrip("/")
        self._message_ids = MessageIds(config.policy.remembered)
        self._queue = Queue(config.policy.queue)

    async def handle(self, request: Request) -> Answer:
        """Answer a request: a GET is a verification or a notification, a POST is a delivery."""
        token = protocol.find_token(request, self._folder)
        subscription = None if token is None else self._subscriptions.get(token)
        if subscription is None:
            return Answer(_NOTHING_HERE)
        if request.method == "GET":
            return Answer(await self._answer(subscription, request))
        if request.method == "POST":
            return await self._receive(subscription, request)
        return Answer(plain(405, "A callback accepts GET and POST requests only.", [("Allow", "GET, POST")]))

    def note_refusal(self, method: str, path: str, response: Response) -> None:
        """Report a delivery that was refused before it was read: too large, too slow, or one too many.

        Args:
            method: The method of the request.
            path: Its path.
            response: The response to it.
        """
        subscription = self._subscriptions.get(path.rpartition("/")[2])
        if method == "POST" and subscription is not None:
            self._tell(EventKind.REJECTED, subscription, response.body.decode().strip())

    async def _settle(self, message: object) -> object:
        hook = _ROWS[type(message)]
        return await settle(hook, getattr(self._service, hook.name), message)

    # --- GET: intent verification, denial, errors of the hub

    async def _answer(self, subscription: Subscription, request: Request) -> Response:
        callback = protocol.Callback(
            hub=subscription.hub,
            topic=subscription.topic,
            url=subscription.callback,
            lease_seconds=self._config.lease_seconds or DEFAULT_LEASE_SECONDS,
            policy=self._config.policy,
        )
        try:
            message = callback.read(request)
        except FormError as error:
            self._tell(EventKind.REFUSED, subscription, error.reason)
            return protocol.write_refusal(error)
        match message:
            case SubscriptionVerification():
                return await self._confirm(Step.VERIFY, subscription, message)
            case UnsubscriptionVerification():
                return await self._confirm(Step.VERIFY_UNSUBSCRIBE, subscription, message)
            case SubscriptionDenied():
                return await self._denied(subscription, message)
            case HubError():
                self._tell(EventKind.HUB_ERROR, subscription, message.reason)
                return self._acknowledge(await self._settle(message))

    async def _confirm(
        self, step: Step, subscription: Subscription, message: SubscriptionVerification | UnsubscriptionVerification
    ) -> Response:
        now = self._clock()
        if not subscription.allows(step):
            reason = f"No verification was expected for a subscription that is {subscription.state}."
            self._tell(EventKind.REFUSED, subscription, reason)
            return _NOTHING_HERE
        outcome = await self._settle(message)
        if isinstance(outcome, WebSubError):
            self._tell(EventKind.REFUSED, subscription, outcome.reason)
            return protocol.write_error(outcome)
        lease = message.lease_seconds if isinstance(message, SubscriptionVerification) else None
        # Stored before the hub gets its answer, since the first delivery may follow at once.
        if not await self._take(step, subscription, now, lease):
            return _NOTHING_HERE
        return protocol.write_confirmation(message.challenge, _success(outcome) or Success())

    async def _take(self, step: Step, subscription: Subscription, now: float, lease: int | None) -> bool:
        before: list[Subscription] = []

        def change(known: Subscription) -> Subscription | None:
            before.append(known)
            if not known.allows(step):
                return None
            return known.after(step) if lease is None else known.verified(now=now, lease_seconds=lease)

        after = await self._subscriptions.change(subscription.token, change)
        if after is None:
            return False
        first = before[0].state is State.REQUESTED or before[0].verified_at is None
        kind = EventKind.UNSUBSCRIBED if lease is None else EventKind.SUBSCRIBED if first else EventKind.RENEWED
        self._tell(kind, after, lease=lease)
        return True

    async def _denied(self, subscription: Subscription, message: SubscriptionDenied) -> Response:
        await self._subscriptions.change(subscription.token, lambda known: known.after(Step.DENY))
        self._tell(EventKind.DENIED, subscription, message.reason)
        return self._acknowledge(await self._settle(message))

    def _acknowledge(self, outcome: object) -> Response:
        # An error of the hook makes no difference: the hub only needs to know that the message arrived.
        return protocol.write_acknowledgement(_success(outcome), 200)

    # --- POST: content distribution

    async def _receive(self, subscription: Subscription, request: Request) -> Answer:
        if not subscription.delivers:
            return Answer(self._untimely(subscription))
        rejected = self._check_signature(subscription, request)
        if rejected is not None:
            return Answer(rejected)
        message = ContentDistributionMessage(
            hub=subscription.hub,
            topic=subscription.topic,
            body=request.body,
            content_type=request.headers.get(Header.CONTENT_TYPE, ""),
            headers=request.headers,
        )
        message_id = request.headers.get(Header.MESSAGE_ID)
        if message_id is None:
            return await self._deliver(subscription, message)
        key = MessageIds.key(subscription.token, message_id, request.body)
        seen = self._message_ids.begin(key)
        if seen is not Seen.NEW:
            return Answer(Response(status=_ACCEPTED) if seen is Seen.DONE else _BUSY)
        done = False
        try:
            answer = await self._deliver(subscription, message)
            done = answer.response.ok
        finally:
            self._message_ids.end(key, done=done)
        return answer

    def _untimely(self, subscription: Subscription) -> Response:
        status, reason = 404, "This subscription is not verified yet."
        if subscription.is_over:
            status, reason = 410, "This subscription has ended."
        self._tell(EventKind.REJECTED, subscription, reason)
        return plain(status, reason)

    def _check_signature(self, subscription: Subscription, request: Request) -> Response | None:
        """Return the response to a delivery with an invalid signature, or None (W3C 7.1.2).

        If the subscription has no secret, any delivery is accepted.
        """
        secrets = subscription.secrets_at(self._clock())
        if not secrets:
            return None
        policy = self._config.policy
        try:
            verify(request.headers.get_all(Header.SIGNATURE), secrets, request.body, policy.signature_methods)
        except SignatureError as error:
            self._tell(EventKind.REJECTED, subscription, str(error))
            return plain(policy.rejected_status, "The signature of the delivery is not valid.")
        return None

    async def _deliver(self, subscription: Subscription, message: ContentDistributionMessage) -> Answer:
        if not self._config.policy.queue:
            return Answer(await self._notify(subscription, message))
        if not self._queue.put(lambda: self._notify(subscription, message)):
            return Answer(_BUSY)
        return Answer(Response(status=_ACCEPTED), self._queue.drain)

    async def _notify(self, subscription: Subscription, message: ContentDistributionMessage) -> Response:
        activity.debug("notification: topic %r, %s, %d bytes", message.topic, message.content_type, len(message.body))
        outcome = await self._settle(message)
        if isinstance(outcome, SubscriptionDeletedError) and not _continues(outcome):
            await self._subscriptions.change(
                subscription.token, lambda known: known.after(Step.DELETE) if known.allows(Step.DELETE) else None
            )
            self._tell(EventKind.UNSUBSCRIBED, subscription, "The service wants no more deliveries.")
        if isinstance(outcome, WebSubError):
            return protocol.write_error(outcome)
        success = _success(outcome)
        return _DONE if success is None else protocol.write_acknowledgement(success, _ACCEPTED)

    def _tell(self, kind: EventKind, subscription: Subscription, reason: str = "", *, lease: int | None = None) -> None:
        self._report(
            SubscriberEvent(
                kind=kind, topic=subscription.topic, hub=subscription.hub, reason=reason, lease_seconds=lease
            )
        )


def _continues(outcome: SubscriptionDeletedError) -> bool:
    return isinstance(outcome, AnsweredError) and outcome.status != HTTPStatus.GONE


def _success(outcome: object) -> Success | None:
    return outcome if isinstance(outcome, Success) else None
