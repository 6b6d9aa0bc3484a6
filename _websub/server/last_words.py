"""The end of a connection: the last response that a client gets, and how long it may take to read it."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio

from _websub.http import RETRY_LATER

#: The errors that show that a client has disconnected.
GONE = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, ssl.SSLError)
#: How long the client may take to receive its last response.
LAST_WORDS_SECONDS = 1.0
#: How long a client may go on sending because it has not noticed the end yet, and how long it may pause meanwhile.
LINGER_SECONDS = 2.0
QUIET_SECONDS = 0.3


async def say_stopping(scope: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer a cancelled request with 503, unless its answer has begun, so that the client may try again."""
    if scope["type"] == "http":
        headers = [(name.lower().encode(), value.encode()) for name, value in RETRY_LATER]
        with suppress(Exception):
            await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
