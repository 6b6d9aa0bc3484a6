"""Which validators tell every change of a topic."""

import pytest

from _websub.http import Headers
from websubhub._clients.validators import Validators, strong_validators

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"


def validators(**headers: str) -> Validators:
    return strong_validators(Headers({name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.mark.parametrize(
    ("date", "strong"),
    [
        ("Sun, 22 Nov 2026 12:01:00 GMT", True),
        ("Mon, 23 Nov 2026 12:00:00 GMT", True),
        ("Sun, 22 Nov 2026 12:00:59 GMT", False),
        ("Sun, 22 Nov 2026 12:00:01 GMT", False),
        (NOON, False),
        ("Sun, 22 Nov 2026 11:00:00 GMT", False),
        ("", False),
        ("now", False),
        ("Sun, 22 Nov 2026 13:00:00 CET", False),
        ("Sun, 30 Feb 2027 13:00:00 GMT", False),
    ],
)
@pytest.mark.parametrize("etag", ["", '"7"'])
def test_content_that_has_just_changed_has_no_strong_validator(date: str, strong: bool, etag: str) -> None:  # noqa: FBT001
    found = validators(Last_Modified=NOON, Date=date, ETag=etag)
    assert found == (Validators(etag or None, NOON) if strong else Validators())


@pytest.mark.parametrize(("age", "strong"), [("0", True), ("3600", True), ("3601", False), ("-1", False), ("x", False)])
def test_what_a_cache_has_kept_was_made_before(age: str, strong: bool) -> None:  # noqa: FBT001
    found = validators(Last_Modified=NOON, Date="Sun, 22 Nov 2026 13:01:00 GMT", Age=age)
    assert (found.last_modified is not None) is strong


@pytest.mark.parametrize("etag", ['"7"', '"67f3-5e8a"', '""', f'"{"x" * 1000}"', '"a\'b!#~"'])
def test_an_entity_tag_alone_is_enough(etag: str) -> None:
    assert validators(ETag=etag) == Validators(etag)


@pytest.mark.parametrize(
    "etag", ['W/"7"', "7", "'7'", '"7', '"\u20ac"', '"\xe4"', '"a b"', '"a"b"', f'"{"x" * 1001}"', '"1", "2"', '"\x07"']
)
@pytest.mark.threat("HI-8", "DOS-12")
def test_an_entity_tag_that_is_weak_or_cannot_be_sent_is_left_out(etag: str) -> None:
    assert validators(ETag=etag) == Validators()


@pytest.mark.parametrize("date", ["then", "0", "2026-11-22T12:00:00Z", "Sun, 22 Nov 2026 12:00:00 +0000", "\u20ac"])
def test_a_date_that_is_none_says_nothing(date: str) -> None:
    assert validators(Last_Modified=date, Date=NOON, ETag='"7"') == Validators('"7"')
