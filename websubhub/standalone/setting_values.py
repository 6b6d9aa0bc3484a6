"""Parsers for the text of settings: each function returns the value, or raises an error that explains what is wrong."""

import math
import re
from collections.abc import Callable
from ipaddress import ip_network

from websubhub import UrlError, WebSubError
from websubhub.standalone.schedule.retry import LONGEST_DELAY_SECONDS, MOST_DELAYS
from websubhub.standalone.stores import forms, kind_of, shown_store

_NAMED_TOKEN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})=(?P<token>.+)", re.DOTALL)
# The least length of a token, in characters.
_SHORTEST_TOKEN = 16


class SettingsError(WebSubError, ValueError):
    """A setting cannot be used. The message is one sentence for the user."""


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a parser for a number from ``low`` to ``high``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise SettingsError(f"is not a number: {text}") from None
        if not low <= value <= high or math.isnan(value):
            raise SettingsError(f"must be from {low:g} to {high:g}, not {text}")
        return value

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser for a whole number from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > 18 or not low <= int(text) <= high:  # noqa: PLR2004
            raise SettingsError(f"must be a whole number from {low} to {high}, not {text}")
        return int(text)

    return parse


class Choice:
    """A parser for one of several words.

    Args:
        words: The words.
    """

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, text: str) -> str:
        """Return the word."""
        if text not in self.words:
            raise SettingsError(f"must be one of {', '.join(self.words)}, not {text}")
        return text


#: Return a parser for one of several words.
choice = Choice


def switch(text: str) -> bool:
    """Return True or False."""
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in words:
        raise SettingsError(f"must be true or false, not {text}")
    return words[text.lower()]


def store(text: str) -> str:
    """Return the URL of a store."""
    if kind_of(text) is None:
        raise SettingsError(f"must be {forms()}, not {shown_store(text)}")
    return text


def path(text: str) -> str:
    """Return the path of a file."""
    if not text or "\0" in text:
        raise SettingsError("must be the path of a file")
    return text


def public_url(text: str) -> str:
    """Return a URL that others can call."""
    from websubhub import HubConfig  # noqa: PLC0415 - only needed if a public URL is set

    try:
        HubConfig(url=text)
    except UrlError as error:
        raise SettingsError(f"cannot be used: {str(error).replace('HubConfig.url', 'it', 1).rstrip('.')}") from None
    return text


def network(text: str) -> str:
    """Return a network, as CIDR text."""
    try:
        ip_network(text)
    except ValueError:
        raise SettingsError(f"must be a network such as 10.0.0.0/8, not {text}") from None
    return text


def token(text: str) -> str:
    """Return a bearer token that is hard to guess."""
    if len(text) < _SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError("must be 16 printable characters or more, without spaces")
    return text


def split_token(text: str) -> tuple[str, str]:
    """Return the name and the token of ``NAME=TOKEN``, or an empty name and the whole text.

    Tokens may contain ``=`` and end with it, as base64 does. So a text is ``NAME=TOKEN`` only if the part after the
    first ``=`` is long enough to be a token.
    """
    parts = _NAMED_TOKEN.fullmatch(text)
    if parts is None or len(parts["token"]) < _SHORTEST_TOKEN:
        return "", text
    return parts["name"], parts["token"]


def publisher_token(text: str) -> str:
    """Return the bearer token of a publisher, with its name in front if it has one."""
    token(split_token(text)[1])
    return token(text)


def delays(text: str) -> tuple[float, ...]:
    """Return seconds, separated by commas."""
    parse = number(0, LONGEST_DELAY_SECONDS)
    delays = tuple(parse(part.strip()) for part in text.split(",") if part.strip())
    if not 1 <= len(delays) <= MOST_DELAYS:
        raise SettingsError(f"must be 1 to {MOST_DELAYS} numbers of seconds, separated by commas")
    return delays
