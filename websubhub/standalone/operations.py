"""What an operator can look at and do, as functions from JSON to JSON."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from websubhub import Subscription, UrlError, canonical_authority, check_url, whole_number
from websubhub.standalone.ports import (
    Announcement,
    AnnouncementState,
    DeliveryMode,
    HubStore,
    StoredSubscription,
    Topic,
)

_PAGE_LIMIT = 1_000
_LARGEST = 2**63 - 1  # of SQLite

Deny = Callable[[Subscription, str], Awaitable[None]]


class OperationError(Exception):
    """A request of an operator that cannot be carried out.

    Args:
        status: The HTTP status that says so.
        reason: Why, in one sentence.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Operations:
    """Everything that the admin API offers; each takes the parameters of a request and returns what JSON can say.

    Args:
        store: The store.
        hub: The hub's public URL.
        deny: Tells a subscriber that its subscription has ended.
        announced: Called when a topic is to be fetched.
    """

    def __init__(self, store: HubStore, hub: str, deny: Deny, announced: Callable[[], None]) -> None:
        self._store = store
        self._announced = announced
        self._hub = hub
        self._deny = deny

    async def topics(self, parameters: dict[str, Any]) -> object:
        """A page of topics."""
        page = await self._store.topics.page(after=str(parameters.get("after", "")), limit=_limit(parameters))
        return {"topics": [_shown(topic) for topic in page]}

    async def save_topic(self, parameters: dict[str, Any]) -> object:
        """Add a topic, or set its options."""
        url = _url(parameters, "url")
        known = await self._store.topics.get(url) or Topic(url=url)
        try:
            mode = DeliveryMode(parameters.get("delivery_mode", known.delivery_mode))
        except ValueError:
            raise OperationError(400, f"delivery_mode must be one of {', '.join(DeliveryMode)}.") from None
        topic = attrs.evolve(
            known,
            registered=_flag(parameters, "registered", default=known.registered),
            feed_diff=_flag(parameters, "feed_diff", default=known.feed_diff),
            delivery_mode=mode,
        )
        await self._store.topics.save(topic)
        return _shown(topic)

    async def subscriptions(self, parameters: dict[str, Any]) -> object:
        """A page of subscriptions, of one topic or of all."""
        topic = str(parameters["topic"]) if parameters.get("topic") else None
        after = (str(parameters.get("after_topic", "")), str(parameters["after"])) if parameters.get("after") else None
        page = await self._store.subscriptions.page(topic=topic, after=after, limit=_limit(parameters))
        return {"subscriptions": [_shown_subscription(subscription) for subscription in page]}

    async def remove_subscription(self, parameters: dict[str, Any]) -> object:
        """End a subscription, and tell its subscriber."""
        topic, callback = _url(parameters, "topic"), _url(parameters, "callback")
        subscription = await self._store.subscriptions.get(topic, callback)
        if subscription is None:
            raise OperationError(404, "There is no such subscription.")
        await self._store.subscriptions.remove(topic, callback)
        message = Subscription(hub=self._hub, topic=topic, callback=callback, lease_seconds=subscription.lease_seconds)
        await self._deny(message, str(parameters.get("reason", "")))
        return {"removed": 1}

    async def deliveries(self, parameters: dict[str, Any]) -> object:
        """The counts, the deliveries that will be tried again, and the topics that could not be fetched."""
        limit = _limit(parameters)
        failing = await self._store.broker.failing(limit=limit)
        announcements = self._store.announcements
        unfetched = [
            announcement
            for state in (AnnouncementState.FAILING, AnnouncementState.DEAD)
            for announcement in await announcements.page(state=state, limit=limit)
        ]
        return {
            "statistics": await self.statistics(parameters),
            "failing": [_shown(one) for one in failing],
            "announcements": [_shown_announcement(one) for one in unfetched],
        }

    async def dead_letters(self, parameters: dict[str, Any]) -> object:
        """A page of dead letters."""
        after = _number(parameters.get("after", 0), "after")
        letters = await self._store.broker.dead_letters(after=after, limit=_limit(parameters))
        return {"dead_letters": [_shown(letter) for letter in letters]}

    async def replay(self, parameters: dict[str, Any]) -> object:
        """Try dead letters once more."""
        return {"replayed": await self._store.broker.replay(_ids(parameters))}

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Forget dead letters."""
        return {"dropped": await self._store.broker.drop(_ids(parameters))}

    async def announcements(self, parameters: dict[str, Any]) -> object:
        """A page of the announced topics that were not fetched, of one state or of all."""
        after = _number(parameters.get("after", 0), "after")
        try:
            state = AnnouncementState(parameters["state"]) if parameters.get("state") else None
        except ValueError:
            raise OperationError(400, f"state must be one of {', '.join(AnnouncementState)}.") from None
        page = await self._store.announcements.page(state=state, after=after, limit=_limit(parameters))
        return {"announcements": [_shown_announcement(announcement) for announcement in page]}

    async def replay_announcements(self, parameters: dict[str, Any]) -> object:
        """Fetch topics now, whatever was tried before."""
        replayed = await self._store.announcements.replay(_ids(parameters))
        self._announced()
        return {"replayed": replayed}

    async def drop_announcements(self, parameters: dict[str, Any]) -> object:
        """Forget announcements."""
        return {"dropped": await self._store.announcements.drop(_ids(parameters))}

    async def hosts(self, parameters: dict[str, Any]) -> object:
        """The hosts that are paused, failing or busy."""
        return {"hosts": [_shown(host) for host in await self._store.broker.hosts(limit=_limit(parameters))]}

    async def pause(self, parameters: dict[str, Any]) -> object:
        """Hold deliveries to a host back."""
        await self._store.broker.pause_host(_host(parameters))
        return {"paused": _host(parameters)}

    async def resume(self, parameters: dict[str, Any]) -> object:
        """Deliver to a host again."""
        await self._store.broker.resume_host(_host(parameters))
        return {"resumed": _host(parameters)}

    async def statistics(self, _: dict[str, Any]) -> object:
        """The counts of this moment."""
        announcements = await self._store.announcements.statistics()
        return {**_shown(await self._store.broker.statistics()), "announcements": _shown(announcements)}


def _number(value: object, name: str) -> int:
    number = whole_number(str(value), _LARGEST)
    if number is None:
        raise OperationError(400, f"{name} must be a whole number.")
    return number


def _limit(parameters: dict[str, Any]) -> int:
    return max(1, min(_number(parameters.get("limit", 100), "limit"), _PAGE_LIMIT))


def _url(parameters: dict[str, Any], name: str) -> str:
    try:
        return check_url(str(parameters.get(name, "")), name)
    except UrlError as error:
        raise OperationError(400, str(error)) from None


def _flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise OperationError(400, f"{name} must be true or false.")
    return value


def _ids(parameters: dict[str, Any]) -> list[int]:
    ids = parameters.get("ids")
    if not isinstance(ids, list) or not ids or len(ids) > _PAGE_LIMIT:
        raise OperationError(400, f"ids must be a list of 1 to {_PAGE_LIMIT} numbers.")
    numbers = [_number(value, "an id") for value in ids]
    if max(numbers) == _LARGEST:
        raise OperationError(400, "an id must be a whole number that something here has.")
    return numbers


def _host(parameters: dict[str, Any]) -> str:
    host = parameters.get("host")
    try:
        return canonical_authority(host if isinstance(host, str) else "")
    except UrlError:
        text = "host must be the name of a host, with its port unless that is 80 or 443."
        raise OperationError(400, text) from None


def _shown(value: Any) -> dict[str, Any]:
    return attrs.asdict(value)


def _shown_subscription(subscription: StoredSubscription) -> dict[str, Any]:
    shown = {**_shown(subscription), "expires_at": subscription.expires_at, "signed": subscription.secret is not None}
    del shown["secret"]
    return shown


def _shown_announcement(announcement: Announcement) -> dict[str, Any]:
    return {**_shown(announcement), "state": announcement.state}
