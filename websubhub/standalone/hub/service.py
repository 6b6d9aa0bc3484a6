"""The hub service, which answers publishers and subscribers."""

import re

import attrs

from websubhub import (
    Acknowledgement,
    BadSubscriptionError,
    HubService,
    InternalSubscriptionError,
    InternalUnsubscriptionError,
    MessageType,
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
from websubhub.standalone.events.events import Events
from websubhub.standalone.hub.intake import UpdateIntake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.reports import Reports
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.metrics import HubMetrics, RequestOutcome
from websubhub.standalone.ports import (
    TOPIC_OPTIONS,
    BacklogFullError,
    HostFullError,
    HubFullError,
    HubStore,
    PublishKey,
    Saved,
    StoredSubscription,
    StoreError,
)

_MESSAGE_ID = "X-Hub-Message-Id"
_SUBSCRIPTIONS = "X-Hub-Subscriptions"
_MESSAGE_ID_FORM = re.compile(r"[\x21-\x7e]{1,128}")
_TOO_MANY = "too many requests await their verification"
_BUSY = {"Retry-After": "30"}
_FULL = {"Retry-After": "3600"}


class StandaloneHub(HubService):
    """A hub that keeps everything in a store.

    Args:
        store: Stores topics, subscriptions and updates.
        rules: Decides which topics there are, and how they are delivered.
        publishers: Decides who may publish content.
        intake: Accepts updates and announcements.
        requests: Stores requests until they are verified.
        metrics: Counts requests by their answers.
        reports: Records what was accepted and refused as events.
    """

    def __init__(
        self,
        store: HubStore,
        rules: TopicRules,
        publishers: PublisherPolicy,
        intake: UpdateIntake,
        requests: Requests,
        metrics: HubMetrics | None = None,
        *,
        reports: Reports | None = None,
    ) -> None:
        self._store = store
        self._rules = rules
        self._publishers = publishers
        self._intake = intake
        self._requests = requests
        self._metrics = metrics or HubMetrics()
        self._reports = reports or Reports(Events(), store)

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess | TopicRegistrationError:
        """Register the topic, for publishers with a token."""
        refusal = self._publishers.refusal(message.headers)
        if refusal is not None:
            return TopicRegistrationError(refusal.reason, status=refusal.status, headers=refusal.headers)
        try:
            topic = attrs.evolve(self._rules.topic(message.topic), registered=True)
            options = TOPIC_OPTIONS if self._rules.names(message.topic) else ("registered",)
            await self._store.topics.save(topic, options=options)
        except StoreError as error:
            return TopicRegistrationError(self._reports.failed(error), status=503, headers=_BUSY)
        return TopicRegistrationSuccess()

    async def on_deregister_topic(
        self, message: TopicDeregistration
    ) -> TopicDeregistrationSuccess | TopicDeregistrationError:
        """Deregister the topic, for publishers with a token."""
        refusal = self._publishers.refusal(message.headers)
        if refusal is not None:
            return TopicDeregistrationError(refusal.reason, status=refusal.status, headers=refusal.headers)
        try:
            known = await self._store.topics.deregister(message.topic)
        except StoreError as error:
            return TopicDeregistrationError(self._reports.failed(error), status=503, headers=_BUSY)
        return TopicDeregistrationSuccess() if known else TopicDeregistrationError("the topic is not registered")

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        """Store the content or the announcement before accepting it."""
        outcome = await self._update(message)
        self._metrics.publishes.count(RequestOutcome.of(outcome))
        return outcome

    async def _update(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        if message.type is MessageType.PUBLISH:
            refusal = self._publishers.refusal(message.headers)
            if refusal is not None:
                error = UpdateMessageError(refusal.reason, status=refusal.status, headers=refusal.headers)
                return self._reports.publish_refused(message, error)
        try:
            if not await self._rules.is_open_to(message.topic):
                return self._reports.publish_refused(message, UpdateMessageError("the topic is not registered"))
            if message.type is MessageType.PUBLISH:
                return await self._publish(message)
            await self._intake.announce(message.topic, message.client)
        except BacklogFullError as error:
            return UpdateMessageError(self._reports.backlog_full(message, error), status=503, headers=_BUSY)
        except StoreError as error:
            return UpdateMessageError(self._reports.failed(error), status=503, headers=_BUSY)
        return Acknowledgement()

    async def _publish(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        key = None
        given = message.headers.get(_MESSAGE_ID)
        if given:
            if not _MESSAGE_ID_FORM.fullmatch(given):
                reason = f"{_MESSAGE_ID} must be 1 to 128 visible ASCII characters"
                return self._reports.publish_refused(message, UpdateMessageError(reason, status=400))
            key = PublishKey(publisher=self._publishers.publisher(message.headers), id=given)
        published = await self._intake.publish(
            message.topic, message.body, message.content_type, key, self._publishers.name(message.headers)
        )
        self._metrics.contents += not published.repeated
        headers = [(_MESSAGE_ID, published.id)]
        if published.recipients is not None:
            headers.append((_SUBSCRIPTIONS, str(published.recipients)))
        return Acknowledgement(headers=headers)

    async def on_subscription(
        self, message: Subscription
    ) -> SubscriptionAccepted | BadSubscriptionError | InternalSubscriptionError:
        """Store the request before accepting it. A worker verifies it, even after a restart."""
        outcome = await self._subscribe(message)
        self._metrics.requests.count(RequestOutcome.of(outcome))
        return outcome

    async def _subscribe(
        self, message: Subscription
    ) -> SubscriptionAccepted | BadSubscriptionError | InternalSubscriptionError:
        try:
            refusal = await self._defer(message)
        except HostFullError as error:
            self._reports.request_refused(message, 429, str(error))
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
            return self._reports.postponed(error)

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
                # A topic that is already known keeps its options, since a registration may have set them.
                await self._store.topics.save(self._rules.topic(message.topic), options=())
            saved = await self._store.subscriptions.save(subscription, verification=message.request_id)
        except StoreError as error:
            return self._reports.postponed(error)
        if saved is not None:
            self._reports.subscribed(message, renewed=saved is Saved.RENEWED)
        return None

    async def on_unsubscription(self, message: Unsubscription) -> UnsubscriptionAccepted | InternalUnsubscriptionError:
        """Store the request before accepting it. Without a known subscription, the answer is the same."""
        refusal = await self._defer(message)
        self._metrics.requests.count(RequestOutcome.ACCEPTED if refusal is None else RequestOutcome.UNAVAILABLE)
        if refusal is not None:
            return InternalUnsubscriptionError(refusal, status=503, headers=_BUSY)
        return UnsubscriptionAccepted(deferred=True)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> RequestPostponedError | None:
        """End the subscription."""
        try:
            pair = message.topic, message.callback
            removed = await self._store.subscriptions.remove(*pair, verification=message.request_id)
        except StoreError as error:
            return self._reports.postponed(error)
        if removed:
            self._reports.unsubscribed(message)
        return None

    async def _defer(self, message: Subscription | Unsubscription) -> str | None:
        try:
            kept = await self._requests.keep(message)
        except HostFullError:
            raise
        except HubFullError as error:
            self._reports.request_refused(message, 503, str(error))
            return error.public
        except StoreError as error:
            return self._reports.failed(error)
        if kept:
            return None
        self._reports.request_refused(message, 503, _TOO_MANY)
        return _TOO_MANY
