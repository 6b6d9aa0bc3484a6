"""Retry-After, in seconds or as one of the three dates of HTTP, and nothing else."""

import calendar
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.retry_after import retry_after_seconds

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
DAY = 86_400.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("\t7\t", 7.0),
        ("0", 0.0),
        ("000000000000007", 7.0),
        ("86400", DAY),
        ("86401", DAY),
        ("99999999999999999999", DAY),
        ("9" * 100_000, DAY),
        ("0" * 100_000, 0.0),
        # IMF-fixdate
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 23.0),
        ("Sun, 06 Nov 2094 08:49:37 GMT", DAY),
        ("Fri, 31 Dec 9999 23:59:60 GMT", DAY),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0.0),
        ("Mon, 06 Nov 1994 08:50:37 GMT", 60.0),  # not the day of that date, which the grammar does not ask for
        # RFC 850, and asctime
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun Nov  6 08:50:37 1994", 60.0),
        ("Sun Nov 06 08:50:37 1994", 60.0),
        ("Mon Nov 07 08:49:37 1994", DAY),
    ],
)
def test_seconds_and_dates_are_read_and_bounded(value: str, seconds: float) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "-5", "+5", "1.5", "1e3", "0x10", "5s", "5, 6", "5 6", "1_0", "soon",
        "٣", "\uff15", "\x0b5", "5\x00", "\xa05", "5\r\n", "\udcff",
        "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 -9999",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 94",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:4\u0669:37 GMT",
    ],
)  # fmt: skip
def test_everything_else_says_nothing(value: str | None) -> None:
    assert retry_after_seconds(value, NOW) is None


@pytest.mark.parametrize(
    ("date", "now", "later"),
    [
        ("06-Nov-94 08:49:37", "1994-11-06T08:49:30", 7),
        ("01-Jan-00 00:00:05", "1999-12-31T23:59:55", 10),
        ("06-Nov-44 08:49:37", "1994-11-06T08:49:37", DAY),  # 50 years ahead are not more than 50
        ("06-Nov-44 08:49:38", "1994-11-06T08:49:37", 0),  # but that is: 1944
        ("07-Nov-44 00:00:00", "1994-11-06T08:49:37", 0),
        ("06-Nov-45 08:49:37", "1994-11-06T08:49:37", 0),
        ("01-Jan-10 00:00:00", "2070-01-01T00:00:00", DAY),  # 2110, since 2010 is not the latest that may be meant
        ("29-Feb-00 00:00:05", "2000-02-29T00:00:00", 5),
    ],
)
def test_a_year_of_two_digits_is_the_latest_that_is_not_more_than_50_years_ahead(
    date: str, now: str, later: float
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()
    assert retry_after_seconds(f"Sunday, {date} GMT", moment) == later


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), st.integers(0, 4_000_000_000))  # noqa: DTZ001
def test_the_dates_that_libraries_write_are_read(date: datetime, now: int) -> None:
    moment = date.replace(microsecond=0, tzinfo=UTC)
    wanted = max(0.0, min(calendar.timegm(moment.timetuple()) - now, DAY))
    assert retry_after_seconds(format_datetime(moment, usegmt=True), now) == wanted
    assert retry_after_seconds(time.asctime(moment.timetuple()), now) == wanted


# What is nearly a date reaches further into the code than what is none at all.
_PIECES = st.sampled_from(
    "Sun, |Sunday, |06 |6 |Nov |-Nov-|1994 |94 |08:49:37|99:99:99| GMT| +99999999999999999999|0000|Feb |29 |31 |60|\x00"
    "| |5|-1|9".split("|")
)


@given(st.text(max_size=300) | st.lists(_PIECES, max_size=9).map("".join), st.floats(0, 1e10))
@pytest.mark.threat("DOS-4")
def test_nothing_escapes_and_nothing_is_out_of_bounds(value: str, now: float) -> None:
    seconds = retry_after_seconds(value, now)
    assert seconds is None or 0 <= seconds <= DAY
