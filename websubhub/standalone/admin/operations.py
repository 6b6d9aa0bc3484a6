"""The operations of the admin API, as functions from JSON to JSON."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from websubhub import AccountState, Subscription, VerificationBudget, host_of
from websubhub.standalone.admin.announcements import AnnouncementOperations
from websubhub.standalone.admin.parameters import (
    OperationError,
    read_flag,
    read_host,
    read_ids,
    read_limit,
    read_network,
    read_number,
    read_url,
    shown,
)
from websubhub.standalone.ports import DeliveryMode, HubStore, StoredSubscription, Topic

Deny = Callable[[Subscription, str], Awaitable[None]]


class Operations:
    """The operations of the admin API. Each takes the parameters of a request and returns a JSON value.

    Args:
        store: The store.
        hub: The hub's public URL.
        deny: Notifies a subscriber that its subscription has ended.
        announced: Called when a topic is to be fetched.
        verifications: The budgets of callbacks' hosts.

    Attributes:
        announcements: The operations on announced topics.
    """

    def __init__(
        self,
        store: HubStore,
        hub: str,
        deny: Deny,
        announced: Callable[[], None],
        verifications: VerificationBudget,
    ) -> None:
        self._store = store
        self.announcements = AnnouncementOperations(store.announcements, announced)
        self._hub = hub
        self._deny = deny
        self._verifications = verifications

    async def topics(self, parameters: dict[str, Any]) -> object:
        """Return a page of topics."""
        page = await self._store.topics.page(after=str(parameters.get("after", "")), limit=read_limit(parameters))
        return {"topics": [shown(topic) for topic in page]}

    async def save_topic(self, parameters: dict[str, Any]) -> object:
        """Add a topic, or set its options."""
        url = read_url(parameters, "url")
        known = await self._store.topics.get(url) or Topic(url=url)
        try:
            mode = DeliveryMode(parameters.get("delivery_mode", known.delivery_mode))
        except ValueError:
            raise OperationError(400, f"delivery_mode must be one of {', '.join(DeliveryMode)}.") from None
        topic = attrs.evolve(
            known,
            registered=read_flag(parameters, "registered", default=known.registered),
            feed_diff=read_flag(parameters, "feed_diff", default=known.feed_diff),
            delivery_mode=mode,
        )
        await self._store.topics.save(topic)
        return shown(topic)

    async def subscriptions(self, parameters: dict[str, Any]) -> object:
        """Return a page of subscriptions, of one topic or of all."""
        topic = str(parameters["topic"]) if parameters.get("topic") else None
        after = (str(parameters.get("after_topic", "")), str(parameters["after"])) if parameters.get("after") else None
        page = await self._store.subscriptions.page(topic=topic, after=after, limit=read_limit(parameters))
        return {"subscriptions": [_shown_subscription(subscription) for subscription in page]}

    async def remove_subscription(self, parameters: dict[str, Any]) -> object:
        """End a subscription, and notify its subscriber."""
        topic, callback = read_url(parameters, "topic"), read_url(parameters, "callback")
        subscription = await self._store.subscriptions.get(topic, callback)
        if subscription is None:
            raise OperationError(404, "There is no such subscription.")
        await self._store.subscriptions.remove(topic, callback)
        message = Subscription(hub=self._hub, topic=topic, callback=callback, lease_seconds=subscription.lease_seconds)
        await self._deny(message, str(parameters.get("reason", "")))
        return {"removed": 1}

    async def deliveries(self, parameters: dict[str, Any]) -> object:
        """Return the counts, the deliveries that will be retried, and the topics that could not be fetched."""
        limit = read_limit(parameters)
        failing = await self._store.broker.failing(limit=limit)
        return {
            "statistics": await self.statistics(parameters),
            "failing": [shown(one) for one in failing],
            "announcements": await self.announcements.failed(limit),
        }

    async def dead_letters(self, parameters: dict[str, Any]) -> object:
        """Return a page of dead letters."""
        after = read_number(parameters.get("after", 0), "after")
        letters = await self._store.broker.dead_letters(after=after, limit=read_limit(parameters))
        return {"dead_letters": [shown(letter) for letter in letters]}

    async def replay(self, parameters: dict[str, Any]) -> object:
        """Replay dead letters."""
        return {"replayed": await self._store.broker.replay(read_ids(parameters))}

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Drop dead letters."""
        return {"dropped": await self._store.broker.drop(read_ids(parameters))}

    async def hosts(self, parameters: dict[str, Any]) -> object:
        """Return the hosts that are paused, failing or busy, with deliveries and with verifications."""
        limit = read_limit(parameters)
        return {
            "hosts": [shown(host) for host in await self._store.broker.hosts(limit=limit)],
            "verifications": [_shown_account(account) for account in self._verifications.states()[:limit]],
        }

    async def pause(self, parameters: dict[str, Any]) -> object:
        """Pause deliveries to a host."""
        await self._store.broker.pause_host(read_host(parameters))
        return {"paused": read_host(parameters)}

    async def resume(self, parameters: dict[str, Any]) -> object:
        """Resume deliveries to a host, and verifications of new subscriptions there."""
        network = read_network(parameters, "host")
        if network is not None:
            self._verifications.resume(network)
            return {"resumed": network}
        host = read_host(parameters)
        self._verifications.resume(host_of(f"http://{host}/"))
        await self._store.broker.resume_host(host)
        return {"resumed": host}

    async def statistics(self, _: dict[str, Any]) -> object:
        """Return the current counts."""
        announcements = await self._store.announcements.statistics()
        return {**shown(await self._store.broker.statistics()), "announcements": shown(announcements)}


def _shown_subscription(subscription: StoredSubscription) -> dict[str, Any]:
    fields = {**shown(subscription), "expires_at": subscription.expires_at, "signed": subscription.secret is not None}
    del fields["secret"]
    return fields


def _shown_account(account: AccountState) -> dict[str, Any]:
    fields = shown(account)
    return {"host": fields.pop("name"), **fields}
