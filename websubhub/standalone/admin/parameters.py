"""Reading the parameters of an operator's request, and writing records as JSON."""

from collections.abc import Container, Iterable
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, TypeVar

import attrs

from websubhub import UrlError, canonical_authority, check_url, whole_number
from websubhub.standalone.ports import DeliveryFilter

_PAGE_LIMIT = 1_000
T = TypeVar("T")

_NAME_CHARACTERS = 128
_LARGEST = 2**63 - 1  # the largest integer of SQLite


class OperationError(Exception):
    """An operator's request failed.

    Args:
        status: The HTTP status.
        reason: The reason, in one sentence.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_number(value: object, name: str) -> int:
    """Return a non-negative whole number."""
    number = whole_number(str(value), _LARGEST)
    if number is None:
        raise OperationError(400, f"{name} must be a whole number.")
    return number


def read_limit(parameters: dict[str, Any]) -> int:
    """Return the page size."""
    return max(1, min(read_number(parameters.get("limit", 100), "limit"), _PAGE_LIMIT))


def read_url(parameters: dict[str, Any], name: str) -> str:
    """Return a URL."""
    try:
        return check_url(str(parameters.get(name, "")), name)
    except UrlError as error:
        raise OperationError(400, str(error)) from None


def read_network(parameters: dict[str, Any], name: str) -> str | None:
    """Return a network such as 2001:db8::/64, or None if the text is something else."""
    text = str(parameters.get(name, ""))
    try:
        return str(ip_network(text)) if "/" in text else None
    except ValueError:
        raise OperationError(400, f"{name} must be a host, an address or a network.") from None


def read_text(parameters: dict[str, Any], name: str) -> str | None:
    """Return a string, or None if it is missing or empty."""
    value = parameters.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise OperationError(400, f"{name} must be text.")
    return value


def read_flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    """Return a flag, or the default if it is missing."""
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise OperationError(400, f"{name} must be true or false.")
    return value


def read_ids(parameters: dict[str, Any]) -> list[int]:
    """Return a list of numbers."""
    ids = parameters.get("ids")
    if not isinstance(ids, list) or not ids or len(ids) > _PAGE_LIMIT:
        raise OperationError(400, f"ids must be a list of 1 to {_PAGE_LIMIT} numbers.")
    numbers = [read_number(value, "an id") for value in ids]
    if max(numbers) == _LARGEST:
        raise OperationError(400, "An id is too large.")
    return numbers


def read_names(parameters: dict[str, Any]) -> list[str]:
    """Return a list of ids that are strings."""
    ids = parameters.get("ids")
    if (
        not isinstance(ids, list)
        or not 0 < len(ids) <= _PAGE_LIMIT
        or not all(isinstance(each, str) and each and len(each) <= _NAME_CHARACTERS for each in ids)
    ):
        raise OperationError(400, f"ids must be a list of 1 to {_PAGE_LIMIT} strings.")
    return ids


def read_host_filter(parameters: dict[str, Any]) -> str | None:
    """Return the host to which a list is limited, or None."""
    return None if read_text(parameters, "host") is None else read_host(parameters)


def read_delivery_filter(parameters: dict[str, Any]) -> DeliveryFilter:
    """Return the filter for a list of failed deliveries."""
    return DeliveryFilter(
        topic=read_text(parameters, "topic"),
        host=read_host_filter(parameters),
        callback=read_text(parameters, "callback"),
        reason=read_text(parameters, "reason"),
    )


def unknown_ids(given: Iterable[T], known: Container[T]) -> list[T]:
    """Return the unknown ids, each once."""
    return [each for each in dict.fromkeys(given) if each not in known]


def read_host(parameters: dict[str, Any]) -> str:
    """Return the name of a host."""
    host = parameters.get("host")
    try:
        return canonical_authority(host if isinstance(host, str) else "")
    except UrlError:
        text = "host must be the name of a host, with its port unless it is 80 or 443."
        raise OperationError(400, text) from None


def shown(value: Any) -> dict[str, Any]:
    """Return a record as a JSON object, with times (names that end in ``_at``) in ISO 8601."""
    fields = attrs.asdict(value)
    return {name: iso_time(each) if name.endswith("_at") else each for name, each in fields.items()}


def iso_time(seconds: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC, such as ``2026-11-28T01:02:03.456Z``.

    Args:
        seconds: The time, in seconds since 1970, or None.
    """
    if seconds is None:
        return None
    try:
        text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # not a calendar year, which only a damaged file contains
        return None
    return text.removesuffix("+00:00") + "Z"
