"""A host is made to take so much and no more, whoever asks for it."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.calls.budgets import Budget, Budgets, Spending

HOST = "victim.example"


def _end(spending: Spending | None, *, wanted: bool, size: int = 0) -> None:
    assert spending is not None
    spending.end(wanted=wanted, size=size)


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def test_so_many_are_under_way_and_the_next_waits_for_one_to_end(time: Time) -> None:
    budgets = Budgets(Budget(at_once=3, burst=100), time)
    begun = [budgets.begin(HOST) for _ in range(4)]
    assert [spending is not None for spending in begun] == [True, True, True, False]
    assert budgets.wait(HOST) == math.inf
    assert budgets.begin("other.example")
    _end(begun[0], wanted=False)
    assert budgets.begin(HOST)


@pytest.mark.threat("AMP-1")
def test_what_is_not_wanted_goes_out_at_the_rate(time: Time) -> None:
    budgets = Budgets(Budget(at_once=10, burst=10, per_minute=10), time)
    sent = Counter[int]()
    for _ in range(10 * 60):
        while spending := budgets.begin(HOST):
            spending.end(wanted=False)
            sent[int(time.now - 1000) // 60] += 1
        time.now += 1
    assert max(sent.values()) <= 20
    assert sum(sent.values()) <= 10 + 10 * 10


def test_what_is_wanted_costs_nothing(time: Time) -> None:
    budgets = Budgets(Budget(at_once=10, burst=10, per_minute=10), time)
    for _ in range(10_000):
        _end(budgets.begin(HOST), wanted=True)


def test_the_wait_is_exactly_as_long_as_needed(time: Time) -> None:
    budgets = Budgets(Budget(at_once=5, burst=5, per_minute=6), time)
    for _ in range(5):
        _end(budgets.begin(HOST), wanted=False)
    assert budgets.wait(HOST) == pytest.approx(10)
    time.now += 9.9
    assert not budgets.begin(HOST)
    time.now += 0.2
    assert budgets.begin(HOST)


def test_bytes_are_paid_back_before_the_next(time: Time) -> None:
    budgets = Budgets(Budget(burst=100, per_minute=1000, burst_bytes=1000, bytes_per_minute=600), time)
    _end(budgets.begin(HOST), wanted=False, size=1000)
    _end(budgets.begin(HOST), wanted=True, size=300)  # all of the burst may be used
    assert budgets.wait(HOST) == pytest.approx(30)
    time.now += 31
    assert budgets.begin(HOST)


@pytest.mark.threat("AMP-10")
def test_a_host_that_wants_nothing_is_left_alone(time: Time) -> None:
    budgets = Budgets(Budget(burst=100, per_minute=1000, failures=20, pause_seconds=3600), time)
    for number in range(20):
        _end(budgets.begin(HOST), wanted=number == 0)
    _end(budgets.begin(HOST), wanted=False)  # 19 failures in a row
    assert budgets.wait(HOST) == pytest.approx(3600)
    time.now += 3601
    assert budgets.begin(HOST)


@pytest.mark.threat("BQ-1")
def test_the_number_of_accounts_is_bounded_and_those_in_use_stay(time: Time) -> None:
    budgets = Budgets(Budget(at_once=1, burst=1, per_minute=0.001), time, remembered=100)
    spending = budgets.begin(HOST)
    for number in range(10_000):
        _end(budgets.begin(f"{number}.example"), wanted=False)
        assert len(budgets) <= 101
    assert not budgets.begin(HOST)
    _end(spending, wanted=False)


def test_a_host_that_may_not_be_called_is_not_forgotten_for_one_that_may(time: Time) -> None:
    budgets = Budgets(Budget(at_once=1, burst=1, per_minute=0.001), time, remembered=100)
    _end(budgets.begin(HOST), wanted=False)
    for number in range(10_000):
        _end(budgets.begin(f"{number}.example"), wanted=True)
    assert not budgets.begin(HOST)


EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 100), st.floats(0, 90)), max_size=60)


@given(EVENTS)
def test_in_no_minute_more_than_the_burst_and_the_rate_are_unwanted(events: list[tuple[str, bool, int, float]]) -> None:
    time = Time()
    budget = Budget(at_once=2, burst=4, per_minute=3, burst_bytes=100, bytes_per_minute=50)
    budgets = Budgets(budget, time)
    unwanted: list[tuple[str, float]] = []
    for host, wanted, size, pause in events:
        if spending := budgets.begin(host):
            spending.end(wanted=wanted, size=size)
            if not wanted:
                unwanted.append((host, time.now))
        else:
            wait = budgets.wait(host)
            assert 0 < wait < math.inf
            time.now += wait + 0.001
            _end(budgets.begin(host), wanted=True)
        time.now += pause
    for host, start in unwanted:
        within = [at for other, at in unwanted if other == host and start <= at <= start + 60]
        assert len(within) <= budget.burst + budget.per_minute


@pytest.mark.threat("DOS-7", "DOS-8")
def test_hosts_that_nothing_good_is_known_of_leave_places_to_those_that_wanted_something(time: Time) -> None:
    budgets = Budgets(Budget(), time, places=8)
    _end(budgets.begin(HOST), wanted=True)
    newcomers = [budgets.begin(f"{number}.example") for number in range(10)]
    assert sum(spending is not None for spending in newcomers) == 6
    assert budgets.begin(HOST)
    assert 0 < budgets.wait("newcomer.example") < math.inf
    _end(newcomers[0], wanted=False)
    assert budgets.begin("newcomer.example")


def test_a_host_that_wanted_nothing_for_an_hour_is_one_of_which_nothing_good_is_known(time: Time) -> None:
    budgets = Budgets(Budget(), time, places=4)
    _end(budgets.begin(HOST), wanted=True)
    assert all(budgets.begin(f"{number}.example") for number in range(3))
    assert budgets.wait(HOST) == 0
    time.now += 3_601
    assert budgets.wait(HOST) > 0


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60))
def test_all_places_are_there_again_when_all_has_ended(exchanges: list[tuple[int, bool]]) -> None:
    budgets = Budgets(Budget(), Time(), places=8)
    begun = [(budgets.begin(f"{host}.example"), wanted) for host, wanted in exchanges]
    for spending, wanted in begun:
        if spending:
            spending.end(wanted=wanted)
    assert (budgets._free, budgets._free_for_failing, budgets._free_for_unproven) == (8, 4, 6)


def test_no_number_of_other_hosts_makes_one_that_wanted_something_a_stranger_again(time: Time) -> None:
    budgets = Budgets(Budget(), time, places=4, remembered=100)
    _end(budgets.begin(HOST), wanted=True)
    for number in range(1_000):
        time.now += 0.1
        _end(budgets.begin(f"{number}.example"), wanted=False)
    assert len(budgets) <= 100
    assert all(budgets.begin(f"newcomer-{number}.example") for number in range(3))
    assert budgets.wait(HOST) == 0
