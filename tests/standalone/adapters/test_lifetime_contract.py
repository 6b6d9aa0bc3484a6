"""What every store promises about its beginning and its end."""

import pytest

from tests.standalone.adapters.conftest import Clock, Hub, OpenStore
from websubhub.standalone.ports import StoreClosedError, Topic
from websubhub.standalone.schedule.limits import DeliveryLimits


class _OwnError(Exception):
    """What the user of a store raises."""


async def test_what_the_block_raises_leaves_it_as_it_is(open_store: OpenStore) -> None:
    error = _OwnError()
    with pytest.raises(_OwnError) as caught:
        async with open_store(DeliveryLimits()):
            raise error
    assert caught.value is error


async def test_a_store_that_was_closed_takes_no_more_work(open_store: OpenStore, clock: Clock) -> None:
    async with open_store(DeliveryLimits()) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await store.examine()
        await store.check_writable()
    for work in (hub.publish, hub.subscribe, store.check_writable, store.verifications.due, store.announcements.due):
        with pytest.raises(StoreClosedError):
            await work()
    with pytest.raises(StoreClosedError):
        await store.topics.save(Topic(url="https://topic.example/"))
