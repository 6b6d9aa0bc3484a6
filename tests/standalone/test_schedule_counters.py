"""Whatever happens, the board counts what stands in its segments."""

from hypothesis import given
from hypothesis import strategies as st

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.columns import Segment
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.members import Member, Members
from websubhub.standalone.schedule.outcomes import Outcomes
from websubhub.standalone.schedule.states import ADMITTED, ENDED
from websubhub.standalone.schedule.turns import Turns

NEVER = 1e12
ACTIONS = st.sampled_from(
    ["publish", "take", "take", "settle", "settle", "settle", "subscribe", "end", "renew", "replay", "drop", "mode"]
)
NUMBERS = st.integers(0, 1000)
SECONDS = st.sampled_from([0.0, 0.5, 5.0, 40.0])
LIMITS = DeliveryLimits(per_host=2, retries=2, failures=2, probe_seconds=3, probe_seconds_most=10)


class Hub:
    """A schedule in use: two topics, three hosts, and claims that end in every way.

    What happens to whom is drawn.
    """

    def __init__(self, data: st.DataObject) -> None:
        self.board = Board(LIMITS)
        self.members = Members(self.board, lambda: None)
        self.turns = Turns(self.board, Claim)
        self.outcomes = Outcomes(self.board)
        self.flying: list[Claim] = []
        self.subscriptions: list[tuple[int, int]] = []
        self.now = 1.0
        self._data = data
        self.members.add_topic(0, DeliveryMode.EVERY)
        self.members.add_topic(1, DeliveryMode.LATEST)
        for _ in range(5):
            self.subscribe()
        self.publish()

    def number(self, below: int) -> int:
        return self._data.draw(NUMBERS) % below

    def seconds(self) -> float:
        return self._data.draw(SECONDS)

    def chance(self) -> bool:
        return bool(self.number(2))

    def pair(self) -> tuple[int, int]:
        return self.subscriptions[self.number(len(self.subscriptions))]

    def subscribe(self) -> None:
        topic, number = self.number(2), len(self.subscriptions) + 1
        position = max(self.board.logs[topic].head - self.number(3), 0)
        expires_at = self.now + self.seconds() if self.number(4) == 0 else NEVER
        self.members.add(
            Member(topic=topic, subscription=number, host=self.number(3), position=position, expires_at=expires_at)
        )
        self.subscriptions.append((topic, number))

    def renew(self) -> None:
        self.members.renew(*self.pair(), self.now + self.seconds(), self.now)

    def end(self) -> None:
        self.members.end(*self.pair())

    def publish(self) -> None:
        topic = self.number(2)
        self.members.publish(topic, self.board.logs[topic].head + 1, self.now)

    def mode(self) -> None:
        self.members.add_topic(self.number(2), list(DeliveryMode)[self.number(2)])

    def replay(self) -> None:
        topic, subscription = self.pair()
        place = self.board.find(topic, subscription)
        if place is not None and place[1].positions[place[2]]:  # what was given up lies behind it
            sequence = 1 + self.number(place[1].positions[place[2]])
            self.members.replay(topic, subscription, self.number(3) + 1, sequence)

    def drop(self) -> None:
        self.members.drop_letter(*self.pair(), self.number(3) + 1)

    def take(self) -> None:
        self.now += self.seconds()
        self.flying += self.turns.take(1 + self.number(10), self.now)

    def settle(self) -> None:
        if not self.flying:
            return
        claim = self.flying.pop(self.number(len(self.flying)))
        how = self.number(8)
        if how == 0:
            self.outcomes.dead(claim, self.now, host_failed=self.chance())
        elif how == 1:
            self.outcomes.gone(claim)
        elif how == 2:
            self.turns.put_back(claim, self.now)
        elif how in {3, 4}:
            due = self.now + self.seconds()
            self.outcomes.retry(claim, due, self.now, firm=self.chance(), host_failed=self.chance())
        elif how == 5 or not self.outcomes.done_simply(claim):
            self.outcomes.done(claim, self.now)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def segments(self) -> list[Segment]:
        return [segment for log in self.board.logs.values() for segment in log.segments]

    def check_subscriptions(self) -> None:
        for log in self.board.logs.values():
            assert log.active == sum(state != ENDED for segment in log.segments for state in segment.states)
        for segment in self.segments():
            assert segment.ended == segment.states.count(ENDED)
        assert self.board.subscriptions == sum(log.active for log in self.board.logs.values())

    def check_what_is_owed(self) -> None:
        for log in self.board.logs.values():
            assert log.waiting == sum(
                log.owed(segment, index)
                for segment in log.segments
                for index, state in enumerate(segment.states)
                if state != ENDED
            )
        assert self.board.waiting == sum(log.waiting for log in self.board.logs.values())
        assert self.board.retrying == sum(bool(due) for segment in self.segments() for due in segment.dues)

    def check_what_is_in_flight(self) -> None:
        assert self.board.in_flight == len(self.flying)
        assert self.board.repeated_in_flight == sum(claim.repeated for claim in self.flying)
        for segment in self.segments():
            assert segment.claimed == sum(claim.segment is segment for claim in self.flying)
        admitted = sum(segment.states.count(ADMITTED) for segment in self.segments())
        assert sum(host.in_flight for host in self.board.hosts.states(100)) == len(self.flying) + admitted


@given(st.lists(ACTIONS, min_size=20, max_size=80), st.data())
def test_the_counters_are_the_sums_over_the_segments(actions: list[str], data: st.DataObject) -> None:
    hub = Hub(data)
    for action in actions:
        getattr(hub, action)()
        hub.check_subscriptions()
        hub.check_what_is_owed()
        hub.check_what_is_in_flight()
