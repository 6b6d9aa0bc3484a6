"""Operations of the admin API on subscriptions."""

from collections.abc import Awaitable, Callable
from typing import Any

from websubhub import Subscription
from websubhub.standalone.admin.parameters import OperationError, read_limit, read_url, shown
from websubhub.standalone.ports import HubStore, StoredSubscription

Deny = Callable[[Subscription, str], Awaitable[None]]


class SubscriptionOperations:
    """Lists and ends subscriptions.

    Args:
        store: The store.
        hub: The hub's public URL.
        deny: Notifies a subscriber that its subscription has ended.
    """

    def __init__(self, store: HubStore, hub: str, deny: Deny) -> None:
        self._store = store
        self._hub = hub
        self._deny = deny

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of subscriptions, of one topic or of all."""
        topic = str(parameters["topic"]) if parameters.get("topic") else None
        after = (str(parameters.get("after_topic", "")), str(parameters["after"])) if parameters.get("after") else None
        page = await self._store.subscriptions.page(topic=topic, after=after, limit=read_limit(parameters))
        return {"subscriptions": [_shown_subscription(subscription) for subscription in page]}

    async def remove(self, parameters: dict[str, Any]) -> object:
        """End a subscription, and notify its subscriber."""
        topic, callback = read_url(parameters, "topic"), read_url(parameters, "callback")
        subscription = await self._store.subscriptions.get(topic, callback)
        if subscription is None:
            raise OperationError(404, "There is no such subscription.")
        await self._store.subscriptions.remove(topic, callback)
        message = Subscription(hub=self._hub, topic=topic, callback=callback, lease_seconds=subscription.lease_seconds)
        await self._deny(message, str(parameters.get("reason", "")))
        return {"removed": 1}


def _shown_subscription(subscription: StoredSubscription) -> dict[str, Any]:
    fields = {**shown(subscription), "expires_at": subscription.expires_at, "signed": subscription.secret is not None}
    del fields["secret"]
    return fields
