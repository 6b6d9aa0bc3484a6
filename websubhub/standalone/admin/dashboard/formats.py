"""Formatting times, sizes, counts and callbacks for the pages."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

_UNITS = ((86_400 * 2, 86_400, "d"), (5_400, 3_600, "h"), (90, 60, "min"), (0, 1, "s"))
_BYTES = ("B", "kB", "MB", "GB", "TB")
_THOUSAND, _TEN = 1_000, 10
_SHOWN_CHARACTERS = 6
_SHORT = 10


def seconds_of(moment: str) -> float:
    """Return a time of the admin API (ISO 8601) as seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def moment_of(seconds: float) -> str:
    """Return seconds since 1970 as a time of the admin API."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exactly(moment: str) -> str:
    """Return a time in full, in UTC."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock_time(moment: str) -> str:
    """Return the time of day, in UTC."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%H:%M:%S")


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that fits: 42 s, 3 min, 5 h, 9 d."""
    least, unit, name = next(row for row in _UNITS if abs(seconds) >= row[0])
    if not least and 0 < abs(seconds) < 1:
        return f"{seconds * 1_000:.0f} ms"
    return f"{seconds / unit:.0f} {name}"


def relative(moment: str, now: float) -> str:
    """Return how long ago a time was, or how far in the future it is."""
    seconds = seconds_of(moment) - now
    if abs(seconds) < 1:
        return "now"
    return f"in {duration(seconds)}" if seconds > 0 else f"{duration(-seconds)} ago"


def count(number: float) -> str:
    """Return a number with thousands separators."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def size(length: float) -> str:
    """Return a number of bytes in a suitable unit."""
    for unit in _BYTES:
        if length < _THOUSAND or unit == _BYTES[-1]:
            break
        length /= _THOUSAND
    return f"{length:.0f} {unit}" if unit == "B" or length >= _TEN else f"{length:.1f} {unit}"


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun.

    Args:
        number: The number.
        one: The noun for 1.
        many: The noun for any other number.
    """
    return f"{count(number)} {one if number == 1 else many}"


def short(text: str) -> str:
    """Return a message id, shortened if it is too long for a table."""
    return text if len(text) <= _SHORT + 2 else f"{text[:_SHORT]}…"


def host(url: str) -> str:
    """Return the host of a URL, with its port."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def masked(callback: str) -> str:
    """Return the part of a callback that may be shown: its host and its last characters."""
    rest = callback.partition("://")[2].partition("/")[2]
    tail = rest[-min(_SHOWN_CHARACTERS, len(rest) // 2) :] if len(rest) > 1 else ""
    return f"{host(callback)}/…{tail}"


def preview(content: bytes, limit: int = 4_096) -> str:
    """Return the beginning of content as text, with replacement characters for anything that is not text."""
    text = content[:limit].decode("utf-8", "replace")
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
