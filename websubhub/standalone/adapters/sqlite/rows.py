"""Values for statements, and checks of values read from the database, which may be damaged."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from websubhub.standalone.ports import DeliveryMode

_MODES = {mode.value: mode for mode in DeliveryMode}  # many times faster than calling the class


T = TypeVar("T")


class UnreadableError(ValueError):
    """A row has a value that its column does not allow."""


#: The exceptions from reading a row with wrong values. Any other exception concerns the whole database.
UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, AttributeError)


def sorted_out(found: Iterable[tuple[Any, ...]], make: Callable[..., T]) -> tuple[list[T], list[int]]:
    """Convert rows, and return the results and the numbers of unreadable rows.

    Args:
        found: The rows, each with its number before the other values.
        make: Converts the values of a row.
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
        raise UnreadableError("A database row has a value that is not text in a text column.")
    return value


def text_or_none(value: object) -> str | None:
    """Return a value that must be text or None.

    Raises:
        UnreadableError: The value is neither.
    """
    return None if value is None else text(value)


def content(value: object) -> bytes:
    """Return a value that must be bytes.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, bytes):
        raise UnreadableError("A database row has content that is not bytes.")
    return value


def number(value: object) -> float:
    """Return a value that must be a number.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, int | float):
        raise UnreadableError("A database row has a value that is not a number in a number column.")
    return value


def whole(value: object) -> int:
    """Return a value that must be a whole number.

    Raises:
        UnreadableError: The value is something else.
    """
    if not isinstance(value, int):
        raise UnreadableError("A database row has a value that is not a whole number in a whole number column.")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return a value that must be a JSON list of strings.

    Raises:
        UnreadableError: The value is something else.
    """
    try:
        items = json.loads(text(value))
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise UnreadableError("A database row has a value that is not a list in a list column.")
    return tuple(map(text, items))


def delivery_mode(value: object) -> DeliveryMode:
    """Return the mode of a topic. An unknown mode is read as the one that loses no update."""
    return _MODES.get(value, DeliveryMode.EVERY) if isinstance(value, str) else DeliveryMode.EVERY


def as_json(numbers: Iterable[int]) -> str:
    """Return a list of numbers for ``json_each``."""
    return f"[{','.join(map(str, numbers))}]"
