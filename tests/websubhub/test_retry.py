"""RetryPolicy repeats what may succeed another time."""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import time
from typing import Any

import anyio
import pytest

from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from websubhub import ContentDeliveryError, ContentDistributionSuccess, RetryPolicy, SubscriptionDeletedError

QUICK = RetryPolicy(attempts=4, interval=0.001, jitter=0)
SUCCESS = ContentDistributionSuccess(status=202)


def failed(status: int, **headers: str) -> ContentDeliveryError:
    return ContentDeliveryError(
        "It failed.", status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


class Attempts:
    """What is called: fails as often as there are errors, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self) -> ContentDistributionSuccess:
        self.times.append(anyio.current_time())
        if self.errors:
            raise self.errors.pop(0)
        return SUCCESS

    @property
    def waits(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


@pytest.mark.spec("H-52")
@pytest.mark.parametrize("failures", [0, 1, 2, 3])
async def test_it_tries_until_it_succeeds(failures: int) -> None:
    call = Attempts(*(failed(503) for _ in range(failures)))
    assert await QUICK.run(call) is SUCCESS
    assert len(call.times) == failures + 1


@pytest.mark.spec("H-53")
@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_it_ends_with_the_last_error(attempts: int) -> None:
    call = Attempts(*(ContentDeliveryError(str(n), status=500) for n in range(10)))
    with pytest.raises(ContentDeliveryError, match=f"^{attempts - 1}$"):
        await RetryPolicy(attempts=attempts, interval=0.001, jitter=0).run(call)
    assert len(call.times) == attempts


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (failed(0), True),
        (failed(429), True),
        (failed(503), True),
        (failed(400), False),
        (failed(404), False),
        (failed(302), False),
        (SubscriptionDeletedError("It wants no more."), False),
        (ValueError("a slip"), False),
    ],
)
async def test_what_is_worth_another_attempt(error: Exception, again: bool) -> None:  # noqa: FBT001  one of a pair
    assert bool(QUICK.wait_before_retry(error)) is again
    call = Attempts(error)
    if again:
        assert await QUICK.run(call) is SUCCESS
    else:
        with pytest.raises(type(error)):
            await QUICK.run(call)
        assert len(call.times) == 1


async def test_410_ends_it_even_if_it_is_listed() -> None:
    call = Attempts(SubscriptionDeletedError("It wants no more."))
    with pytest.raises(SubscriptionDeletedError):
        await RetryPolicy(interval=0.001, jitter=0, statuses=[410]).run(call)
    assert len(call.times) == 1


@pytest.mark.spec("H-52")
async def test_waits_grow_by_the_factor_up_to_the_maximum() -> None:
    call = Attempts(*(failed(500) for _ in range(4)))
    await RetryPolicy(attempts=5, interval=20, factor=2, maximum=50, jitter=0).run(call)
    assert call.waits == pytest.approx([20, 40, 50, 50])


@pytest.mark.spec("H-52")
async def test_the_wait_that_a_subscriber_asks_for_is_kept() -> None:
    call = Attempts(failed(429, Retry_After="1"))
    await RetryPolicy(interval=0.001, jitter=0).run(call)
    assert call.waits == pytest.approx([1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("15", 15),
        ("99999999999", 20),
        pytest.param(formatdate(time() - 60, usegmt=True), 0, id="a minute ago"),
        pytest.param(formatdate(time() + 3600, usegmt=True), 20, id="in an hour"),
        ("soon", True),
        ("-1", True),
        ("1.5", True),
        ("٣", True),
        ("", True),
        ("Sun, 06 Nov 1994 08:49:37 +99999999999999999999", True),
        pytest.param("9" * 5000, 20, id="5000 digits"),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_bounded(value: str, expected: Any) -> None:
    wait = RetryPolicy(retry_after_maximum=20).wait_before_retry(failed(503, Retry_After=value))
    assert wait == expected
    assert (wait is True) == (expected is True)


@pytest.mark.spec("H-52")
@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (["0", "0", "0", "0", "0"], [3, 6, 12, 20, 20]),
        (["1", "5", "13", "1", "0"], [3, 6, 13, 20, 20]),
        (["60", "301", "0", "99999", "21"], [60, 300, 12, 300, 21]),
        (["", "-1", "soon", "Sun, 06 Nov 1994 08:49:37 GMT", "7"], [3, 6, 12, 20, 20]),
    ],
)
def test_retry_after_makes_a_wait_longer_and_never_shorter(asked: list[str], waited: list[float]) -> None:
    wait = RetryPolicy(interval=3, factor=2, maximum=20, jitter=0)._waits()
    assert [wait(failed(503, Retry_After=value)) for value in asked] == waited


def test_each_run_starts_with_the_first_wait_and_each_wait_has_its_share_of_chance() -> None:
    policy = RetryPolicy(interval=3, factor=2, maximum=20, jitter=1)
    for _ in range(20):
        wait = policy._waits()
        waits = [wait(failed(503, Retry_After="0")) for _ in range(5)]
        for seconds, least in zip(waits, [3, 6, 12, 20, 20], strict=True):
            assert least <= seconds <= min(least + 1, 20)


def test_waits_that_grow_for_ever_stay_numbers() -> None:
    wait = RetryPolicy(attempts=5000, factor=1e300, maximum=7, jitter=0)._waits()
    assert {wait(failed(500)) for _ in range(5000)} == {3, 7}


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempts": -1},
        {"interval": -1},
        {"factor": 0.5},
        {"maximum": -1},
        {"jitter": -1},
        {"retry_after_maximum": -1},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)


def test_the_defaults_are_few_attempts_for_what_may_pass() -> None:
    policy = RetryPolicy()
    assert policy.attempts == 3
    assert policy.statuses == {429, 500, 502, 503, 504}


async def test_cancelling_ends_a_wait_at_once() -> None:
    call: Callable[[], Awaitable[ContentDistributionSuccess]] = Attempts(failed(500))
    with anyio.move_on_after(0.05) as scope:
        await RetryPolicy(interval=60, maximum=60, jitter=0).run(call)
    assert scope.cancelled_caught
