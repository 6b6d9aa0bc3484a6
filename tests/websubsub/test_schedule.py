"""When to renew, when to try again, and at which hub."""

import pytest

from websubsub._lifecycle.schedule import (
    hubs_to_ask,
    is_passing,
    pause_after,
    pause_after_denials,
    renewal_time,
    verification_limit,
)


@pytest.mark.spec("S-29")
@pytest.mark.parametrize(("chance", "part"), [(0.0, 0.6), (0.5, 2 / 3), (1.0, 0.7333)])
def test_a_renewal_comes_well_before_the_end(chance: float, part: float) -> None:
    assert renewal_time(1000.0, 1100.0, chance) == pytest.approx(1000 + 100 * part, abs=0.01)


def test_pauses_grow_and_end_growing() -> None:
    pauses = [pause_after(failures, None, 1.0) for failures in range(1, 100)]
    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


def test_half_of_a_pause_is_chance() -> None:
    assert pause_after(3, None, 0.0) == 2.0


def test_a_short_lease_is_worth_hurry() -> None:
    assert pause_after(1, 3.0, 1.0) == pytest.approx(0.3)


@pytest.mark.parametrize(("lease", "seconds"), [(None, 60), (864_000.0, 60), (90.0, 30), (0.5, 1)])
def test_a_hub_gets_its_time_to_verify(lease: float | None, seconds: float) -> None:
    assert verification_limit(lease) == seconds


@pytest.mark.spec("S-42", "D-05")
@pytest.mark.parametrize(
    ("hubs", "current", "expected"),
    [
        (["https://a/"], None, ["https://a/"]),
        (["https://a/", "https://b/"], None, ["https://a/", "https://b/"]),
        (["http://a.example/", "https://b/"], None, ["https://b/", "https://a.example/", "http://a.example/"]),
        (["https://a/", "https://b/"], "https://b/", ["https://b/", "https://a/"]),
        (["https://a/"], "https://gone/", ["https://a/"]),
        (["http://a.example/"], "http://a.example/", ["http://a.example/", "https://a.example/"]),
        (["http://a.example:8080/"], None, ["http://a.example:8080/"]),
        (["http://localhost/"], None, ["http://localhost/"]),
    ],
)
def test_the_order_in_which_hubs_are_asked(hubs: list[str], current: str | None, expected: list[str]) -> None:
    assert list(hubs_to_ask(hubs, current)) == expected


@pytest.mark.parametrize(("denials", "hours"), [(1, 1), (2, 2), (3, 4), (9, 24), (10_000, 24)])
def test_a_denial_is_asked_about_again_after_a_long_pause(denials: int, hours: float) -> None:
    assert pause_after_denials(denials, 0.5) == hours * 3600
    assert pause_after_denials(denials, 1.0) > hours * 3600 > pause_after_denials(denials, 0.0)


@pytest.mark.parametrize(
    ("status", "passing"), [(0, True), (503, True), (500, True), (429, True), (404, False), (302, False)]
)
def test_what_may_pass(status: int, passing: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_passing(status) is passing
