"""Checks of the values in a file, which anyone may have written."""

import math
import re
from collections.abc import Callable, Collection
from typing import Any

from websubhub import UrlError, canonical_authority, check_url

Check = Callable[[Any], Any]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LARGEST = 10**15


def url(value: Any) -> str:
    """Return the URL of a topic or a callback."""
    try:
        return check_url(value, "it")
    except (UrlError, TypeError):
        raise ValueError("is not a URL") from None


def host(value: Any) -> str:
    """Return the name of a host of callbacks."""
    try:
        return canonical_authority(value)
    except (UrlError, ValueError, TypeError, AttributeError):
        raise ValueError("is not a host") from None


def text(most: int) -> Check:
    """Return a check for a text without control characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or _CONTROL.search(value):
            raise ValueError(f"is not a text of at most {most} characters")
        value.encode()  # a lone surrogate cannot be encoded
        return value

    return check


def word(words: Collection[str]) -> Check:
    """Return a check for one of several words."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"is not one of {', '.join(words)}")
        return value

    return check


def whole(value: Any) -> int:
    """Return a whole number from 0."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError("is not a whole number from 0")
    return value


def seconds(value: Any) -> float:
    """Return a time in seconds since 1970, or a duration."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError("is not a number of seconds")
    if math.isnan(value):
        raise ValueError("is not a number of seconds")
    return float(value)


def switch(value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise ValueError("is not true or false")  # noqa: TRY004 - like every other wrong value
    return value


def optional(check: Check) -> Check:
    """Return a check for an optional value."""
    return lambda value: None if value is None else check(value)


def many(check: Check, most: int) -> Check:
    """Return a check for a list."""

    def check_all(values: Any) -> tuple[Any, ...]:
        if not isinstance(values, list) or len(values) > most:
            raise ValueError(f"is not a list of at most {most}")
        return tuple(map(check, values))

    return check_all


def checked(values: Any, checks: dict[str, Check], needed: Collection[str]) -> dict[str, Any]:
    """Return the checked fields of an object, without unknown ones.

    Args:
        values: The object.
        checks: The check of each field.
        needed: The required fields.

    Raises:
        ValueError: One of them is missing or wrong. The message says which.
    """
    if not isinstance(values, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - like every other wrong value
    for name in needed:
        if name not in values:
            raise ValueError(f"{name} is missing")
    found = {}
    for name, check in checks.items():
        if name in values:
            try:
                found[name] = check(values[name])
            except ValueError as error:
                reason = "is not a text" if isinstance(error, UnicodeError) else str(error)
                raise ValueError(f"{name} {reason}") from None
    return found
