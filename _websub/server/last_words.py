"""The end of a connection: what a client is told last, and how long it may take to hear it."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio

from _websub.http import RETRY_LATER

#: What says that a client has gone.
GONE = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, ssl.SSLError)
#: How long the client may take to hear what it is told last.
LAST_WORDS_SECONDS = 1.0
#: How long a client may go on sending that does not hear yet that the connection ends, and be silent meanwhile.
LINGER_SECONDS = 2.0
QUIET_SECONDS = 0.3


async def say_stopping(scope: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer a request that was cancelled, if nothing of its answer is out yet: it may be tried again."""
    if scope["type"] == "http":
        headers = [(name.lower().encode(), value.encode()) for name, value in RETRY_LATER]
        with suppress(Exception):
            await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
