"""A stream of events as they happen, as server-sent events over HTTP."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import anyio
from anyio.abc import TaskGroup

from websubhub import Headers, Response, whole_number
from websubhub.standalone.admin.events import EventOperations
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.http.api import json_response

PATH = "/admin/events"

_STREAMS = 100
_QUIET_SECONDS = 15.0
_SEND_SECONDS = 30.0
_LARGEST = 2**63 - 1
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # asks nginx not to buffer
]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class EventStream:
    """An ASGI application that sends events as they happen to clients that accept ``text/event-stream``.

    Args:
        events: The events.
        access: Decides who may read them.
        others: Answers all other requests.
    """

    def __init__(self, events: EventOperations, access: Access, others: App) -> None:
        self._events = events
        self._access = access
        self._others = others
        self._streams: set[anyio.CancelScope] = set()
        self._closed = False

    def close(self) -> None:
        """End all streams, and refuse new ones."""
        self._closed = True
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._others(scope, receive, send)
            return
        headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
        if "text/event-stream" not in headers.get("accept", "").lower():
            await self._others(scope, receive, send)
            return
        refusal = self._access.refusal_to_read(headers)
        if refusal is not None:
            response = json_response(refusal.status, {"error": refusal.reason}, refusal.headers.items())
            await _respond(send, response)
        elif self._closed or len(self._streams) >= _STREAMS:
            error = {"error": f"At most {_STREAMS} clients can follow the events at once."}
            await _respond(send, json_response(503, error, [("Retry-After", "10")]))
        else:
            await self._stream(_start(scope, headers), receive, send)

    async def _stream(self, after: int | None, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:
            self._streams.add(tasks.cancel_scope)
            try:
                tasks.start_soon(_wait_for_disconnect, receive, tasks)
                await self._send_events(self._events.newest if after is None else after, send)
            finally:
                self._streams.discard(tasks.cancel_scope)
                tasks.cancel_scope.cancel()
        with anyio.move_on_after(1):
            await send({"type": "http.response.body", "body": b""})

    async def _send_events(self, after: int, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        piece = b"retry: 2000\n\n"
        with anyio.CancelScope() as patience:
            await _send_piece(send, piece, patience)
            async for event in self._events.follow(after, quiet_seconds=_QUIET_SECONDS):
                await _send_piece(send, b":\n\n" if event is None else _as_piece(event), patience)


async def _send_piece(send: Send, piece: bytes, patience: anyio.CancelScope) -> None:
    # Without a deadline, a client that reads nothing would keep its place forever.
    patience.deadline = anyio.current_time() + _SEND_SECONDS
    await send({"type": "http.response.body", "body": piece, "more_body": True})
    patience.deadline = float("inf")


def _as_piece(event: dict[str, Any]) -> bytes:
    return f"id: {event['id']}\nevent: {event['name']}\ndata: {json.dumps(event)}\n\n".encode()


def _start(scope: Message, headers: Headers) -> int | None:
    """Return the id after which a stream starts, or None to start now."""
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")[:1_000]))
    return whole_number(headers.get("last-event-id", query.get("after", "")), _LARGEST)


async def _wait_for_disconnect(receive: Receive, tasks: TaskGroup) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    tasks.cancel_scope.cancel()


async def _respond(send: Send, response: Response) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.pairs]
    headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
