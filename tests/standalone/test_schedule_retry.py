import pytest
from hypothesis import given
from hypothesis import strategies as st

from websubhub.standalone.schedule.retry import RETRY_DELAYS, RetrySchedule


@given(attempt=st.integers(1, len(RETRY_DELAYS)), chance=st.floats(0, 1))
def test_a_delay_is_that_of_the_schedule_and_up_to_a_quarter_more(attempt: int, chance: float) -> None:
    delay = RetrySchedule().delay(attempt, chance)
    assert delay is not None
    assert RETRY_DELAYS[attempt - 1] <= delay <= RETRY_DELAYS[attempt - 1] * 1.25


def test_after_twelve_attempts_in_three_days_it_is_given_up() -> None:
    assert RetrySchedule().delay(12, 0.5) is None
    assert RetrySchedule().delay(12, 0.5, retry_after=60) is None
    assert sum(RETRY_DELAYS) / 86_400 == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    ("asked", "waited"), [(30, 30), (0, 1), (-5, 1), (10**9, 86_400), (86_401, 86_400), (float("inf"), 86_400)]
)
def test_retry_after_wins_within_bounds(asked: float, waited: float) -> None:
    assert RetrySchedule().delay(1, 1.0, retry_after=asked) == waited


def test_a_refused_request_is_not_repeated_quickly() -> None:
    assert RetrySchedule().delay(1, 0, refused=True) == 600
    assert RetrySchedule().delay(6, 0, refused=True) == 7200


@pytest.mark.parametrize("delays", [(), (-1,), (31 * 86_400,), (1,) * 101])
def test_a_schedule_has_bounds(delays: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="delays"):
        RetrySchedule(delays=delays)
