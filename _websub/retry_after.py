"""The Retry-After header (RFC 9110, 10.2.3)."""

import email.utils

_LIMIT_SECONDS = 86_400.0


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """The seconds a ``Retry-After`` header asks for, from 0 to a day, or None when it says nothing usable.

    Args:
        value: Seconds or a date (RFC 9110, 10.2.3).
        now: The time, in seconds since 1970.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), _LIMIT_SECONDS)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, min(date.timestamp() - now, _LIMIT_SECONDS))
