"""Checks of arguments, so that a wrong one is reported where it is passed."""

import types
from typing import Any, get_args, get_origin

import attrs

#: How messages call the values of a type.
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "True or False", bytes: "bytes"}


def check_kind(
    name: str, value: Any, kind: type | tuple[type, ...], *, optional: bool = False, advice: str = ""
) -> None:
    """Raise ``TypeError`` if an argument is of the wrong type.

    Args:
        name: The name to use in the error, for example ``HubClient.retry``.
        value: The argument.
        kind: The expected class, or several.
        optional: Whether None is allowed.
        advice: What to pass instead, for the error.

    Raises:
        TypeError: The argument is of another type. The message names both types and never the value.
    """
    if isinstance(value, kind) or (optional and value is None):
        return
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, type) and issubclass(value, kinds):
        raise TypeError(f"{name} must be an instance; write {value.__name__}(), not {value.__name__}.")
    wanted = " or ".join(each.__name__ for each in kinds)
    end = f"; {advice}." if advice else "."
    raise TypeError(f"{name} must be of type {wanted}, not {type(value).__name__}{end}")


def check_number(name: str, value: Any, kind: type[int] | type[float] = int) -> None:
    """Raise ``TypeError`` if an argument is not a number. None is allowed.

    Args:
        name: The name to use in the error.
        value: The argument.
        kind: ``int`` for whole numbers only.
    """
    if value is not None and not _fits(value, (kind,)):
        raise TypeError(f"{name} must be {_WORDS[kind]}, not {type(value).__name__}.")


def checked_fields(_: type, fields: "list[attrs.Attribute[Any]]") -> "list[attrs.Attribute[Any]]":
    """Return the fields of an attrs class, each with a validator for the type that it is annotated with.

    Use it as ``field_transformer``. Fields whose types are not plain classes are left unchanged.
    """
    return [_checked(field) for field in fields]


def _checked(field: "attrs.Attribute[Any]") -> "attrs.Attribute[Any]":
    annotation: Any = field.type
    parts = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    kinds = tuple(part for part in parts if isinstance(part, type) and part is not Any and get_origin(part) is None)
    if len(kinds) < len(parts) or any(getattr(kind, "_is_protocol", False) for kind in kinds):
        return field

    def check(instance: object, _: object, value: object) -> None:
        if _fits(value, kinds):
            return
        name = f"{type(instance).__name__}.{field.name}"
        wanted = " or ".join(_word(kind, field.name) for kind in kinds)
        if isinstance(value, type) and issubclass(value, kinds):
            raise TypeError(f"{name} must be an instance; write {value.__name__}(), not {value.__name__}.")
        raise TypeError(f"{name} must be {wanted}, not {type(value).__name__}.")

    return field.evolve(validator=check if field.validator is None else attrs.validators.and_(check, field.validator))


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):  # Python treats it as a number
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def _word(kind: type, name: str) -> str:
    if kind is types.NoneType:
        return "None"
    word = _WORDS.get(kind, f"of type {kind.__name__}")
    return f"{word} of seconds" if name.endswith("seconds") and kind in {int, float} else word


def check_seconds(name: str, value: float | None) -> None:
    """Raise an error if an argument is not a positive number of seconds. None is allowed.

    Args:
        name: The name to use in the error.
        value: The argument.

    Raises:
        TypeError: The argument is not a number.
        ValueError: The number is not positive.
    """
    check_number(name, value, float)
    if value is not None and not value > 0:
        raise ValueError(f"{name} must be more than 0 seconds.")
