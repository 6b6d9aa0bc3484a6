"""A worker misses nothing that comes while it works, and work knows nothing of who has it done."""

import anyio

from tests.waiting import PATIENCE
from websubhub import Subscription, Unsubscription
from websubhub.standalone.ports import Mode, PendingVerification
from websubhub.standalone.work.wakeup import Wakeup


async def test_what_rings_before_the_wait_ends_it_at_once_and_only_one() -> None:
    wakeup = Wakeup()
    wakeup.ring()
    wakeup.ring()
    with anyio.fail_after(PATIENCE):
        await wakeup.wait(PATIENCE * 2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wakeup.wait, PATIENCE)
        await anyio.wait_all_tasks_blocked()
        wakeup.ring()


async def test_what_rings_while_a_worker_waits_ends_that_wait() -> None:
    wakeup = Wakeup()
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wakeup.wait, PATIENCE * 2)
            await anyio.wait_all_tasks_blocked()
            wakeup.ring()


async def test_what_is_handed_over_is_worked_on_once_unless_somebody_rings_for_more() -> None:
    wakeup = Wakeup()
    wakeup.ring("a")
    wakeup.ring("b")
    assert await wakeup.wait(PATIENCE) == ["a", "b"]
    wakeup.ring("c")
    wakeup.ring()
    assert await wakeup.wait(PATIENCE) is None, "what was handed over is found with everything else"
    for number in range(1_000):
        wakeup.ring(number)
    assert await wakeup.wait(PATIENCE) is None, "more than is kept"
    wakeup.ring("d")
    assert await wakeup.wait(PATIENCE) == ["d"]
    moment = 0.001
    assert await wakeup.wait(moment) is None


async def test_nobody_who_rings_is_waited_for_longer_than_said() -> None:
    moment = 0.001
    with anyio.fail_after(PATIENCE):
        await Wakeup().wait(moment)


def test_a_pending_verification_is_the_message_of_its_request() -> None:
    pending = PendingVerification(
        id="1", mode=Mode.SUBSCRIBE, topic="https://t.example/", callback="https://s.example/", secret="s" * 20,
        lease_seconds=60, due_at=0,
    )  # fmt: skip
    subscription = pending.message("https://hub.example/")
    assert isinstance(subscription, Subscription)
    assert (subscription.request_id, subscription.secret, subscription.lease_seconds) == ("1", "s" * 20, 60)
    assert (subscription.topic, subscription.callback, subscription.extras) == (pending.topic, pending.callback, {})
    end = PendingVerification(id="2", mode=Mode.UNSUBSCRIBE, topic="t", callback="c", due_at=0).message("h")
    assert isinstance(end, Unsubscription)
    assert (end.hub, end.topic, end.callback, end.request_id) == ("h", "t", "c", "2")
