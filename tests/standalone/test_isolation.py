"""Subscribers that hang, reset, drip or answer garbage cost the others nothing.

The bounds are wide, since other work may share the machine: ``python -m tests.benchmarks.isolation`` measures.
"""

from pathlib import Path

import pytest

from tests.benchmarks.isolation import measure_hang, measure_mixed, p99

pytestmark = pytest.mark.durability

DELIVERY_TIMEOUT = 10.0


@pytest.mark.parametrize("hosts", [200, 1])
def test_190_subscribers_do_not_wait_for_10_that_never_answer(hosts: int, tmp_path: Path) -> None:
    assert measure_hang(tmp_path, hosts=hosts) < 2.0 < DELIVERY_TIMEOUT


@pytest.mark.threat("DOS-9")
@pytest.mark.parametrize("bad", [600, 2_000])
def test_more_hosts_that_hang_than_there_are_connections_keep_nobody_waiting(bad: int, tmp_path: Path) -> None:
    assert measure_hang(tmp_path, hosts=bad + 100, good=100, bad=bad) < 8.0 < DELIVERY_TIMEOUT


@pytest.mark.parametrize("hosts", [250, 1])
@pytest.mark.threat("SLOW-5")
def test_every_sort_of_bad_subscriber_leaves_the_others_alone(hosts: int, tmp_path: Path) -> None:
    mixed = measure_mixed(tmp_path, hosts=hosts, good=180, bad=20, updates=3)
    assert len(mixed.beside_bad_ones) == 540
    assert p99(mixed.beside_bad_ones) < 2.0 < DELIVERY_TIMEOUT
