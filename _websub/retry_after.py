"""Answers that ask to be tried again: their status, and the Retry-After header (RFC 9110, 10.2.3)."""

import email.utils
from http import HTTPStatus

from _websub.numbers import whole_number

_LIMIT_SECONDS = 86_400
_NOT_NOW = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def is_temporary(status: int) -> bool:
    """Return whether a status says "not now": a failure of the server, or 408, 425 or 429 (RFC 9110, 15.5 and 15.6)."""
    return status in _NOT_NOW or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """The seconds a ``Retry-After`` header asks for, from 0 to a day, or None when it says nothing usable.

    Args:
        value: Seconds or a date (RFC 9110, 10.2.3).
        now: The time, in seconds since 1970.
    """
    text = (value or "").strip()
    seconds = whole_number(text, _LIMIT_SECONDS)
    if seconds is not None:
        return float(seconds)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, min(date.timestamp() - now, float(_LIMIT_SECONDS)))
