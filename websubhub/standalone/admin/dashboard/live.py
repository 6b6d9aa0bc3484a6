"""The live tail: events as they happen, sent as server-sent events that the page adds to its list."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import anyio

from websubhub import Headers, Request, whole_number
from websubhub.standalone.admin.dashboard.access.entrance import Entrance
from websubhub.standalone.admin.dashboard.headers import SAFE_HEADERS
from websubhub.standalone.admin.dashboard.pages.events import is_of_level
from websubhub.standalone.admin.dashboard.showing import Showing
from websubhub.standalone.admin.events import EventOperations

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LISTENERS = 50
_QUIET_SECONDS = 15.0
_SEND_SECONDS = 30.0
_LARGEST = 2**63 - 1
_NOTHING_NEW = b": nothing new\n\n"
_RETRY = b"retry: 2000\n\n"


class LiveTail:
    """An ASGI application that sends events to signed-in browsers until they leave or the hub stops.

    Args:
        events: The operations on events.
        entrance: Decides who may enter.
        showing: Turns views into pages.
        quiet_seconds: How often to check a session while nothing happens.
    """

    def __init__(
        self, events: EventOperations, entrance: Entrance, showing: Showing, *, quiet_seconds: float = _QUIET_SECONDS
    ) -> None:
        self._events = events
        self._entrance = entrance
        self._showing = showing
        self._quiet_seconds = quiet_seconds
        self._listeners: set[anyio.CancelScope] = set()
        self._is_closed = False

    def close(self) -> None:
        """Send nothing more, and accept no more browsers."""
        self._is_closed = True
        for listener in self._listeners:
            listener.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        request = _request(scope)
        if self._entrance.session(request) is None:
            await _refuse(send, 401)
        elif self._is_closed or len(self._listeners) >= _LISTENERS:
            await _refuse(send, 503)
        else:
            await self._listen(request, receive, send)

    async def _listen(self, request: Request, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:
            self._listeners.add(tasks.cancel_scope)
            try:
                tasks.start_soon(_until_disconnected, receive, tasks.cancel_scope)
                await self._send_events(request, send)
            finally:
                self._listeners.discard(tasks.cancel_scope)
                tasks.cancel_scope.cancel()
        with anyio.move_on_after(1):
            await send({"type": "http.response.body", "body": b""})

    async def _send_events(self, request: Request, send: Send) -> None:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        after = whole_number(request.headers.get("last-event-id", query.get("after", "")), _LARGEST) or 0
        await send({"type": "http.response.start", "status": 200, "headers": _encoded(_HEADERS)})
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        async for event in self._events.follow(after, quiet_seconds=self._quiet_seconds):
            if self._entrance.session(request) is None:
                break  # the session has ended
            if event is None:
                body = _NOTHING_NEW
            elif is_of_level(event, query.get("level", "")):
                body = self._line(event, request.mount)
            else:
                continue
            if not await _sent(send, body):
                break

    def _line(self, event: dict[str, Any], mount: str) -> bytes:
        markup = self._showing.part("event.html", mount, event=event)
        data = b"\n".join(b"data: " + line for line in markup.splitlines())
        return b"id: %d\nevent: line\n%s\n\n" % (event["id"], data)


_HEADERS = (("Content-Type", "text/event-stream"), *SAFE_HEADERS, ("X-Accel-Buffering", "no"))


async def _sent(send: Send, body: bytes) -> bool:
    """Send data, and return False if the client no longer reads it."""
    with anyio.move_on_after(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": True})
        return True
    return False


async def _until_disconnected(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), *_encoded(SAFE_HEADERS)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _encoded(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers]


def _request(scope: Scope) -> Request:
    """Return the request of a scope, without a body."""
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
    host = headers.get("host", "localhost")
    query = scope.get("query_string", b"").decode("latin-1")
    url = f"{scope.get('scheme', 'http')}://{host}{scope['path']}?{query}"
    return Request(method=scope["method"], url=url, headers=headers, mount=scope.get("root_path", "").rstrip("/"))
