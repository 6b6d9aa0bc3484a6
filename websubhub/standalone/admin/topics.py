"""Operations of the admin API on topics."""

from typing import Any

import attrs

from websubhub.standalone.admin.parameters import OperationError, read_flag, read_limit, read_url, shown
from websubhub.standalone.ports import DeliveryMode, HubStore, Topic


class TopicOperations:
    """Lists and changes topics.

    Args:
        store: The store.
    """

    def __init__(self, store: HubStore) -> None:
        self._store = store

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of topics."""
        page = await self._store.topics.page(after=str(parameters.get("after", "")), limit=read_limit(parameters))
        return {"topics": [shown(topic) for topic in page]}

    async def save(self, parameters: dict[str, Any]) -> object:
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
