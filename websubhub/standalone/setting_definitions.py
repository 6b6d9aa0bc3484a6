"""How a setting is defined: what it is for, how its text is read, and which names it has."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import attrs

ENVIRONMENT_PREFIX = "WEBSUBHUB_"


class Group(StrEnum):
    """The headings of settings in help and in the reference, in this order."""

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
        text: What it is for, in whole sentences.
        parse: Returns its value from text, or raises ``SettingsError``.
        group: The heading that it is listed under.
        rest: ``metavar``, ``many`` if it may be given several times, ``secret`` if it is never shown.
    """
    metadata = {"help": text, "parse": parse, "group": group, **rest}
    return attrs.field(default=default, metadata=metadata, repr=not rest.get("secret"))


def flag(name: str) -> str:
    """Return the command line flag of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()
