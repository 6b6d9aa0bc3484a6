"""Cursors: opaque text that tells where the next page of a list begins, for the client to pass back."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from websubhub.standalone.admin.parameters import OperationError, read_text

T = TypeVar("T")

_MARK = "c."  # tells cursors from URLs and numbers, which lists also accept
_CHARACTERS = 16_384


def write_cursor(*values: str | float) -> str:
    """Return a cursor that holds these values."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return _MARK + base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def read_cursor(parameters: dict[str, Any], *kinds: type[str] | type[int] | type[float]) -> tuple[Any, ...] | None:
    """Return the values of the cursor in ``after``, or None if it is missing or something else.

    Args:
        parameters: The parameters of the request.
        kinds: The types of the values.

    Raises:
        OperationError: The cursor is damaged, or is from another list.
    """
    text = parameters.get("after")
    if not isinstance(text, str) or not text.startswith(_MARK):
        return None
    try:
        values = _decoded(text)
    except (ValueError, binascii.Error, RecursionError):
        values = None
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
        raise OperationError(400, "after must be the next value from a page of this list.")
    return tuple(values)


def read_place(parameters: dict[str, Any], *kinds: type[str] | type[int] | type[float]) -> tuple[Any, ...] | None:
    """Return the values of the cursor in ``after``, or None if it is missing. Anything else there is an error.

    Args:
        parameters: The parameters of the request.
        kinds: What the values are.

    Raises:
        OperationError: It is something else.
    """
    values = read_cursor(parameters, *kinds)
    if values is None and read_text(parameters, "after") is not None:
        raise OperationError(400, "after must be the next value from a page of this list.")
    return values


def _decoded(text: str) -> object:
    code = text[len(_MARK) : _CHARACTERS].encode("ascii")
    return json.loads(base64.b64decode(code + b"=" * (-len(code) % 4), altchars=b"-_", validate=True))


def next_cursor(page: Sequence[T], limit: int, *values: str | float) -> str | None:
    """Return the cursor of the page after this one, or None if this one is the last.

    Args:
        page: The page.
        limit: How many entries it may have.
        values: The values of its last entry, from which the store continues.
    """
    return write_cursor(*values) if len(page) >= limit else None
