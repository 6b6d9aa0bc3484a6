"""What a service answers that is starting or stopping: not now, and never a final no."""

from collections.abc import Mapping

from _websub.asgi.events import AsgiSend, Receive, Scope, refuse
from _websub.asgi.paths import local_path
from _websub.http import Response, plain

_AGAIN = (("Retry-After", "5"), ("Connection", "close"))


class ClosedApplication:
    """An ASGI application that answers 503 with Retry-After, whatever the method, the path and the body.

    Clients take 404, 405 or 413 for an answer that will not change, and give up.

    Args:
        answers: What it answers all the same, by path: a health check, for example.
    """

    def __init__(self, answers: Mapping[str, Response] | None = None) -> None:
        self._answers = answers or {}

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
            return
        busy = plain(503, "The service is starting or stopping, try again later.", _AGAIN)
        await refuse(scope, receive, send, self._answers.get(local_path(scope), busy))
