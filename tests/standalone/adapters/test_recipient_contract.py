"""What became of a message for each subscription follows from positions, retries and dead letters."""

import pytest

from tests.standalone.adapters.conftest import Hub
from websubhub.standalone.ports import DeliveryMode, MessageRecipient, RecipientState, Topic

TOPIC = "https://topic.example/"
DELIVERED, WAITING, DEAD, REPLACED = RecipientState


def callback(number: int) -> str:
    return f"https://sub{number}.example/"


async def number_of(hub: Hub, message_id: str) -> int:
    [message] = await hub.store.messages.page(message_id=message_id)
    return message.number


async def states(hub: Hub, message_id: str) -> dict[str, RecipientState]:
    found = await hub.store.messages.recipients(await number_of(hub, message_id))
    return {recipient.callback: recipient.state for recipient in found}


async def every_page(hub: Hub, number: int, only: RecipientState | None, limit: int) -> list[MessageRecipient]:
    found: list[MessageRecipient] = []
    while page := await hub.store.messages.recipients(
        number, only=only, after=found[-1].place if found else "", limit=limit
    ):
        assert len(page) <= limit
        found += page
    return found


async def test_each_subscription_has_its_state_and_a_failed_one_says_why(hub: Hub) -> None:
    for number in range(4):
        await hub.subscribe(callback(number))
    message = await hub.publish()
    first, second, third, _ = await hub.claim()
    first.done()
    second.dead("no")
    third.retry(5, "not yet")
    by_callback = {each.callback: each for each in (first, second, third)}
    found = {each.callback: each for each in await hub.store.messages.recipients(await number_of(hub, message))}
    assert len(found) == 4
    assert [found[each.callback].state for each in (first, second, third)] == [DELIVERED, DEAD, WAITING]
    given_up = found[second.callback]
    assert (given_up.attempts, given_up.due_at, given_up.reason) == (1, None, "no")
    failed = found[third.callback]
    assert (failed.attempts, failed.due_at, failed.reason) == (1, hub.clock() + 5, "not yet")
    [other] = [each for name, each in found.items() if name not in by_callback]
    assert (other.state, other.attempts, other.due_at, other.reason) == (WAITING, 0, None, "")


async def test_a_subscription_that_came_later_is_none_of_its_recipients(hub: Hub) -> None:
    await hub.subscribe(callback(0))
    message = await hub.publish()
    await hub.subscribe(callback(1))
    assert await states(hub, message) == {callback(0): WAITING}
    later = await hub.publish()
    assert await states(hub, later) == {callback(0): WAITING, callback(1): WAITING}
    await hub.store.subscriptions.remove(TOPIC, callback(0))
    assert await states(hub, message) == {}
    assert await states(hub, later) == {callback(1): WAITING}


async def test_those_that_wait_and_those_it_was_given_up_for_are_listed_alone(hub: Hub) -> None:
    for number in range(7):
        await hub.subscribe(callback(number))
    message = await number_of(hub, await hub.publish())
    for count, delivery in enumerate(await hub.claim()):
        (delivery.done if count % 2 else lambda delivery=delivery: delivery.dead("no"))()
    everybody = await hub.store.messages.recipients(message)
    for only, limit in ((None, 2), (WAITING, 1), (DEAD, 2)):
        found = await every_page(hub, message, only, limit)
        expected = {each.callback for each in everybody if only in {None, each.state}}
        assert [each.state for each in found if only not in {None, each.state}] == []
        assert {each.callback for each in found} == expected
        assert len(found) == len(expected)
    assert {each.reason for each in await every_page(hub, message, DEAD, 3)} == {"no"}


async def test_the_dead_letter_of_a_subscription_that_has_ended_is_still_listed(hub: Hub) -> None:
    await hub.subscribe(callback(0))
    message = await number_of(hub, await hub.publish())
    [delivery] = await hub.claim()
    delivery.dead("no")
    await hub.broker.flush()
    await hub.store.subscriptions.remove(TOPIC, callback(0))
    [dead] = await hub.store.messages.recipients(message, only=DEAD)
    assert (dead.callback, dead.state, dead.attempts) == (callback(0), DEAD, 1)
    assert await hub.store.messages.recipients(message) == []


@pytest.mark.parametrize("only", [None, WAITING])
async def test_of_a_topic_with_its_latest_update_only_nobody_waits_for_an_older_one(
    hub: Hub, only: RecipientState | None
) -> None:
    await hub.store.topics.save(Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST))
    await hub.subscribe(callback(0))
    older = await number_of(hub, await hub.publish())
    newer = await number_of(hub, await hub.publish())
    found = await hub.store.messages.recipients(older, only=only)
    assert [each.state for each in found] == ([REPLACED] if only is None else [])
    [waiting] = await hub.store.messages.recipients(newer, only=only)
    assert waiting.state is WAITING


async def test_a_message_that_is_not_kept_has_no_recipients(hub: Hub) -> None:
    for only in (None, WAITING, DEAD):
        assert await hub.store.messages.recipients(999, only=only) == []
