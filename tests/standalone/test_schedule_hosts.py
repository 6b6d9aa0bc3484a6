import pytest

from websubhub.standalone.events.events import Events
from websubhub.standalone.schedule.hosts import Hosts, host_key
from websubhub.standalone.schedule.limits import DeliveryLimits

SLOW = host_key("slow.example")


class Calls(list[int]):
    """The subscriptions that were called; those in ``gone`` do not take their slot."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = set[int]()

    def __call__(self, _topic: int, subscription: int) -> bool:
        if subscription in self.gone:
            return False
        self.append(subscription)
        return True


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def hosts(calls: Calls) -> Hosts:
    return Hosts(DeliveryLimits(per_host=2, failures=3, probe_seconds=30, probe_seconds_most=100), calls)


def test_a_full_host_parks_and_calls_in_order(hosts: Hosts, calls: Calls) -> None:
    assert hosts.acquire(SLOW)
    assert hosts.acquire(SLOW)
    for subscription in (7, 8, 9):
        assert not hosts.acquire(SLOW)
        hosts.park(SLOW, 1, subscription, fresh=True)
    calls.gone.add(8)
    hosts.succeeded(SLOW, 1000)
    hosts.released(SLOW)
    assert calls == [7, 9]
    assert not hosts.acquire(SLOW)


def test_a_host_that_somebody_waits_for_is_never_forgotten(hosts: Hosts, calls: Calls) -> None:
    fail(hosts, 1000, 2)
    assert hosts.acquire(SLOW)
    assert hosts.acquire(SLOW)
    for key in range(100_001):
        assert hosts.acquire(key)
        hosts.failed(key, 1000, began=1000, repeated=False)
    assert hosts.acquire(-1)
    hosts.failed(SLOW, 1000, began=1000, repeated=False)
    hosts.park(SLOW, 1, 7, fresh=False)
    hosts.failed(SLOW, 1000, began=1000, repeated=False)
    hosts.probe(1030)
    assert calls == [7]


def test_nobody_overtakes_the_parked(hosts: Hosts, calls: Calls) -> None:
    hosts.pause("slow.example")
    hosts.park(SLOW, 1, 7, fresh=True)
    assert not hosts.acquire(SLOW)
    hosts.resume("slow.example")
    assert calls == [7]
    assert hosts.acquire(SLOW)


def test_an_idle_host_is_forgotten(hosts: Hosts) -> None:
    assert hosts.acquire(SLOW)
    hosts.succeeded(SLOW, 1000)
    assert hosts.states(10) == []


@pytest.mark.threat("BQ-1")
def test_of_the_idle_hosts_only_so_many_are_kept(hosts: Hosts) -> None:
    keys = range(5_000)
    assert all(hosts.acquire(key) for key in keys)
    assert hosts.crowded()
    for key in keys:
        hosts.succeeded(key, 1000)
    assert not hosts.crowded()
    assert hosts.states(10) == []
    assert all(hosts.acquire(key) for key in keys)


def fail(hosts: Hosts, now: float, times: int = 1) -> None:
    for _ in range(times):
        assert hosts.acquire(SLOW)
        hosts.failed(SLOW, now, began=now, repeated=False)


def test_a_failure_begun_before_a_later_success_says_nothing_about_the_host(hosts: Hosts) -> None:
    for now in range(1000, 1010):
        assert hosts.acquire(SLOW)
        assert hosts.acquire(SLOW)
        hosts.succeeded(SLOW, now)
        hosts.failed(SLOW, now + 10, began=now, repeated=False)
    assert hosts.acquire(SLOW), "callbacks that never answer must not hold back those beside them"


def test_callbacks_that_fail_again_do_not_hold_back_the_others(hosts: Hosts) -> None:
    for now in range(1000, 1100):
        assert hosts.acquire(SLOW)
        hosts.failed(SLOW, now, began=now, repeated=True)
    assert hosts.acquire(SLOW)


def test_a_failing_host_is_probed_ever_less_often(hosts: Hosts, calls: Calls) -> None:
    fail(hosts, 1000, times=3)
    assert not hosts.acquire(SLOW)
    waits, now = [], 1000.0
    for number in range(4):
        hosts.park(SLOW, 1, number, fresh=False)
        due = hosts.next_probe()
        assert due is not None
        waits.append(due - now)
        now = due
        hosts.probe(now)
        assert calls == list(range(number + 1))
        hosts.failed(SLOW, now, began=now, repeated=False)
    assert waits == [30, 60, 100, 100]


def test_a_probe_that_succeeds_opens_the_host_again(hosts: Hosts, calls: Calls) -> None:
    fail(hosts, 1000, times=3)
    for number in range(4):
        hosts.park(SLOW, 1, number, fresh=False)
    hosts.probe(1030)
    assert calls == [0]
    hosts.succeeded(SLOW, 1000)
    assert calls == [0, 1, 2]
    assert hosts.next_probe() is None


def test_a_host_that_is_probed_gets_one_delivery_at_a_time(hosts: Hosts) -> None:
    fail(hosts, 1000, times=3)
    hosts.probe(1030)
    assert hosts.acquire(SLOW)
    assert not hosts.acquire(SLOW)


def test_a_new_update_is_tried_after_the_first_pause_also_when_the_next_probe_is_far(hosts: Hosts) -> None:
    fail(hosts, 1000, times=3)
    for now in (1030.0, 1100.0):
        hosts.probe(now)
        fail(hosts, now)
    assert hosts.next_probe() is not None
    hosts.park(SLOW, 1, 7, fresh=False)
    assert max(when for when, _ in hosts._probes) == 1200
    hosts.park(SLOW, 1, 8, fresh=True)
    assert hosts.next_probe() == 1130


def test_pausing_holds_back_what_was_parked_and_resuming_forgets_failures(hosts: Hosts, calls: Calls) -> None:
    fail(hosts, 1000, times=3)
    hosts.park(SLOW, 1, 7, fresh=False)
    hosts.pause("slow.example")
    hosts.probe(5000)
    assert calls == []
    hosts.resume("slow.example")
    assert calls == [7]
    [state] = hosts.states(10)
    assert (state.host, state.failures, state.paused, state.in_flight) == ("slow.example", 0, False, 1)


def test_hosts_that_were_paused_come_first(hosts: Hosts) -> None:
    for name in ("busy", "failing"):
        host = hosts.acquire(host_key(name))
        assert host is not None
        host.name = name
    hosts.failed(host_key("failing"), 1000, began=1000, repeated=False)
    hosts.pause("paused")
    assert [state.host for state in hosts.states(10)] == ["paused", "failing", "busy"]
    assert [state.host for state in hosts.states(1)] == ["paused"]


def test_a_host_is_told_of_when_it_is_held_back_and_when_it_recovers(hosts: Hosts) -> None:
    events = Events()
    hosts.record = events.record
    assert hosts.acquire(SLOW)
    hosts.busy(SLOW).name = "slow.example"
    hosts.released(SLOW)
    fail(hosts, 1000, 3)
    hosts.probe(1030)
    fail(hosts, 1030, 1)
    hosts.probe(1090)
    assert [event.name for event in events.after(0)] == ["host_held_back"], "not again for each probe"
    assert hosts.acquire(SLOW)
    hosts.succeeded(SLOW, 1090)
    assert hosts.acquire(SLOW)
    hosts.succeeded(SLOW, 1091)
    held, recovered = events.after(0)
    assert held.fields == {"host": "slow.example", "failures": 3, "seconds": 30}
    assert (recovered.name, recovered.fields) == ("host_recovered", {"host": "slow.example"})
