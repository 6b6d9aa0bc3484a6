"""The subscriptions of one subscriber: found quickly, bounded, and watched."""

import anyio

from tests.waiting import PATIENCE
from tests.websubsub.conftest import URL
from tests.work import steps_of
from websubsub._state.state import Step, Subscription
from websubsub._state.subscriptions import Subscriptions


def made(number: int) -> Subscription:
    return Subscription(callback=f"{URL}{number}", target=str(number), hub="h", topic="t")


async def test_what_has_ended_is_forgotten_in_time() -> None:
    now = 0.0
    subscriptions = Subscriptions(URL, clock=lambda: now)
    for number in range(999):
        ended = made(number).requested(None).verified(now=0.0, lease_seconds=10).after(Step.DELETE)
        await subscriptions.add(ended)
    assert len(subscriptions.all()) == 999
    now = 11.0
    await subscriptions.add(made(999))
    assert subscriptions.all() == [made(999)]
    assert subscriptions.of("0") == []
    assert subscriptions.of("999") == [made(999)]


async def test_one_of_ten_thousand_targets_is_found_in_as_few_steps_as_one_of_ten() -> None:
    subscriptions = Subscriptions(URL)
    steps = []
    for number in range(10_000):
        await subscriptions.add(made(number))
        if number in (9, 9_999):
            assert subscriptions.of("5") == [made(5)]
            steps.append(steps_of(lambda: subscriptions.of("5")))
    assert steps[1] == steps[0]


async def test_a_change_wakes_who_waits_for_it() -> None:
    subscriptions = Subscriptions(URL)
    await subscriptions.add(made(1))
    async with anyio.create_task_group() as tasks:

        async def change() -> None:
            await subscriptions.change("1", lambda known: known.requested("s"))
            await subscriptions.forget(made(1))

        tasks.start_soon(change)
        with anyio.fail_after(PATIENCE):
            assert await subscriptions.wait("1", lambda known: known is None) is None


async def test_adding_what_is_there_changes_nothing() -> None:
    subscriptions = Subscriptions(URL)
    await subscriptions.add(made(1).requested("s"))
    await subscriptions.add(made(1))
    assert subscriptions.all() == [made(1).requested("s")]
