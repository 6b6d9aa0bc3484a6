"""Who is next, with plain numbers for topics and subscriptions and no clock but the argument."""

import random

import pytest

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.members import Member, Members
from websubhub.standalone.schedule.outcomes import Outcomes
from websubhub.standalone.schedule.turns import Turns

NEVER = 1e12


class Hub:
    """The four parts of the schedule together, and how far each topic is."""

    def __init__(self, limits: DeliveryLimits | None = None) -> None:
        self.board = Board(limits or DeliveryLimits())
        self.members = Members(self.board, lambda: None)
        self.turns = Turns(self.board, Claim)
        self.outcomes = Outcomes(self.board)
        self.heads: dict[int, int] = {}

    def topic(self, topic: int, mode: DeliveryMode = DeliveryMode.EVERY) -> None:
        self.heads.setdefault(topic, 0)
        self.members.add_topic(topic, mode)

    def subscribe(self, topic: int, subscription: int, *, host: int | None = None, expires_at: float = NEVER) -> None:
        if topic not in self.heads:
            self.topic(topic)
        host = subscription if host is None else host
        self.members.add(
            Member(topic=topic, subscription=subscription, host=host, position=self.heads[topic], expires_at=expires_at)
        )

    def publish(self, topic: int, now: float = 0.0) -> None:
        self.heads[topic] += 1
        self.members.publish(topic, self.heads[topic], now)

    def take(self, limit: int = 100, now: float = 0.0) -> list[Claim]:
        claims = self.turns.take(limit, now)
        while not claims and (time := self.turns.next_time(now)) is not None and time <= now:
            claims = self.turns.take(limit, now)
        return claims

    def fail(self, claim: Claim, now: float, after: float, *, firm: bool = False) -> float | None:
        return self.outcomes.retry(claim, now + after, now, firm=firm, host_failed=False)


def pairs(claims: list[Claim]) -> list[tuple[int, int]]:
    return [(claim.subscription, claim.sequence) for claim in claims]


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_an_update_goes_to_every_subscription_of_that_moment(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.subscribe(1, 11)
    hub.publish(1)
    hub.subscribe(1, 12)
    assert pairs(hub.take()) == [(10, 1), (11, 1)]
    assert hub.board.waiting == 2


def test_one_subscription_gets_one_update_at_a_time_and_in_order(hub: Hub) -> None:
    hub.subscribe(1, 10)
    for _ in range(3):
        hub.publish(1)
    for sequence in (1, 2, 3):
        [claim] = hub.take()
        assert claim.sequence == sequence
        assert hub.take() == []
        assert hub.outcomes.done(claim, 0)
    assert hub.take() == []
    assert (hub.board.waiting, hub.board.in_flight) == (0, 0)
    assert hub.turns.next_time(0) is None


def test_latest_jumps_to_the_newest_update(hub: Hub) -> None:
    hub.topic(1, DeliveryMode.LATEST)
    hub.subscribe(1, 10)
    for _ in range(3):
        hub.publish(1)
    assert hub.board.waiting == 1
    [claim] = hub.take()
    assert claim.sequence == 3
    hub.publish(1)
    hub.publish(1)
    hub.outcomes.done(claim, 0)
    assert hub.board.waiting == 1
    assert pairs(hub.take()) == [(10, 5)]


def test_a_change_of_mode_counts_anew_what_is_owed(hub: Hub) -> None:
    hub.subscribe(1, 10)
    for _ in range(3):
        hub.publish(1)
    hub.topic(1, DeliveryMode.LATEST)
    assert hub.board.waiting == 1
    hub.topic(1, DeliveryMode.EVERY)
    assert hub.board.waiting == 3


def test_topics_take_turns(hub: Hub) -> None:
    for subscription in range(1000):
        hub.subscribe(1, subscription)
    hub.subscribe(2, 5000)
    hub.publish(1)
    hub.publish(2)
    assert 5000 in {claim.subscription for claim in hub.take(100)}


def test_subscriptions_of_a_backlog_take_turns(hub: Hub) -> None:
    for subscription in range(200):
        hub.subscribe(1, subscription)
    for _ in range(5):
        hub.publish(1)
    served: dict[int, int] = {}
    for _ in range(10):
        for claim in hub.take(20):
            served[claim.subscription] = served.get(claim.subscription, 0) + 1
            hub.outcomes.done(claim, 0)
    assert len(served) == 200


def test_a_full_host_does_not_hold_back_the_others() -> None:
    hub = Hub(DeliveryLimits(per_host=2))
    for subscription in range(100):
        hub.subscribe(1, subscription, host=1000 if subscription < 90 else subscription)
    hub.publish(1)
    claims = hub.take()
    assert pairs(claims) == [(0, 1), (1, 1), *((number, 1) for number in range(90, 100))]
    assert hub.take() == []
    hub.outcomes.done(claims[0], 0)
    assert pairs(hub.take()) == [(2, 1)]


def test_retries_leave_slots_to_first_attempts() -> None:
    hub = Hub(DeliveryLimits(retries=5))
    for subscription in range(50):
        hub.subscribe(1, subscription)
    hub.publish(1)
    for claim in hub.take():
        hub.fail(claim, 0, 10)
    hub.subscribe(2, 100)
    hub.publish(2)
    claims = hub.take(50, 20)
    assert len([claim for claim in claims if claim.repeated]) == 5
    assert claims[-1].subscription == 100
    assert hub.take(50, 20) == []
    hub.outcomes.done(claims[0], 20)
    assert len(hub.take(50, 20)) == 1


def test_a_retry_comes_when_it_is_due_and_later_updates_wait_behind_it(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.publish(1)
    hub.publish(1)
    [claim] = hub.take()
    assert hub.fail(claim, 0, 30) == 30
    assert hub.take(now=29.9) == []
    assert hub.turns.next_time(29.9) == 30
    [claim] = hub.take(now=30)
    assert (claim.sequence, claim.repeated, claim.early) == (1, True, False)
    hub.outcomes.done(claim, 30)
    assert hub.board.retrying == 0
    assert pairs(hub.take(now=30)) == [(10, 2)]


def test_a_new_update_makes_a_retry_early_and_the_schedule_goes_on_as_it_was(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.publish(1)
    [claim] = hub.take()
    hub.fail(claim, 0, 600)
    hub.publish(1, now=100)
    [claim] = hub.take(now=100)
    assert (claim.sequence, claim.early) == (1, True)
    assert hub.fail(claim, 100, 600) == 600
    assert hub.take(now=599) == []
    [claim] = hub.take(now=600)
    assert not claim.early


def test_a_new_update_right_after_a_failure_waits_for_five_seconds(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.publish(1)
    [claim] = hub.take(now=100)
    hub.fail(claim, 100, 600)
    hub.publish(1, now=101)
    assert hub.take(now=101) == []
    assert hub.turns.next_time(101) == 105
    assert pairs(hub.take(now=105)) == [(10, 1)]


def test_a_delay_that_the_callback_asked_for_is_not_shortened(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.publish(1)
    [claim] = hub.take()
    hub.fail(claim, 0, 600, firm=True)
    hub.publish(1, now=100)
    assert hub.take(now=599) == []
    assert pairs(hub.take(now=600)) == [(10, 1)]


def test_the_end_of_a_lease_is_seen_when_a_delivery_is_taken_and_a_renewal_owes_it_again(hub: Hub) -> None:
    hub.subscribe(1, 10, expires_at=50)
    hub.publish(1)
    assert hub.take(now=50) == []
    assert hub.turns.next_time(50) is None
    hub.members.renew(1, 10, 90, 51)
    assert pairs(hub.take(now=51)) == [(10, 1)]


@pytest.mark.parametrize("state", ["ready", "flying", "waiting", "parked", "called"])
def test_a_subscription_can_end_in_every_state(state: str) -> None:
    hub = Hub(DeliveryLimits(per_host=1))
    hub.subscribe(1, 9, host=1)
    hub.subscribe(1, 10, host=1)
    if state == "ready":
        hub.publish(1)
        hub.members.end(1, 10)
        [claim] = hub.take()
    else:
        hub.publish(1)
        [claim] = hub.take()
        ending = {"flying": 9, "waiting": 9, "parked": 10, "called": 10}[state]
        if state == "waiting":
            hub.fail(claim, 0, 30)
        if state == "called":
            hub.outcomes.done(claim, 0)
        hub.members.end(1, ending)
        if state == "flying":
            assert not hub.outcomes.done(claim, 0)
    if state in {"ready", "parked"}:
        hub.outcomes.done(claim, 0)
    for claim in hub.take(now=1000):
        hub.outcomes.done(claim, 1000)
    assert hub.take(now=1000) == []
    assert (hub.board.waiting, hub.board.in_flight, hub.board.retrying) == (0, 0, 0)
    assert hub.board.subscriptions == 1
    assert hub.board.hosts.states(10) == []


def test_putting_a_claim_back_gives_it_out_again(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.publish(1)
    [claim] = hub.take()
    hub.turns.put_back(claim, 0)
    assert hub.board.in_flight == 0
    assert pairs(hub.take()) == [(10, 1)]


def test_a_replay_that_arrives_is_not_taken_for_the_next_update(hub: Hub) -> None:
    for subscription in (10, 11):
        hub.subscribe(1, subscription, host=1)
    hub.publish(1)
    for claim in hub.take():
        hub.outcomes.dead(claim, 0, host_failed=False)
    hub.publish(1)
    hub.members.replay(1, 10, 77, 1)
    replay, other = hub.take()
    assert (replay.letter, replay.sequence, other.sequence) == (77, 1, 2)
    assert not hub.outcomes.done_simply(replay)
    assert hub.outcomes.done(replay, 0)
    assert pairs(hub.take()) == [(10, 2)]
    assert hub.board.waiting == 2


def test_what_was_taken_before_a_change_of_mode_is_counted_in_full(hub: Hub) -> None:
    hub.topic(1, DeliveryMode.LATEST)
    for subscription in (10, 11):
        hub.subscribe(1, subscription, host=1)
    for _ in range(3):
        hub.publish(1)
    claim, _ = hub.take()
    assert claim.sequence == 3
    hub.topic(1)
    assert hub.board.waiting == 6
    assert not hub.outcomes.done_simply(claim)
    assert hub.outcomes.done(claim, 0)
    assert hub.board.waiting == 3


def test_a_dead_letter_is_replayed_before_what_comes_next_and_changes_no_position(hub: Hub) -> None:
    hub.subscribe(1, 10)
    hub.publish(1)
    hub.publish(1)
    [claim] = hub.take()
    hub.outcomes.dead(claim, 0, host_failed=False)
    assert hub.members.replay(1, 10, 77, 1)
    assert hub.members.replay(1, 10, 77, 1)
    [claim] = hub.take()
    assert (claim.letter, claim.sequence) == (77, 1)
    hub.outcomes.done(claim, 0)
    [claim] = hub.take()
    assert (claim.letter, claim.sequence) == (0, 2)
    assert not hub.members.replay(1, 11, 78, 1)


def test_the_space_of_ended_subscriptions_is_given_back(hub: Hub) -> None:
    for subscription in range(10_000):
        hub.subscribe(1, subscription)
    hub.publish(1)
    [claim] = hub.take(1)
    for subscription in range(1, 10_000):
        if subscription % 1000:
            hub.members.end(1, subscription)
    log = hub.board.logs[1]
    assert len(log.segments[0].ids) == 4096, "a claim points into it"
    hub.outcomes.done(claim, 0)
    for claim in hub.take():
        hub.outcomes.done(claim, 0)
    assert sum(len(segment.ids) for segment in log.segments) < 3 * 128
    assert hub.board.subscriptions == 10


def test_whatever_happens_each_update_reaches_each_subscription_once_and_in_order() -> None:
    chance = random.Random(20261122)  # noqa: S311 - no secret
    for _ in range(60):
        _run_by_chance(chance)


def _run_by_chance(chance: random.Random) -> None:
    hub = Hub(DeliveryLimits(per_host=2, retries=3, failures=2, probe_seconds=3, probe_seconds_most=10))
    joined: dict[int, int] = {}
    received: dict[int, list[int]] = {}
    flying: list[Claim] = []
    now = 0.0
    for step in range(400):
        now += chance.random()
        action = chance.randrange(10)
        if action == 0 and len(joined) < 30:
            topic = chance.randrange(1, 4)
            hub.subscribe(topic, step, host=chance.randrange(5))
            joined[step], received[step] = hub.heads[topic], []
        elif action == 1 and hub.heads:
            hub.publish(chance.choice(list(hub.heads)), now)
        elif action < 6:
            flying += hub.take(chance.randrange(1, 6), now)
        elif flying:
            _settle_by_chance(hub, flying.pop(chance.randrange(len(flying))), received, chance, now)
        assert hub.board.in_flight == len(flying)
        assert len({claim.subscription for claim in flying}) == len(flying)
    _drain(hub, flying, received, now)
    heads = {
        number: (hub.heads[log.number], joined[number])
        for log in hub.board.logs.values()
        for segment in log.segments
        for number in segment.ids
    }
    assert {number: list(range(start + 1, head + 1)) for number, (head, start) in heads.items()} == received
    assert (hub.board.waiting, hub.board.retrying, hub.board.repeated_in_flight) == (0, 0, 0)


def _settle_by_chance(
    hub: Hub, claim: Claim, received: dict[int, list[int]], chance: random.Random, now: float
) -> None:
    if chance.random() < 0.5:
        hub.outcomes.retry(claim, now + chance.random() * 5, now, firm=False, host_failed=chance.random() < 0.5)
    elif chance.random() < 0.1:
        hub.turns.put_back(claim, now)
    else:
        received[claim.subscription].append(claim.sequence)
        hub.outcomes.done(claim, now)


def _drain(hub: Hub, flying: list[Claim], received: dict[int, list[int]], now: float) -> None:
    for _ in range(10_000):
        for claim in flying:
            received[claim.subscription].append(claim.sequence)
            hub.outcomes.done(claim, now)
        flying = hub.take(10, now)
        if not flying:
            next_time = hub.turns.next_time(now)
            if next_time is None:
                return
            now = max(now, next_time)
    pytest.fail("The schedule did not come to rest.")
