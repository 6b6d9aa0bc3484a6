"""Validators of a topic's response that can be trusted to show every change, byte for byte (RFC 9110, 8.8).

If a validator does not change with the content, the topic answers 304 and the hub loses an update for good. So only
strong validators are used, and only those that can be sent back unchanged.

A ``Last-Modified`` date counts in seconds: content that changes twice within a second has the same date both times. It
is strong if it is at least a minute older than the response, by the server's own clock, so that the second is certainly
over, and a file system with a different clock does no harm (8.8.2.2). The same minute applies to an ``ETag`` in the
same response, since file servers derive it from that date and the size, and still call it strong. A weak ``ETag`` says
that the content means the same, not that it is the same (8.8.1), so it is ignored.
"""

import calendar
import re

import attrs

from _websub.http import Headers

_STRONG_SECONDS = 60
_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,1000}"')
_AGE = re.compile(r"[0-9]{1,9}", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The only form that senders may use (RFC 9110, 5.6.7). Dates in other forms are not trusted.
_DATE = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) "
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60) GMT",
    re.ASCII,
)


@attrs.frozen
class Validators:
    """The validators by which unchanged content is recognised.

    Attributes:
        etag: The entity tag, to send as ``If-None-Match``.
        last_modified: The date, to send as ``If-Modified-Since``.
    """

    etag: str | None = None
    last_modified: str | None = None


def strong_validators(headers: Headers) -> Validators:
    """Return the validators of a response that are strong and can be sent back, each None if there is none."""
    etag = headers.get("etag", "")
    usable = etag if _ETAG.fullmatch(etag) else None
    last_modified = headers.get("last-modified", "")
    changed = _seconds(last_modified)
    if changed is None:
        return Validators(usable)
    made = _made_at(headers)
    if made is None or made - changed < _STRONG_SECONDS:
        return Validators()
    return Validators(usable, last_modified)


def _made_at(headers: Headers) -> int | None:
    """Return when the response was made, by the clock of its server, or None if it does not say."""
    date = _seconds(headers.get("date", ""))
    # A cache may send today's date with a stored response, and its age.
    age = headers.get("age", "0")
    return None if date is None or not _AGE.fullmatch(age) else date - int(age)


def _seconds(text: str) -> int | None:
    """Return the time of an HTTP date, in seconds since 1970, or None if the text is not a date."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year, *time = match.groups()
    number = _MONTHS.index(month) + 1
    if not (int(year) and 1 <= int(day) <= calendar.monthrange(int(year), number)[1]):
        return None
    hour, minute, second = map(int, time)
    return calendar.timegm((int(year), number, int(day), hour, minute, second))
