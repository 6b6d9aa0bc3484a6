"""The Retry-After header (RFC 9110, 10.2.3), in which a peer may send anything."""

import calendar
import re
from datetime import UTC, datetime

_LIMIT_SECONDS = 86_400.0
_LIMIT_DIGITS = 5  # of a number of seconds up to the limit
_YEARS_AHEAD = 50

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY = f"(?:{'|'.join(name[:3] for name in _DAY_NAMES)})"
_TIME = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
# Exactly the three forms of RFC 9110, 5.6.7. The date parser of an e-mail library accepts much more.
_DATES = (
    re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(rf"(?:{'|'.join(_DAY_NAMES)}), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for, from 0 to a day, or None if it cannot be read.

    Args:
        value: Seconds, or a date in one of the three forms of RFC 9110, 5.6.7. Any other value is allowed.
        now: The time, in seconds since 1970.
    """
    text = (value or "").strip(" \t")
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0")
        return min(float(digits or 0), _LIMIT_SECONDS) if len(digits) <= _LIMIT_DIGITS else _LIMIT_SECONDS
    date = _seconds_of(text, now)
    return None if date is None else max(0.0, min(date - now, _LIMIT_SECONDS))


def _seconds_of(text: str, now: float) -> float | None:
    """Return the time of an HTTP date, in seconds since 1970, or None if the text is not a date."""
    match = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if match is None:
        return None
    year, month, day = int(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"])
    time = int(match["hour"]), int(match["minute"]), int(match["second"])
    if len(match["year"]) == 2:  # noqa: PLR2004 - two digits
        year = _full_year(year, (month, day, *time), now)
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return float(calendar.timegm((year, month, day, *time)))


def _full_year(year: int, rest: tuple[int, ...], now: float) -> int:
    """Return the latest year with these two last digits that is at most 50 years ahead (RFC 9110, 5.6.7)."""
    today = datetime.fromtimestamp(now, UTC).timetuple()[:6]
    latest = today[0] + _YEARS_AHEAD
    full = latest - (latest - year) % 100
    return full - 100 if full == latest and rest > today[1:] else full
