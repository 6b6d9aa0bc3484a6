"""Reading the answers of the admin API's operations."""

from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any, cast

Operation = Callable[[dict[str, Any]], Awaitable[object]]


async def answer_of(operation: Operation, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of an operation that answers with a JSON object."""
    return cast("dict[str, Any]", await operation(parameters))


def content_of(answer: dict[str, Any]) -> bytes:
    """Return the content in an answer."""
    return b64decode(answer["content_base64"])
