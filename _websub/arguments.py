"""Arguments of a wrong kind, refused in one sentence where they are given instead of deep inside later."""

from typing import Any


def check_kind(name: str, value: Any, kind: type | tuple[type, ...], *, optional: bool = False) -> None:
    """Refuse an argument that is not of its kind.

    Args:
        name: What to call it, for example ``HubClient.retry``.
        value: What was given.
        kind: What it has to be, one class or several.
        optional: Whether it may be None.

    Raises:
        TypeError: It is of another kind; the sentence names both kinds and never the value.
    """
    if isinstance(value, kind) or (optional and value is None):
        return
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wanted = " or ".join(each.__name__ for each in kinds)
    raise TypeError(f"{name} must be of type {wanted}, not {type(value).__name__}.")


def check_seconds(name: str, value: float | None) -> None:
    """Refuse a time that is no positive number of seconds; None is allowed.

    Args:
        name: What to call it.
        value: What was given.

    Raises:
        TypeError: It is no number.
        ValueError: It is not positive.
    """
    check_kind(name, value, (float, int), optional=True)
    if value is not None and not value > 0:
        raise ValueError(f"{name} must be more than 0 seconds.")
