"""What the end of an attempt says, for everything that a subscriber may answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websubhub import DeliveryFailure, DeliveryOutcome
from websubhub.standalone.schedule.verdicts import Verdict, judge

TAKEN, GONE, NOT_NOW = Verdict.TAKEN, Verdict.GONE, Verdict.NOT_NOW
REFUSED, TURNED_AWAY = Verdict.REFUSED, Verdict.TURNED_AWAY


@pytest.mark.spec("H-49", "H-50")
@pytest.mark.parametrize(
    ("verdict", "statuses"),
    [
        (TAKEN, [200, 201, 202, 203, 204, 205, 206, 226, 299]),
        (GONE, [410]),
        (NOT_NOW, [408, 425, 429, 500, 501, 502, 503, 504, 505, 507, 511, 520, 599]),
        (NOT_NOW, [600, 700, 999]),  # no statuses of HTTP, to be taken for 5xx
        (REFUSED, [400, 406, 409, 411, 412, 413, 415, 416, 417, 418, 422, 424, 431, 444, 498, 499]),
        (TURNED_AWAY, [300, 301, 302, 303, 304, 307, 308, 399]),
        (TURNED_AWAY, [401, 402, 403, 404, 405, 407, 414, 421, 423, 426, 428, 451]),
    ],
)
def test_a_status_has_its_verdict(verdict: Verdict, statuses: list[int]) -> None:
    assert {status: judge(DeliveryOutcome(status)) for status in statuses} == dict.fromkeys(statuses, verdict)


@pytest.mark.parametrize("failure", DeliveryFailure)
def test_no_answer_means_not_now_unless_nothing_could_be_asked(failure: DeliveryFailure) -> None:
    own = {
        DeliveryFailure.INVALID_REQUEST: Verdict.UNSENDABLE,
        DeliveryFailure.NO_DESCRIPTOR: Verdict.NOT_BEGUN,
        DeliveryFailure.HELD_BACK: Verdict.NOT_BEGUN,
    }
    verdict = judge(DeliveryOutcome(failure=failure))
    assert verdict is own.get(failure, NOT_NOW)
    assert verdict.blames_host is (failure not in own)


@given(st.integers(-1000, 10_000))
def test_every_status_has_a_verdict_and_only_2xx_is_taken(status: int) -> None:
    outcome = DeliveryOutcome(status)
    verdict = judge(outcome)
    assert (verdict is TAKEN) == outcome.delivered
    assert (verdict in {REFUSED, TURNED_AWAY}) <= (300 <= status <= 499)


def test_only_a_host_in_trouble_is_slowed_down() -> None:
    assert [verdict for verdict in Verdict if verdict.blames_host] == [NOT_NOW]
