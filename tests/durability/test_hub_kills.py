"""Killing a hub at any instant loses no accepted update, and repeats only what was under way."""

from pathlib import Path

import pytest

from tests.durability.hub_kills import Account, Arrival, account, run_kills

KILLS = 20


@pytest.mark.durability
def test_nothing_is_lost_however_often_the_hub_is_killed(tmp_path: Path) -> None:
    result = run_kills(tmp_path, KILLS)
    assert result.kills == KILLS + 1
    assert result.pairs > 1_000, "there was hardly any load"
    assert not result.lost
    assert not result.disordered
    assert not result.unexplained
    assert not result.renamed
    assert result.duplicates > 0, "subscribers that lose their answers get an update twice"


def _account(*arrivals: Arrival) -> Account:
    return account({"/ok/1": "topic"}, {"topic": [1, 2]}, {"/ok/1": list(arrivals)}, [100.0])


def test_the_account_finds_what_is_lost() -> None:
    assert _account(Arrival(1, "a", answered=True, sequence=1)).lost == ["/ok/1 2"]


def test_the_account_finds_disorder() -> None:
    one, two = Arrival(1, "a", answered=True, sequence=1), Arrival(2, "b", answered=True, sequence=2)
    assert _account(two, one).disordered == ["/ok/1"]
    assert not _account(one, two, one).disordered


def test_the_account_finds_repetitions_without_a_cause() -> None:
    two = Arrival(3, "b", answered=True, sequence=2)
    early = Arrival(1, "a", answered=True, sequence=1)
    assert _account(early, Arrival(2, "a", answered=True, sequence=1), two).unexplained == ["/ok/1 1 after 1.0 s"]
    assert _account(early, Arrival(101, "a", answered=True, sequence=1), two).unexplained == ["/ok/1 1 after 100.0 s"]
    shortly_before = Arrival(99, "a", answered=True, sequence=1)
    assert not _account(shortly_before, Arrival(101, "a", answered=True, sequence=1), two).unexplained
    unanswered = Arrival(1, "a", answered=False, sequence=1)
    assert not _account(unanswered, Arrival(2, "a", answered=True, sequence=1), two).unexplained
    assert _account(early, Arrival(2, "x", answered=True, sequence=1), two).renamed == ["/ok/1 1"]
