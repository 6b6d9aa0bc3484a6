"""Checks of arguments, so that a wrong one is reported where it is passed and not deep inside later."""

from typing import Any


def check_kind(name: str, value: Any, kind: type | tuple[type, ...], *, optional: bool = False) -> None:
    """Raise ``TypeError`` if an argument is of the wrong type.

    Args:
        name: The name to use in the error, for example ``HubClient.retry``.
        value: The argument.
        kind: The expected class, or several.
        optional: Whether None is allowed.

    Raises:
        TypeError: The argument is of another type. The message names both types and never the value.
    """
    if isinstance(value, kind) or (optional and value is None):
        return
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wanted = " or ".join(each.__name__ for each in kinds)
    raise TypeError(f"{name} must be of type {wanted}, not {type(value).__name__}.")


def check_seconds(name: str, value: float | None) -> None:
    """Raise an error if an argument is not a positive number of seconds. None is allowed.

    Args:
        name: The name to use in the error.
        value: The argument.

    Raises:
        TypeError: The argument is not a number.
        ValueError: The number is not positive.
    """
    check_kind(name, value, (float, int), optional=True)
    if value is not None and not value > 0:
        raise ValueError(f"{name} must be more than 0 seconds.")
