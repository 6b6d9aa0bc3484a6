"""The response to a request whose work was cancelled because the server stops."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from _websub.http import RETRY_LATER

#: How long the client may take to hear it.
LAST_WORDS_SECONDS = 1.0


async def say_stopping(scope: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer a request that was cancelled, if nothing of its answer is out yet: it may be tried again."""
    if scope["type"] == "http":
        headers = [(name.lower().encode(), value.encode()) for name, value in RETRY_LATER]
        with suppress(Exception):
            await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
