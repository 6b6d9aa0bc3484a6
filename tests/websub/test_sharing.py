"""A share in what all have in common who go by the same rules on the same event loop."""

import asyncio
import gc
import threading
import weakref

import anyio

from _websub.calls.sharing import Share, _commons
from tests.waiting import PATIENCE


class Thing:
    """Something worth sharing."""


def a_share(rules: object = "rules") -> Share[Thing]:
    return Share(rules, Thing)


async def test_those_with_the_same_rules_share_and_others_do_not() -> None:
    one, same, other = a_share(), a_share(), a_share("others")
    assert one.take() is same.take()
    assert one.take() is one.take()
    assert other.take() is not one.take()


async def test_only_the_last_one_is_given_the_thing_to_close() -> None:
    one, other = a_share(), a_share()
    thing = one.take()
    assert other.take() is thing
    assert one.give_back() is None
    assert one.give_back() is None, "it has nothing any more"
    assert other.give_back() is thing


async def test_after_the_last_one_a_new_thing_is_made() -> None:
    one, other = a_share(), a_share()
    first = one.take()
    assert one.give_back() is first
    assert other.take() is not first


async def test_a_share_that_never_took_has_nothing_to_give_back() -> None:
    one, other = a_share(), a_share()
    thing = one.take()
    assert other.give_back() is None
    assert one.give_back() is thing


async def test_a_share_that_is_forgotten_is_given_back() -> None:
    one, other = a_share(), a_share()
    thing = weakref.ref(one.take())
    other.take()
    del one
    gc.collect()
    assert thing() is not None
    del other
    gc.collect()
    assert thing() is None
    assert "rules" not in {rules for _, rules in _commons}


async def test_the_one_that_is_left_by_the_forgotten_is_the_last() -> None:
    one, other = a_share(), a_share()
    thing = one.take()
    other.take()
    del other
    gc.collect()
    assert one.give_back() is thing


async def test_it_is_made_when_it_is_first_needed() -> None:
    made: list[Thing] = []

    def make() -> Thing:
        made.append(Thing())
        return made[-1]

    shares = [Share("lazy", make) for _ in range(100)]
    assert not made
    assert {id(share.take()) for share in shares} == {id(made[0])}
    assert len(made) == 1


def test_each_event_loop_has_its_own(anyio_backend: str) -> None:
    share = a_share()
    taken: list[Thing] = []

    async def take() -> None:
        taken.append(share.take())

    for _ in range(2):
        anyio.run(take, backend=anyio_backend)
    assert taken[0] is not taken[1]


def test_what_another_loop_had_is_not_given_out_to_be_closed_here() -> None:
    share = a_share()

    async def take() -> None:
        share.take()

    async def give_back() -> None:
        assert share.give_back() is None

    asyncio.run(take())
    asyncio.run(give_back())


def test_loops_in_threads_do_not_meet() -> None:
    taken: dict[int, set[int]] = {}
    things: list[Thing] = []
    barrier = threading.Barrier(4)

    async def take(number: int) -> None:
        shares = [a_share() for _ in range(50)]
        things.append(shares[0].take())
        taken[number] = {id(share.take()) for share in shares}
        await anyio.to_thread.run_sync(barrier.wait)

    threads = [threading.Thread(target=anyio.run, args=(take, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [len(each) for each in taken.values()] == [1] * 4
    assert len(set.union(*taken.values())) == 4


def test_no_loop_is_kept_alive() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def take() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        share = a_share()
        share.take()
        share.give_back()
        a_share().take()

    asyncio.run(take())
    gc.collect()
    assert loops[0]() is None
