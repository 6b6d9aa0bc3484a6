"""Promises of a server to an application about a request, in an extension of its ASGI scope."""

import math
from typing import Any, NamedTuple

EXTENSION = "websub.promises"


class Promises(NamedTuple):
    """Deadlines that a server keeps itself, so that the application need not. They cost as much as a small request.

    Attributes:
        whole: Whether the whole body has arrived, so that receiving it waits for nobody.
        send_seconds: How long sending a response takes at most.
    """

    whole: bool
    send_seconds: float


_NONE = Promises(whole=False, send_seconds=math.inf)


def promises_of(scope: Any) -> Promises:
    """Return what the server of an ASGI scope has promised."""
    extensions = scope.get("extensions")
    promises = extensions.get(EXTENSION) if extensions else None
    return promises if isinstance(promises, Promises) else _NONE
