"""The answer of a service that is starting or stopping: try again later."""

from collections.abc import Mapping

from _websub.asgi.events import AsgiSend, Receive, Scope, refuse
from _websub.asgi.paths import local_path
from _websub.http import Response, plain

_AGAIN = (("Retry-After", "5"), ("Connection", "close"))


class ClosedApplication:
    """An ASGI application that answers 503 with Retry-After, whatever the method, the path and the body.

    Clients would take 404, 405 or 413 for a final answer and give up.

    Args:
        answers: Responses to give instead, by path, such as that of a health check.
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
