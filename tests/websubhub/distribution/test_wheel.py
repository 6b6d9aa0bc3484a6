"""Deadlines are found soon after they have passed, and never before."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from websubhub._distribution.wheel import TICK_SECONDS, Timed, TimerWheel


class Item:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.watched_until = inf


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0.01, 50))
def test_deadline_is_found_within_two_ticks(deadlines: list[float], step: float) -> None:
    wheel = TimerWheel(0.0)
    items: list[Timed] = [Item(deadline) for deadline in deadlines]
    for item in items:
        wheel.watch(item)
    found: dict[int, float] = {}
    now = 0.0
    while now < 101:
        now += step
        for item in wheel.expired(now):
            assert item.deadline <= now
            found[id(item)] = now
    assert set(found) == {id(item) for item in items}
    for item in items:
        assert found[id(item)] <= item.deadline + step + 2 * TICK_SECONDS


def test_deadline_that_moved_away_is_not_found_early() -> None:
    wheel = TimerWheel(0.0)
    item = Item(1.0)
    wheel.watch(item)
    item.deadline = 3.0
    assert wheel.expired(2.0) == []
    assert wheel.expired(3.5) == [item]


def test_deadline_that_came_near_is_found_after_watching_again() -> None:
    wheel = TimerWheel(0.0)
    item = Item(10.0)
    wheel.watch(item)
    item.deadline = 1.0
    wheel.watch(item)
    assert wheel.expired(1.5) == [item]
    assert wheel.expired(20.0) == []


def test_forgotten_item_is_not_found() -> None:
    wheel = TimerWheel(0.0)
    item = Item(1.0)
    wheel.watch(item)
    wheel.forget(item)
    wheel.forget(item)
    assert wheel.expired(5.0) == []


def test_item_without_deadline_leaves_the_wheel() -> None:
    wheel = TimerWheel(0.0)
    item = Item(1.0)
    wheel.watch(item)
    item.deadline = inf
    assert wheel.expired(5.0) == []
    assert item.watched_until == inf
