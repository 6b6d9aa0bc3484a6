"""Each kind of failure has its own way through the delays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websubhub.standalone.schedule.retry import RETRY_DELAYS, Again, Attempt, RetrySchedule
from websubhub.standalone.schedule.verdicts import Verdict
from websubhub.standalone.settings import Settings

DAY = 86_400
NOT_NOW, REFUSED, TURNED_AWAY = Verdict.NOT_NOW, Verdict.REFUSED, Verdict.TURNED_AWAY
PLAIN = RetrySchedule(jitter=0)


def test_the_settings_have_the_same_defaults() -> None:
    settings, schedule = Settings(), RetrySchedule()
    assert settings.retry_delays == schedule.delays == RETRY_DELAYS
    assert settings.refused_attempts == schedule.refused_attempts == 3


@given(attempt=st.integers(1, len(RETRY_DELAYS)), chance=st.floats(0, 1))
def test_a_delay_is_that_of_the_schedule_and_up_to_a_quarter_more(attempt: int, chance: float) -> None:
    delay = RetrySchedule().delay(attempt, chance)
    assert delay is not None
    assert RETRY_DELAYS[attempt - 1] <= delay <= RETRY_DELAYS[attempt - 1] * 1.25


def test_after_twelve_attempts_in_three_days_it_is_given_up() -> None:
    assert RetrySchedule().delay(12, 0.5) is None
    assert RetrySchedule().delay(12, 0.5, retry_after=60) is None
    assert sum(RETRY_DELAYS) / DAY == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(0, 150), (-5, 150), (149, 150), (151, 151), (DAY, DAY), (DAY + 1, DAY), (10**9, DAY), (float("inf"), DAY)],
)
def test_retry_after_lengthens_a_delay_up_to_a_day(asked: float, waited: float) -> None:
    assert RetrySchedule().delay(3, 1.0, retry_after=asked) == waited


@given(
    attempt=st.integers(1, len(RETRY_DELAYS)),
    chance=st.floats(0, 1),
    asked=st.floats(allow_nan=False) | st.none(),
    verdict=st.sampled_from([NOT_NOW, REFUSED, TURNED_AWAY]),
    refusals=st.integers(0, 1),
)
def test_retry_after_never_shortens_a_delay(
    attempt: int, chance: float, asked: float | None, verdict: Verdict, refusals: int
) -> None:
    made = Attempt(verdict=verdict, number=max(attempt, refusals + 1), refusals=refusals)
    plain = RetrySchedule().again(made, chance)
    again = RetrySchedule().again(
        Attempt(verdict=verdict, number=made.number, refusals=refusals, retry_after=asked), chance
    )
    assert plain is not None
    assert again is not None
    assert again.after >= plain.after
    assert again.firm == (again.after > plain.after)
    assert not plain.firm
    assert again.refused == plain.refused


@pytest.mark.parametrize("verdict", [NOT_NOW, REFUSED, TURNED_AWAY])
def test_the_delays_are_those_that_were_set_whatever_the_answer_was(verdict: Verdict) -> None:
    schedule = RetrySchedule(delays=(1, 2), jitter=0)
    first = schedule.again(Attempt(verdict=verdict, number=1), 0)
    refused = verdict is not NOT_NOW
    second = schedule.again(Attempt(verdict=verdict, number=2, refusals=int(refused)), 0)
    assert (first, second) == (Again(1, firm=False, refused=refused), Again(2, firm=False, refused=refused))
    assert schedule.again(Attempt(verdict=verdict, number=3, refusals=2 * refused), 0) is None


def lived(verdicts: list[Verdict], schedule: RetrySchedule = PLAIN, *, turned_away: bool = False) -> list[float]:
    """The delays after attempts that ended like this, until the delivery is given up or there are no more."""
    delays: list[float] = []
    refusals = 0
    for number, verdict in enumerate(verdicts, 1):
        again = schedule.again(Attempt(verdict=verdict, number=number, refusals=refusals, turned_away=turned_away), 0)
        if again is None:
            break
        delays.append(again.after)
        refusals += again.refused
    return delays


def test_what_fails_for_the_moment_has_the_whole_schedule() -> None:
    assert lived([NOT_NOW] * 99) == list(RETRY_DELAYS)


@pytest.mark.parametrize("verdict", [REFUSED, TURNED_AWAY])
def test_what_is_refused_is_given_up_after_a_few_attempts(verdict: Verdict) -> None:
    assert lived([verdict] * 99) == [5, 30]
    assert lived([verdict] * 99, RetrySchedule(jitter=0, refused_attempts=1)) == []
    assert lived([verdict] * 99, RetrySchedule(jitter=0, refused_attempts=5)) == [5, 30, 120, 600]
    assert lived([verdict] * 99, RetrySchedule(delays=(1,), jitter=0)) == [1]


def test_refusals_and_other_failures_are_counted_apart() -> None:
    assert lived([*[NOT_NOW] * 11, REFUSED, REFUSED, NOT_NOW]) == [*RETRY_DELAYS, 5, 30]
    assert lived([*[NOT_NOW] * 11, REFUSED, REFUSED, REFUSED]) == [*RETRY_DELAYS, 5, 30]
    assert lived([REFUSED, NOT_NOW, REFUSED, NOT_NOW, NOT_NOW, REFUSED, NOT_NOW]) == [5, 5, 30, 30, 120]


@pytest.mark.spec("H-54")
def test_a_callback_that_turns_two_updates_away_in_a_row_is_waited_for() -> None:
    assert lived([TURNED_AWAY] * 99, turned_away=True) == list(RETRY_DELAYS)
    assert lived([TURNED_AWAY, NOT_NOW] * 99, turned_away=True) == list(RETRY_DELAYS)
    assert lived([REFUSED] * 99, turned_away=True) == [5, 30], "that is about the content"


def test_what_can_never_be_sent_is_given_up_at_once() -> None:
    assert lived([Verdict.UNSENDABLE]) == []


@given(
    number=st.integers(1, 200),
    refusals=st.integers(0, 200),
    verdict=st.sampled_from(Verdict),
    turned_away=st.booleans(),
    asked=st.none() | st.floats(allow_nan=False),
    chance=st.floats(0, 1),
)
def test_whatever_was_counted_there_is_an_answer(
    number: int,
    refusals: int,
    verdict: Verdict,
    turned_away: bool,  # noqa: FBT001 - drawn
    asked: float | None,
    chance: float,
) -> None:
    made = Attempt(verdict=verdict, number=number, refusals=refusals, turned_away=turned_away, retry_after=asked)
    again = RetrySchedule().again(made, chance)
    assert again is None or 5 <= again.after <= DAY * 1.25


@pytest.mark.parametrize("delays", [(), (-1,), (31 * DAY,), (1,) * 101])
def test_a_schedule_has_bounds(delays: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="delays"):
        RetrySchedule(delays=delays)


def test_a_delivery_has_one_attempt_at_least() -> None:
    with pytest.raises(ValueError, match="refused_attempts"):
        RetrySchedule(refused_attempts=0)


@pytest.mark.threat("AMP-10")
@given(number=st.integers(1, 1_000), refusals=st.integers(0, 2), chance=st.floats(0, 1))
def test_what_could_not_be_begun_is_no_attempt_however_often(number: int, refusals: int, chance: float) -> None:
    held_back = Attempt(verdict=Verdict.NOT_BEGUN, number=number, refusals=min(refusals, number - 1))
    again = RetrySchedule().again(held_back, chance)
    assert again is not None
    assert not again.counted
    assert not again.refused
    assert RETRY_DELAYS[1] <= again.after <= RETRY_DELAYS[1] * 1.25
    assert RetrySchedule(delays=(7,), jitter=0).again(held_back, chance) == Again(
        7, firm=False, refused=False, counted=False
    )
