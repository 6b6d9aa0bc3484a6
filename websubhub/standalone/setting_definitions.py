"""The definition of a setting: its purpose, its names, and how its text is parsed."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import attrs

ENVIRONMENT_PREFIX = "WEBSUBHUB_"


class Group(StrEnum):
    """The headings of settings in the help and in the reference, in order."""

    ADDRESS = "Address and state"
    SUBSCRIPTIONS = "Subscriptions"
    PUBLISHERS = "Publishers"
    DELIVERIES = "Deliveries"
    OPERATING = "Operating"


def option(
    default: Any, text: str, parse: Callable[[str], Any] = str, *, group: Group = Group.OPERATING, **rest: Any
) -> Any:
    """Return a setting.

    Args:
        default: Its default.
        text: What it is for, in complete sentences.
        parse: Converts its text to its value, or raises ``SettingsError``.
        group: The heading that lists it.
        rest: ``metavar``, ``many`` if it is repeatable, ``secret`` if it is never shown.
    """
    metadata = {"help": text, "parse": parse, "group": group, **rest}
    return attrs.field(default=default, metadata=metadata, repr=not rest.get("secret"))


def flag(name: str) -> str:
    """Return the command line flag of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()
