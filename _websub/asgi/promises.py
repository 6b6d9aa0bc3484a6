"""Promises that a server makes to an application about a request, in an extension of the ASGI scope."""

import math
from typing import Any, NamedTuple

EXTENSION = "websub.promises"


class Promises(NamedTuple):
    """Deadlines that a server enforces itself, so that the application does not have to.

    Setting a deadline costs as much as a small request.

    Attributes:
        whole: Whether the whole body has arrived, so that receiving it never waits.
        send_seconds: The longest time that sending a response takes.
    """

    whole: bool
    send_seconds: float


_NONE = Promises(whole=False, send_seconds=math.inf)


def promises_of(scope: Any) -> Promises:
    """Return what the server of an ASGI scope has promised."""
    extensions = scope.get("extensions")
    promises = extensions.get(EXTENSION) if extensions else None
    return promises if isinstance(promises, Promises) else _NONE
