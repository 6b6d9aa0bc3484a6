"""Values that go into statements, and values that come back and are perhaps not what was once written."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from websubhub.standalone.ports import DeliveryMode

_MODES = {mode.value: mode for mode in DeliveryMode}  # many times as fast as a call of the class


T = TypeVar("T")


class UnreadableError(ValueError):
    """A row has a value that is not one of its column."""


#: The exceptions of reading a row with wrong values. Any other exception concerns the database as a whole.
UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, AttributeError)


def sorted_out(found: Iterable[tuple[Any, ...]], make: Callable[..., T]) -> tuple[list[T], list[int]]:
    """Return what ``make`` makes of rows, and the numbers of the rows that cannot be read.

    Args:
        found: The rows, each with its number before the other values.
        make: Makes something of the values of a row.
    """
    made: list[T] = []
    unreadable: list[int] = []
    for own, *values in found:
        try:
            made.append(make(*values))
        except UNREADABLE:
            unreadable.append(own)
    return made, unreadable


def text(value: object) -> str:
    """Return a value that must be text.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, str):
        raise UnreadableError("A row of the database has something else than text in a column of text.")
    return value


def text_or_none(value: object) -> str | None:
    """Return a value that must be text, or nothing.

    Raises:
        UnreadableError: It is neither.
    """
    return None if value is None else text(value)


def content(value: object) -> bytes:
    """Return a value that must be bytes.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, bytes):
        raise UnreadableError("A row of the database has something else than bytes as content.")
    return value


def number(value: object) -> float:
    """Return a value that must be a number.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, int | float):
        raise UnreadableError("A row of the database has something else than a number in a column of numbers.")
    return value


def whole(value: object) -> int:
    """Return a value that must be a whole number.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, int):
        raise UnreadableError("A row of the database has something else than a whole number in a column of those.")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return a value that must be a list of texts, as JSON.

    Raises:
        UnreadableError: The value is something else.
    """
    try:
        items = json.loads(text(value))
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise UnreadableError("A row of the database has something else than a list where there must be one.")
    return tuple(map(text, items))


def delivery_mode(value: object) -> DeliveryMode:
    """Return the mode of a topic. An unknown one is read as the mode that loses no update."""
    return _MODES.get(value, DeliveryMode.EVERY) if isinstance(value, str) else DeliveryMode.EVERY


def as_json(numbers: Iterable[int]) -> str:
    """Return a list of numbers for ``json_each``."""
    return f"[{','.join(map(str, numbers))}]"
