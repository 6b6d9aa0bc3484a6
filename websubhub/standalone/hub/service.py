"""The hub itself: what it answers to publishers and subscribers."""

import logging
import re

import attrs

from websubhub import (
    Acknowledgement,
    BadSubscriptionError,
    HubService,
    InternalSubscriptionError,
    InternalUnsubscriptionError,
    MessageType,
    Refusals,
    RequestPostponedError,
    Subscription,
    SubscriptionAccepted,
    SubscriptionDeniedError,
    TopicDeregistration,
    TopicDeregistrationError,
    TopicDeregistrationSuccess,
    TopicRegistration,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    Unsubscription,
    UnsubscriptionAccepted,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
)
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.metrics import HubMetrics, RequestOutcome
from websubhub.standalone.ports import (
    TOPIC_OPTIONS,
    HostFullError,
    HubStore,
    PublishKey,
    StoredSubscription,
    StoreError,
)

log = logging.getLogger("websubhub")

_MESSAGE_ID = "X-Hub-Message-Id"
_MESSAGE_ID_FORM = re.compile(r"[\x21-\x7e]{1,128}")
_STORE_SECONDS = 10.0
_BUSY = {"Retry-After": "30"}
_FULL = {"Retry-After": "3600"}


class StandaloneHub(HubService):
    """A hub that keeps everything in a store.

    Args:
        store: Where topics, subscriptions and updates are kept.
        rules: Which topics there are, and how they are delivered.
        publishers: Who may publish content.
        intake: What takes updates and announcements.
        requests: What keeps requests until they are verified.
        metrics: What counts requests by their answers.
    """

    def __init__(
        self,
        store: HubStore,
        rules: TopicRules,
        publishers: PublisherPolicy,
        intake: Intake,
        requests: Requests,
        metrics: HubMetrics | None = None,
    ) -> None:
        self._store = store
        self._rules = rules
        self._publishers = publishers
        self._intake = intake
        self._requests = requests
        self._metrics = metrics or HubMetrics()
        self._refusals = Refusals(log)

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess | TopicRegistrationError:
        """Keep the topic, for publishers with a token."""
        refusal = self._publishers.refusal(message.headers)
        if refusal is not None:
            return TopicRegistrationError(refusal.reason, status=refusal.status, headers=refusal.headers)
        try:
            topic = attrs.evolve(self._rules.topic(message.topic), registered=True)
            options = TOPIC_OPTIONS if self._rules.names(message.topic) else ("registered",)
            await self._store.topics.save(topic, options=options)
        except StoreError as error:
            return TopicRegistrationError(self._failed(error), status=503, headers=_BUSY)
        return TopicRegistrationSuccess()

    async def on_deregister_topic(
        self, message: TopicDeregistration
    ) -> TopicDeregistrationSuccess | TopicDeregistrationError:
        """Give the topic up, for publishers with a token."""
        refusal = self._publishers.refusal(message.headers)
        if refusal is not None:
            return TopicDeregistrationError(refusal.reason, status=refusal.status, headers=refusal.headers)
        try:
            known = await self._store.topics.deregister(message.topic)
        except StoreError as error:
            return TopicDeregistrationError(self._failed(error), status=503, headers=_BUSY)
        return TopicDeregistrationSuccess() if known else TopicDeregistrationError("the topic is not registered")

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        """Store the content, or the fact that there is new content to fetch, before saying yes."""
        outcome = await self._update(message)
        self._metrics.publishes.count(RequestOutcome.of(outcome))
        return outcome

    async def _update(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        if message.type is MessageType.PUBLISH:
            refusal = self._publishers.refusal(message.headers)
            if refusal is not None:
                return UpdateMessageError(refusal.reason, status=refusal.status, headers=refusal.headers)
        try:
            if not await self._rules.is_open_to(message.topic):
                return UpdateMessageError("the topic is not registered")
            if message.type is MessageType.PUBLISH:
                return await self._publish(message)
            await self._intake.announce(message.topic, message.client)
        except StoreError as error:
            return UpdateMessageError(self._failed(error), status=503, headers=_BUSY)
        return Acknowledgement()

    async def _publish(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        key = None
        given = message.headers.get(_MESSAGE_ID)
        if given:
            if not _MESSAGE_ID_FORM.fullmatch(given):
                return UpdateMessageError(f"{_MESSAGE_ID} must be 1 to 128 visible characters of ASCII", status=400)
            key = PublishKey(publisher=self._publishers.publisher(message.headers), id=given)
        message_id = await self._intake.publish(message.topic, message.body, message.content_type, key)
        return Acknowledgement(headers=((_MESSAGE_ID, message_id),))

    async def on_subscription(
        self, message: Subscription
    ) -> SubscriptionAccepted | BadSubscriptionError | InternalSubscriptionError:
        """Store the request before saying yes; it is verified by the worker, also after a restart."""
        outcome = await self._subscribe(message)
        self._metrics.requests.count(RequestOutcome.of(outcome))
        return outcome

    async def _subscribe(
        self, message: Subscription
    ) -> SubscriptionAccepted | BadSubscriptionError | InternalSubscriptionError:
        try:
            refusal = await self._defer(message)
        except HostFullError as error:
            self._refusals.note("A subscription was answered 429: %s", error)
            return BadSubscriptionError(error.public, status=429, headers=_FULL)
        if refusal is not None:
            return InternalSubscriptionError(refusal, status=503, headers=_BUSY)
        return SubscriptionAccepted(deferred=True)

    async def on_subscription_validation(
        self, message: Subscription
    ) -> SubscriptionDeniedError | RequestPostponedError | None:
        """Grant subscriptions to the topics of this hub."""
        try:
            return await self._rules.objection(message.topic, message.hub)
        except StoreError as error:
            return self._postponed(error)

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> RequestPostponedError | None:
        """Activate or renew the subscription."""
        subscription = StoredSubscription(
            topic=message.topic,
            callback=message.callback,
            secret=message.secret,
            lease_seconds=message.lease_seconds,
            requested_at=message.verified_at,
        )
        try:
            if self._rules.names(message.topic) and await self._store.topics.get(message.topic) is None:
                # One that is known by now keeps its options, since a registration may have set them.
                await self._store.topics.save(self._rules.topic(message.topic), options=())
            await self._store.subscriptions.save(subscription, verification=message.request_id)
        except StoreError as error:
            return self._postponed(error)
        return None

    async def on_unsubscription(self, message: Unsubscription) -> UnsubscriptionAccepted | InternalUnsubscriptionError:
        """Store the request before saying yes; one for no subscription is answered alike and forgotten."""
        refusal = await self._defer(message)
        self._metrics.requests.count(RequestOutcome.ACCEPTED if refusal is None else RequestOutcome.UNAVAILABLE)
        if refusal is not None:
            return InternalUnsubscriptionError(refusal, status=503, headers=_BUSY)
        return UnsubscriptionAccepted(deferred=True)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> RequestPostponedError | None:
        """End the subscription."""
        try:
            await self._store.subscriptions.remove(message.topic, message.callback, verification=message.request_id)
        except StoreError as error:
            return self._postponed(error)
        return None

    async def _defer(self, message: Subscription | Unsubscription) -> str | None:
        try:
            kept = await self._requests.keep(message)
        except HostFullError:
            raise
        except StoreError as error:
            return self._failed(error)
        return None if kept else "too many requests await their verification"

    def _postponed(self, error: StoreError) -> RequestPostponedError:
        """Return the error that postpones a request, since a failure of the store is not an answer to it."""
        self._refusals.note("A request that was accepted waits for the store: %s", error)
        return RequestPostponedError(error.public, retry_after=_STORE_SECONDS)

    def _failed(self, error: StoreError) -> str:
        """Tell the log what the store said, and return what strangers may know of it."""
        self._refusals.note("A request was answered 503: %s", error)
        return error.public
