"""A soak loses nothing, and its report says so only where it is true."""

from collections import Counter
from pathlib import Path

import pytest

from tests.durability.hub_kills import Account
from tests.durability.report import HubReport, Report
from tests.durability.soak import run_soak
from tests.durability.vitals import Vitals, growth


@pytest.mark.durability
def test_nothing_is_lost_whatever_happens(tmp_path: Path) -> None:
    report = run_soak(tmp_path, 30, seed=1)
    assert [hub.broken for hub in report.hubs] == [[], []]
    assert all(hub.account.pairs > 500 for hub in report.hubs), "there was hardly any load"
    assert report.hubs[1].account.kills > 0


def vitals(memory: int = 100, descriptors: int = 20, tasks: int = 18) -> Vitals:
    return Vitals(at=0.0, memory=memory, descriptors=descriptors, threads=4, running=Counter(task=tasks))


def report_of(account: Account, memory: list[int], after: Vitals, forged: int = 0) -> Report:
    hub = HubReport("steady", account, forged, 10, Counter(kill=2))
    return Report(600.0, 1, (hub,), vitals(), [vitals(each) for each in memory], after, [0.01, 0.02])


def test_a_report_without_faults_says_so() -> None:
    report = report_of(Account(pairs=80), [50, 90, 100, 100, 101, 100], vitals())
    assert not report.broken
    assert "Promises kept." in str(report)
    assert "80 pairs" in str(report)


@pytest.mark.parametrize(
    ("account", "memory", "after", "forged", "said"),
    [
        (Account(lost=["/ok/1 2"]), [100] * 6, vitals(), 0, "1 lost (/ok/1 2"),
        (Account(disordered=["/ok/1"]), [100] * 6, vitals(), 0, "1 subscriptions out of order"),
        (Account(unexplained=["/ok/1 2"]), [100] * 6, vitals(), 0, "1 repeated without a reason"),
        (Account(), [100] * 6, vitals(), 3, "3 wrongly signed"),
        (Account(), [100, 100, 100, 102, 104, 106], vitals(), 0, "memory has grown by 6.0%"),
        (Account(), [100] * 6, vitals(descriptors=60), 0, "descriptors 20 -> 60"),
        (Account(), [100] * 6, vitals(tasks=50), 0, "tasks 18 -> 50; of these 32 task"),
    ],
)
def test_a_report_names_what_was_broken(
    account: Account, memory: list[int], after: Vitals, forged: int, said: str
) -> None:
    report = report_of(account, memory, after, forged)
    assert said in str(report)
    assert "BROKEN" in str(report)


def test_growth_is_that_of_the_last_two_thirds() -> None:
    assert growth([1.0] * 10 + [100.0] * 20) == 0.0
    assert growth([100.0] * 20 + [150.0] * 10) == 0.5
