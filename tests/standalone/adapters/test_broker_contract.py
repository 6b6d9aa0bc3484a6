"""What every broker promises about updates and their deliveries."""

import anyio
import pytest

from tests.standalone.adapters.conftest import Hub
from tests.waiting import PATIENCE, until
from websubhub.standalone.ports import (
    BacklogFullError,
    DeliveryMode,
    DeliverySettledError,
    StoredSubscription,
    Topic,
)

TOPIC = "https://topic.example/"


async def test_an_update_is_delivered_as_it_was_published(hub: Hub) -> None:
    await hub.subscribe("https://sub.example/1?%7E")
    published = await hub.publish()
    [delivery] = await hub.claim()
    assert delivery.update.id == published
    assert delivery.update.content == b"\x00 content 1"
    assert delivery.update.content_type == 'text/plain; charset="x"'
    assert delivery.update.canonical == "https://topic.example/canonical"
    assert delivery.update.hubs == ("https://hub.example/", "https://other.example/")
    assert delivery.update.topic == TOPIC
    assert (delivery.callback, delivery.secret, delivery.attempt) == ("https://sub.example/1?%7E", "s3cret", 1)
    assert "sub.example" not in repr(delivery)
    assert "s3cret" not in repr(delivery)


async def test_it_goes_to_the_subscriptions_of_that_moment(hub: Hub) -> None:
    await hub.subscribe("https://sub.example/1")
    await hub.subscribe("https://sub.example/2", "https://other.example/")
    await hub.publish()
    await hub.subscribe("https://sub.example/3")
    assert [delivery.callback for delivery in await hub.claim()] == ["https://sub.example/1"]


async def test_an_update_that_nobody_wants_is_accepted_and_not_kept(hub: Hub) -> None:
    await hub.publish()
    await hub.store.topics.save(Topic(url=TOPIC))
    await hub.publish()
    await hub.subscribe()
    assert await hub.claim() == []
    assert (await hub.broker.statistics()).waiting == 0


async def test_one_delivery_at_a_time_and_in_order(hub: Hub) -> None:
    await hub.subscribe()
    published = [await hub.publish() for _ in range(5)]
    delivered = []
    for _ in published:
        [delivery] = await hub.claim()
        assert await hub.claim() == []
        delivered.append(delivery.update.id)
        delivery.done()
    assert delivered == published
    assert await hub.claim() == []


async def test_claim_waits_for_a_publish(hub: Hub) -> None:
    await hub.subscribe()
    claimed: list[str] = []

    async def work() -> None:
        for delivery in await hub.broker.claim(10):
            claimed.append(delivery.update.id)
            delivery.done()

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            await anyio.wait_all_tasks_blocked()
            published = await hub.publish()
    assert claimed == [published]


async def test_several_claim_at_once_and_nothing_is_claimed_twice(hub: Hub) -> None:
    for number in range(20):
        await hub.subscribe(f"https://sub{number}.example/")
    claimed: list[str] = []

    async def work() -> None:
        while True:
            claimed.extend(delivery.callback for delivery in await hub.broker.claim(3))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(work)
        await hub.publish()
        await until(lambda: len(claimed) >= 20)
        assert await hub.claim() == []
        tasks.cancel_scope.cancel()
    assert len(set(claimed)) == len(claimed) == 20


async def test_latest_mode_leaves_out_what_was_overtaken(hub: Hub) -> None:
    await hub.store.topics.save(Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST))
    await hub.subscribe()
    published = [await hub.publish() for _ in range(3)]
    assert await hub.claim_ids() == published[-1:]
    assert await hub.claim() == []


async def test_in_latest_mode_a_failed_update_gives_way_to_a_newer_one(hub: Hub) -> None:
    await hub.store.topics.save(Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST))
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.retry(30, "It failed.")
    last = await hub.publish()
    hub.clock.now += 30
    [delivery] = await hub.claim()
    assert (delivery.update.id, delivery.attempt) == (last, 1)


async def test_a_failed_delivery_is_tried_again_when_it_is_due(hub: Hub) -> None:
    await hub.subscribe()
    first, second = await hub.publish(), await hub.publish()
    for attempt in (1, 2, 3):
        [delivery] = await hub.claim()
        assert (delivery.update.id, delivery.attempt) == (first, attempt)
        delivery.retry(30, "It answered 503.")
        [failing] = await hub.broker.failing()
        assert (failing.attempts, failing.due_at, failing.reason) == (attempt, hub.clock() + 30, "It answered 503.")
        hub.clock.now += 29
        assert await hub.claim() == []
        hub.clock.now += 1
    assert await hub.claim_ids() == [first]
    assert await hub.claim_ids() == [second]
    assert await hub.broker.failing() == []


async def test_what_was_no_attempt_leaves_all_attempts_to_the_update(hub: Hub) -> None:
    await hub.subscribe()
    first = await hub.publish()
    for _ in range(15):
        [delivery] = await hub.claim()
        assert (delivery.update.id, delivery.attempt) == (first, 1)
        delivery.retry(30, "address held back", host_failed=False, counted=False)
        hub.clock.now += 30
    [delivery] = await hub.claim()
    delivery.retry(30, "It answered 503.")
    hub.clock.now += 30
    [delivery] = await hub.claim()
    delivery.retry(30, "address held back", host_failed=False, counted=False)
    hub.clock.now += 30
    [delivery] = await hub.claim()
    assert (delivery.update.id, delivery.attempt) == (first, 2)


async def test_a_new_update_causes_an_attempt_outside_the_schedule(hub: Hub) -> None:
    await hub.subscribe()
    first = await hub.publish()
    [delivery] = await hub.claim()
    delivery.retry(600, "It failed.")
    hub.clock.now += 100
    await hub.publish()
    [delivery] = await hub.claim()
    assert (delivery.update.id, delivery.attempt) == (first, 1)
    delivery.retry(600, "It failed again.")
    hub.clock.now += 500
    [delivery] = await hub.claim()
    assert (delivery.update.id, delivery.attempt) == (first, 2)


async def test_a_delay_that_was_asked_for_is_kept(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.retry(600, "It asked to wait.", firm=True)
    hub.clock.now += 100
    await hub.publish()
    assert await hub.claim() == []
    hub.clock.now += 500
    assert len(await hub.claim()) == 1


async def test_what_is_given_up_becomes_a_dead_letter_and_the_next_update_follows(hub: Hub) -> None:
    await hub.subscribe()
    first, second = await hub.publish(), await hub.publish()
    [delivery] = await hub.claim()
    delivery.dead("It never answered.")
    assert await hub.claim_ids() == [second]
    [letter] = await hub.broker.dead_letters()
    assert (letter.message_id, letter.attempts, letter.reason) == (first, 1, "It never answered.")
    assert (letter.topic, letter.callback, letter.content_length) == (TOPIC, "https://sub.example/1", 11)
    assert letter.died_at == hub.clock()
    assert (await hub.broker.statistics()).dead_letters == 1


async def dead_letter(hub: Hub) -> int:
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.dead("It never answered.")
    [letter] = await hub.broker.dead_letters()
    return letter.id


async def test_a_replayed_dead_letter_that_arrives_is_gone(hub: Hub) -> None:
    letter = await dead_letter(hub)
    assert await hub.broker.replay([letter, 999]) == 1
    assert [found.replaying for found in await hub.broker.dead_letters()] == [True]
    assert await hub.claim_ids() == ["message-1"]
    assert await hub.broker.dead_letters() == []
    assert await hub.claim() == []


async def test_a_replayed_dead_letter_that_arrives_beside_others_moves_nobody_back(hub: Hub) -> None:
    letter = await dead_letter(hub)
    await hub.subscribe("https://sub.example/2")
    await hub.publish()
    assert await hub.claim_ids() == ["message-2", "message-2"]
    await hub.broker.replay([letter])
    await hub.publish()
    claimed = {delivery.update.id: delivery for delivery in await hub.claim()}
    assert set(claimed) == {"message-1", "message-3"}
    claimed["message-3"].done()
    claimed["message-1"].done()
    assert await hub.claim_ids() == ["message-3"]
    assert await hub.claim() == []
    assert await hub.broker.dead_letters() == []


@pytest.mark.parametrize("outcome", ["retry", "dead"])
async def test_a_replayed_dead_letter_that_fails_stays(hub: Hub, outcome: str) -> None:
    letter = await dead_letter(hub)
    await hub.broker.replay([letter])
    [delivery] = await hub.claim()
    if outcome == "retry":
        delivery.retry(5, "Again.")
    else:
        delivery.dead("Again.")
    [found] = await hub.broker.dead_letters()
    assert (found.id, found.reason, found.attempts, found.replaying) == (letter, "Again.", 2, False)
    hub.clock.now += 100
    assert await hub.claim() == []


async def test_a_dead_letter_of_an_ended_subscription_cannot_be_replayed(hub: Hub) -> None:
    letter = await dead_letter(hub)
    await hub.broker.replay([letter])
    await hub.store.subscriptions.remove(TOPIC, "https://sub.example/1")
    assert await hub.claim() == []
    [found] = await hub.broker.dead_letters()
    assert not found.replaying
    assert await hub.broker.replay([letter]) == 0


async def test_dropped_dead_letters_are_gone_and_their_content_is_reclaimed(hub: Hub) -> None:
    letter = await dead_letter(hub)
    assert await hub.broker.reclaim() == 0
    await hub.broker.replay([letter])
    assert await hub.broker.drop([letter, 999]) == 1
    assert await hub.broker.dead_letters() == []
    assert await hub.claim() == []
    assert await hub.broker.reclaim() == 1


async def test_a_replay_that_is_dropped_takes_no_later_update_with_it(hub: Hub) -> None:
    letter = await dead_letter(hub)
    await hub.broker.replay([letter])
    await hub.broker.drop([letter])
    assert await hub.claim() == []
    later = await hub.publish()
    assert await hub.claim_ids() == [later]


async def test_a_replay_that_is_dropped_while_its_host_is_paused_takes_no_later_update_with_it(hub: Hub) -> None:
    letter = await dead_letter(hub)
    await hub.broker.pause_host("sub.example")
    await hub.broker.replay([letter])
    assert await hub.claim() == []
    await hub.broker.drop([letter])
    await hub.broker.resume_host("sub.example")
    assert await hub.claim() == []
    later = await hub.publish()
    assert await hub.claim_ids() == [later]


async def test_dead_letters_come_in_pages(hub: Hub) -> None:
    await hub.subscribe()
    for _ in range(3):
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.dead("No.")
    first = await hub.broker.dead_letters(limit=2)
    rest = await hub.broker.dead_letters(after=first[-1].id)
    assert [letter.message_id for letter in first + rest] == ["message-1", "message-2", "message-3"]


async def test_a_callback_that_is_gone_ends_its_subscription(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.gone()
    await hub.broker.flush()
    assert await hub.store.subscriptions.get(TOPIC, "https://sub.example/1") is None
    assert await hub.claim() == []
    assert (await hub.broker.statistics()).waiting == 0


async def test_a_renewal_keeps_what_is_owed_and_a_subscription_after_the_end_starts_anew(hub: Hub) -> None:
    await hub.subscribe()
    owed = await hub.publish()
    hub.clock.now += 500
    await hub.subscribe()
    hub.clock.now += 600
    assert await hub.claim_ids() == [owed]
    await hub.publish()
    hub.clock.now += 400
    assert await hub.claim() == []
    await hub.subscribe()
    assert await hub.claim() == []
    published = await hub.publish()
    assert await hub.claim_ids() == [published]


async def test_a_removed_subscription_gets_nothing_and_a_claimed_delivery_of_it_can_still_be_settled(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    await hub.store.subscriptions.remove(TOPIC, "https://sub.example/1")
    delivery.dead("It is of no interest any more.")
    assert await hub.broker.dead_letters() == []
    await hub.subscribe()
    assert await hub.claim() == []


@pytest.mark.parametrize("first", ["done", "retry", "dead", "gone"])
@pytest.mark.parametrize("second", ["done", "retry", "dead", "gone"])
async def test_a_delivery_is_settled_once(hub: Hub, first: str, second: str) -> None:
    arguments: dict[str, tuple[object, ...]] = {"retry": (5, "No."), "dead": ("No.",)}
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    getattr(delivery, first)(*arguments.get(first, ()))
    with pytest.raises(DeliverySettledError, match="already been settled"):
        getattr(delivery, second)(*arguments.get(second, ()))


async def test_a_host_gets_a_few_deliveries_at_a_time(hub: Hub) -> None:
    for number in range(5):
        await hub.subscribe(f"https://slow.example/{number}")
    await hub.subscribe("https://quick.example/")
    await hub.publish()
    claimed = await hub.claim()
    hosts = [delivery.callback.split("/")[2] for delivery in claimed]
    assert sorted(hosts) == ["quick.example", "slow.example", "slow.example", "slow.example"]
    claimed[0].done()
    assert len(await hub.claim()) == 1
    [state] = [state for state in await hub.broker.hosts() if state.host == "slow.example"]
    assert (state.in_flight, state.parked) == (3, 1)


async def test_a_paused_host_gets_nothing_until_it_is_resumed(hub: Hub) -> None:
    await hub.subscribe("https://Sub.Example:443/1")
    await hub.broker.pause_host("sub.example")
    await hub.publish()
    assert await hub.claim() == []
    [state] = await hub.broker.hosts()
    assert (state.host, state.paused, state.parked) == ("sub.example", True, 1)
    await hub.broker.resume_host("SUB.example")
    assert len(await hub.claim()) == 1


async def test_a_failing_host_is_probed(hub: Hub) -> None:
    for number in range(10):
        await hub.subscribe(f"https://dead.example/{number}")
    await hub.publish()
    failed = 0
    while claimed := await hub.claim():
        for delivery in claimed:
            delivery.retry(600, "It is down.")
            failed += 1
    assert failed == 5, "three in a row close the host, two were on their way"
    hub.clock.now += 30
    [probe] = await hub.claim()
    [state] = await hub.broker.hosts()
    assert (state.in_flight, state.parked, state.failures) == (1, 4, 5)
    probe.done()
    assert len(await hub.claim()) == 3


async def test_a_full_backlog_refuses_updates_and_takes_them_again(hub: Hub) -> None:
    for number in range(15):
        await hub.subscribe(f"https://sub{number}.example/")
    await hub.publish()
    with pytest.raises(BacklogFullError, match="More than 20 deliveries"):
        await hub.publish()
    assert (await hub.broker.statistics()).waiting == 15
    for delivery in await hub.claim():
        delivery.done()
    await hub.publish()


async def test_the_statistics_tell_what_is_owed(hub: Hub) -> None:
    await hub.subscribe("https://sub1.example/")
    await hub.subscribe("https://sub2.example/")
    await hub.publish()
    first = hub.clock()
    hub.clock.now += 10
    await hub.publish()
    one, two = await hub.claim()
    one.retry(5, "It failed.")
    statistics = await hub.broker.statistics()
    assert (statistics.topics, statistics.subscriptions) == (1, 2)
    assert (statistics.waiting, statistics.in_flight, statistics.retrying) == (4, 1, 1)
    assert statistics.oldest_published_at == first
    two.done()
    hub.clock.now += 5
    while await hub.claim_ids():
        pass
    statistics = await hub.broker.statistics()
    assert (statistics.waiting, statistics.in_flight, statistics.retrying) == (0, 0, 0)
    assert statistics.oldest_published_at is None


async def test_updates_are_reclaimed_once_everybody_has_them(hub: Hub) -> None:
    await hub.subscribe("https://sub1.example/")
    await hub.subscribe("https://sub2.example/")
    for _ in range(3):
        await hub.publish()
    one, two = await hub.claim()
    one.done()
    assert await hub.broker.reclaim() == 0
    two.done()
    assert await hub.broker.reclaim() == 1
    while await hub.claim_ids():
        pass
    assert await hub.broker.reclaim() == 2
    assert await hub.broker.reclaim() == 0


async def test_claiming_nothing_is_a_mistake(hub: Hub) -> None:
    with pytest.raises(ValueError, match="At least 1"):
        await hub.broker.claim(0)


async def test_a_secret_is_kept_whatever_characters_it_has(hub: Hub) -> None:
    secret = 'a"b\\c\n\x00\u20ac\U0001f600'
    await hub.store.subscriptions.save(
        StoredSubscription(
            topic=TOPIC, callback="https://sub.example/", secret=secret, lease_seconds=9, requested_at=hub.clock()
        )
    )
    await hub.publish()
    [delivery] = await hub.claim()
    assert delivery.secret == secret
