"""The table of a subscription's states is what the schedule does: every way in it is gone, and no other."""

import random
from collections.abc import Iterable
from typing import Any, SupportsIndex

import pytest

from docs.generate.standalone import states as drawn
from tests.standalone.test_schedule_counters import NEVER, Hub
from websubhub.standalone.schedule import columns
from websubhub.standalone.schedule.columns import Segment
from websubhub.standalone.schedule.states import ENDED, NAMES, STARTS, TRANSITIONS, Cause, ways

ACTIONS = (
    "publish take take take settle settle settle settle subscribe end renew renew replay drop drop_at_once mode restore"
).split()

Way = tuple[int, int]


class Watched(bytearray):
    """The states of a segment, which tell of each change."""

    def __init__(self, states: Iterable[SupportsIndex], seen: set[Way], starts: set[int]) -> None:
        super().__init__(states)
        self._seen = seen
        self._starts = starts

    def append(self, item: SupportsIndex, /) -> None:
        self._starts.add(int(item))
        super().append(item)

    def __setitem__(self, index: Any, state: Any) -> None:
        self._seen.add((self[index], state))
        super().__setitem__(index, state)

    def translate(self, table: Any, /, delete: Any = b"") -> bytearray:
        after = super().translate(table, delete)
        self._seen.update(zip(self, after, strict=True))
        return after


class Chances:
    """Draws numbers as a property test does, the same ones in every run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    def draw(self, strategy: Any) -> Any:
        values = getattr(strategy, "elements", None)
        return self._random.choice(values) if values else self._random.randrange(1001)


class Walk(Hub):
    """A schedule in which anything happens, a restart too."""

    def restore(self) -> None:
        self.subscribe()
        log, segment, index = self.board.find(*self.subscriptions[-1]) or pytest.fail("it is not there")
        if log.owes_nothing(segment, index):  # so no attempt has failed
            return
        self.members.restore_retry(
            *self.subscriptions[-1],
            due_at=self.now + 1 + self.seconds(),
            attempted_at=self.now - self.seconds(),
            firm=self.chance(),
        )

    def drop_at_once(self) -> None:
        """Replay and drop, and let it be dropped while it waits for its host, or has a slot and waits for its turn."""
        topic, subscription = self.pair()
        self.members.replay(topic, subscription, 1, 1)
        if self.chance():
            self.take()
        self.members.drop_letter(topic, subscription, 1)

    def renew(self) -> None:
        if self.chance():
            self.members.renew(*self.pair(), NEVER, self.now)
        super().renew()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> tuple[set[Way], set[int]]:
    """What the schedule does with states while a test runs: the changes, and the first ones."""
    changes: set[Way] = set()
    starts: set[int] = set()
    slot = Segment.__dict__["states"]

    class WatchedSegment(Segment):
        __slots__ = ()

        @property
        def states(self) -> bytearray:
            return slot.__get__(self, Segment)  # type: ignore[no-any-return]

        @states.setter
        def states(self, states: bytearray) -> None:
            slot.__set__(self, Watched(states, changes, starts))

    monkeypatch.setattr(columns, "Segment", WatchedSegment)
    return changes, starts


def named(found: Iterable[Way]) -> set[str]:
    return {f"{NAMES[before]} -> {NAMES[after]}" for before, after in found}


def test_the_schedule_goes_every_way_of_the_table_and_no_other(seen: tuple[set[Way], set[int]]) -> None:
    changes, starts = seen
    for seed in range(60):
        chances = Chances(seed)
        walk = Walk(chances)  # type: ignore[arg-type]  # draws all the same
        for _ in range(200):
            getattr(walk, ACTIONS[walk.number(len(ACTIONS))])()
    changed = {(before, after) for before, after in changes if before != after}
    assert named(changed - set(ways())) == set()
    assert named(set(ways()) - changed) == set()
    assert starts == set(STARTS)


def test_the_table_names_every_state_and_event() -> None:
    assert set(TRANSITIONS) == set(Cause)
    assert len(set(NAMES)) == len(NAMES) == ENDED + 1
    states = {state for rows in TRANSITIONS.values() for before, afters in rows.items() for state in (before, *afters)}
    assert states == set(range(len(NAMES)))
    assert not [before for before, _ in ways() if before == ENDED]


def test_the_drawing_in_the_documentation_is_made_from_the_table() -> None:
    text = drawn.PAGE.read_text()
    assert drawn.drawing() in text
    assert drawn.renewed(text) == text
    assert drawn.renewed(text.replace("IN_FLIGHT", "FLYING")) == text
