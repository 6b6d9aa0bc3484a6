"""The page of threats says what the tests show."""

from tests.hostile.holds import HOLDS
from tests.hostile.page import FAMILIES, PAGE, page
from tests.hostile.threats import ELSEWHERE, THREATS


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "python -m tests.hostile writes it"


def test_it_says_of_each_threat_what_holds() -> None:
    assert set(HOLDS) == set(THREATS) - set(ELSEWHERE)
    assert {id_.rpartition("-")[0] for id_ in THREATS} == set(FAMILIES)
