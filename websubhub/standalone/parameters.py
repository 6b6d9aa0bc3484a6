"""What a request of an operator says, read and checked, and what is said back."""

from typing import Any

import attrs

from websubhub import UrlError, check_url

_PAGE_LIMIT = 1_000


class OperationError(Exception):
    """A request of an operator that cannot be carried out.

    Args:
        status: The HTTP status that says so.
        reason: Why, in one sentence.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_number(value: object, name: str) -> int:
    """A whole number that is not negative."""
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 18:  # noqa: PLR2004 - fits SQLite's integers
        raise OperationError(400, f"{name} must be a whole number.")
    return int(text)


def read_limit(parameters: dict[str, Any]) -> int:
    """The size of a page."""
    return max(1, min(read_number(parameters.get("limit", 100), "limit"), _PAGE_LIMIT))


def read_url(parameters: dict[str, Any], name: str) -> str:
    """A URL."""
    try:
        return check_url(str(parameters.get(name, "")), name)
    except UrlError as error:
        raise OperationError(400, str(error)) from None


def read_flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    """True or false; what is left out is the default."""
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise OperationError(400, f"{name} must be true or false.")
    return value


def read_ids(parameters: dict[str, Any]) -> list[int]:
    """A list of numbers."""
    ids = parameters.get("ids")
    if not isinstance(ids, list) or not ids or len(ids) > _PAGE_LIMIT:
        raise OperationError(400, f"ids must be a list of 1 to {_PAGE_LIMIT} numbers.")
    return [read_number(value, "an id") for value in ids]


def read_host(parameters: dict[str, Any]) -> str:
    """The name of a host."""
    host = parameters.get("host")
    if not isinstance(host, str) or not host:
        raise OperationError(400, "host must be the name of a host, with its port where it is not that of the scheme.")
    return host


def shown(value: Any) -> dict[str, Any]:
    """A record as JSON says it."""
    return attrs.asdict(value)
