"""Which validators of a topic's answer can be trusted to tell every change, byte for byte (RFC 9110, 8.8).

A hub that asks with a validator that did not change with the content is told 304, and loses an update for good. So a
validator is used only where it is strong, and one that can also go back on the wire as it came.

A ``Last-Modified`` has seconds and content has not: what is changed twice in a second has the same date both times. It
is strong once it is a minute before the answer was made, by the server's own clock: then the second is surely over, and
a file system with another clock does no harm (8.8.2.2). The same minute holds for an ``ETag`` beside it, since servers
of files make theirs of that date and the size, and call it strong. A weak ``ETag`` says that the content means the
same, not that it is the same (8.8.1), so it is left out.
"""

import calendar
import re

import attrs

from _websub.http import Headers

_STRONG_SECONDS = 60
_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,1000}"')
_AGE = re.compile(r"[0-9]{1,9}", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The one form that senders may use (RFC 9110, 5.6.7); a date in another is not needed, and not trusted.
_DATE = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) "
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60) GMT",
    re.ASCII,
)


@attrs.frozen
class Validators:
    """What the same content can be recognised by.

    Attributes:
        etag: The entity tag, to send as ``If-None-Match``.
        last_modified: The date, to send as ``If-Modified-Since``.
    """

    etag: str | None = None
    last_modified: str | None = None


def strong_validators(headers: Headers) -> Validators:
    """The validators of an answer that are strong and can be sent back; None where there is no such."""
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
    """When the answer was made, by the clock of who made it; None when it does not say."""
    date = _seconds(headers.get("date", ""))
    # A cache may send the date of today with an answer that it has kept, and then says for how long.
    age = headers.get("age", "0")
    return None if date is None or not _AGE.fullmatch(age) else date - int(age)


def _seconds(text: str) -> int | None:
    """The time that an HTTP date names, in seconds since 1970; None when it is none."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year, *time = match.groups()
    number = _MONTHS.index(month) + 1
    if not (int(year) and 1 <= int(day) <= calendar.monthrange(int(year), number)[1]):
        return None
    hour, minute, second = map(int, time)
    return calendar.timegm((int(year), number, int(day), hour, minute, second))
