"""Operations of the admin API on subscriptions."""

import secrets
import time
from typing import Any

from websubhub import (
    ContentDistributionMessage,
    ContentError,
    Delivery,
    DeliveryOutcome,
    Subscription,
    authority_of,
)
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.cursors import next_cursor, read_cursor
from websubhub.standalone.admin.messages import shown_attempt
from websubhub.standalone.admin.parameters import (
    OperationError,
    iso_time,
    read_flag,
    read_host_filter,
    read_limit,
    read_text,
    read_url,
    shown,
)
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import HubStore, Mode, PendingVerification, StoredSubscription

_ANSWER_BYTES = 1_024
_TEST = "This is a test delivery, requested by the operator of the hub."
_TEST_HEADERS = (("X-Hub-Test", "1"),)


class SubscriptionOperations:
    """Lists, checks and ends subscriptions.

    Args:
        store: The store.
        controls: The controls of the hub.
        events: Where to record that an operator ended one.
    """

    def __init__(self, store: HubStore, controls: Controls, events: Events) -> None:
        self._store = store
        self._controls = controls
        self._events = events

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of subscriptions: all, or those of a topic, a host or a callback."""
        limit = read_limit(parameters)
        page = await self._store.subscriptions.page(
            topic=read_text(parameters, "topic"),
            host=read_host_filter(parameters),
            callback=read_text(parameters, "callback"),
            after=_after(parameters),
            limit=limit,
        )
        return {
            "subscriptions": [shown_subscription(subscription) for subscription in page],
            "next": next_cursor(page, limit, page[-1].topic, page[-1].callback) if page else None,
        }

    async def one(self, parameters: dict[str, Any]) -> object:
        """Return a subscription, its pending verification, and its host if it is paused, failing or busy."""
        subscription = await self._known(parameters)
        hosts = await self._store.broker.hosts(only=authority_of(subscription.callback), limit=1)
        pending = await self._store.verifications.get(subscription.topic, subscription.callback)
        return {
            **shown_subscription(subscription),
            "verification": None if pending is None else shown_verification(pending),
            "host_state": shown(hosts[0]) if hosts else None,
            **await self._health(subscription),
        }

    async def _health(self, subscription: StoredSubscription) -> dict[str, Any]:
        """Return how many updates it is waiting for, when a delivery last arrived, and its last failed attempt."""
        health = await self._store.messages.health(subscription.topic, subscription.callback)
        last_failure = None if health is None else health.last_failure
        return {
            "waiting": 0 if health is None else health.waiting,
            "last_success_at": None if health is None else iso_time(health.last_success_at),
            "last_failure": None if last_failure is None else shown_attempt(last_failure),
        }

    async def remove(self, parameters: dict[str, Any]) -> object:
        """End a subscription, and notify its subscriber unless asked not to."""
        subscription = await self._known(parameters)
        notify = read_flag(parameters, "notify", default=True)
        reason = read_text(parameters, "reason") or ""
        await self._store.subscriptions.remove(subscription.topic, subscription.callback)
        host = authority_of(subscription.callback)
        self._events.record(Kind.REMOVED, topic=subscription.topic, host=host, reason=reason or "no reason given")
        if notify:
            await self._controls.deny(self._message(subscription), reason)
        return {"removed": 1}

    async def verify(self, parameters: dict[str, Any]) -> object:
        """Verify a subscription as if its subscriber had renewed it. Without a confirmation, nothing changes."""
        subscription = await self._known(parameters)
        pending = PendingVerification(
            id=secrets.token_hex(16),
            mode=Mode.SUBSCRIBE,
            topic=subscription.topic,
            callback=subscription.callback,
            secret=subscription.secret,
            lease_seconds=subscription.lease_seconds,
            due_at=self._controls.clock(),
        )
        if not await self._store.verifications.save_if_known(pending):
            raise OperationError(404, "There is no such subscription.")
        self._controls.accepted()
        return {"verifying": pending.id}

    async def test(self, parameters: dict[str, Any]) -> object:
        """Deliver a short text once, signed as usual, and return the callback's answer."""
        subscription = await self._known(parameters)
        content = read_text(parameters, "content") or _TEST
        content_type = read_text(parameters, "content_type") or "text/plain; charset=utf-8"
        try:
            message = ContentDistributionMessage(
                content=content.encode(), content_type=content_type, headers=_TEST_HEADERS
            )
            shared = self._controls.distributor.prepare(message, subscription.topic, kept_body_bytes=_ANSWER_BYTES)
        except (ContentError, ValueError, TypeError) as error:
            raise OperationError(400, f"content_type cannot be used: {error}") from None
        outcomes: list[DeliveryOutcome] = []
        began = time.monotonic()
        delivery = Delivery(subscription.callback, shared, subscription.secret)
        await self._controls.distributor.send([delivery], lambda _, outcome: outcomes.append(outcome))
        return {**_shown_outcome(outcomes[0]), "milliseconds": round((time.monotonic() - began) * 1_000)}

    async def _known(self, parameters: dict[str, Any]) -> StoredSubscription:
        subscription = await self._store.subscriptions.get(
            read_url(parameters, "topic"), read_url(parameters, "callback")
        )
        if subscription is None:
            raise OperationError(404, "There is no such subscription.")
        return subscription

    def _message(self, subscription: StoredSubscription) -> Subscription:
        return Subscription(
            hub=self._controls.hub,
            topic=subscription.topic,
            callback=subscription.callback,
            lease_seconds=subscription.lease_seconds,
        )


def _after(parameters: dict[str, Any]) -> tuple[str, str] | None:
    """Return the pair after which a page begins, from a cursor or from a topic and a callback."""
    cursor = read_cursor(parameters, str, str)
    if cursor is not None:
        return cursor[0], cursor[1]
    callback = read_text(parameters, "after")
    if callback is None:
        return None
    return read_text(parameters, "after_topic") or read_text(parameters, "topic") or "", callback


def shown_subscription(subscription: StoredSubscription) -> dict[str, Any]:
    """Return a subscription as a JSON object, without its secret."""
    fields = shown(subscription)
    del fields["secret"]
    return {
        **fields,
        "host": authority_of(subscription.callback),
        "expires_at": iso_time(subscription.expires_at),
        "signed": subscription.secret is not None,
    }


def shown_verification(pending: PendingVerification) -> dict[str, Any]:
    """Return a pending verification as a JSON object, without its secret."""
    fields = shown(pending)
    del fields["secret"], fields["elsewhere"]
    state = "failing" if pending.attempts else "pending"
    return {**fields, "host": authority_of(pending.callback), "state": state}


def _shown_outcome(outcome: DeliveryOutcome) -> dict[str, Any]:
    return {
        "delivered": outcome.delivered,
        "status": outcome.status or None,
        "reason": str(outcome.failure) if outcome.failure is not None else f"answered {outcome.status}",
        "answer": outcome.body.decode("utf-8", "replace"),
    }
