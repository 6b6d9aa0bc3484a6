"""ASGI events as values: a scope and its events are read as one request, and a response is written as events."""

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

import anyio

from _websub.asgi.bodies import Arrival, Bodies, busy
from _websub.grammar.targets import in_origin_form
from _websub.http import Headers, Request, Response, plain
from _websub.limits import FREE_PIECES, are_too_small

log = logging.getLogger("websub")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CLOSE = (("Connection", "close"),)
_LINGER_SECONDS = 2.0
_QUIET_SECONDS = 0.2
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?", re.ASCII)
_PATH_SAFE = "/:@!$&'()*+,;=-._~|{}^`\\\"<>[]"
_PLAIN_PATH = re.compile(rb"/[A-Za-z0-9/._~-]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: The headers that the edge and the server write themselves.
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_HTTP1_ONLY = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"upgrade"})


class RefusedError(Exception):
    """A request is answered before all of it has been read."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class DisconnectedError(Exception):
    """The client disconnected before its request was complete. The request is dropped."""


async def read_request(
    scope: Scope, receive: Receive, *, limit: int, seconds: float, arrival: Arrival | None = None, coded: bool = False
) -> Request:
    """Return the whole request of an ASGI scope.

    Args:
        scope: The ASGI scope.
        receive: The ASGI receive function.
        limit: The largest body, in bytes.
        seconds: How long the body may take to arrive, if it is still arriving.
        arrival: The body among those that the application holds. By default, it is counted alone, as still arriving.
        coded: Whether the body may have a Content-Encoding. It is not unpacked.

    Raises:
        RefusedError: The method is CONNECT or TRACE, the target or the Host header is malformed, or the body is too
            large, too slow, in too small pieces, compressed, of ambiguous length, or has to give way to others.
        DisconnectedError: The client disconnected.
    """
    method: str = scope["method"]
    if method in {"CONNECT", "TRACE"}:
        raise RefusedError(plain(501, f"This server does not support {method}.", _CLOSE))
    scope = in_origin_form(scope)
    headers = Headers.raw(scope["headers"])
    named = headers.by_name
    mount = scope.get("root_path", "").rstrip("/")
    url = _url(scope, named.get("host", [""])[0] or "localhost", mount)
    _check_framing(named, limit, scope.get("http_version", "1.1"))
    if not coded:
        _check_coding(named)
    arrival = arrival or Bodies.alone()
    if arrival.arriving:
        body = await _await_body(receive, arrival, limit, seconds)
    else:
        body = await _gather(receive, arrival, limit)
    if arrival.gave_way:
        raise RefusedError(busy())
    if body is None:
        raise RefusedError(plain(408, "The body did not arrive in time.", _CLOSE))
    return Request(method=method, url=url, headers=headers, body=body, mount=mount, client=arrival.client)


def _url(scope: Scope, host: str, mount: str) -> str:
    if not _HOST.fullmatch(host):
        # A slash in it would become part of the path below, and bypass the rules of a proxy.
        raise RefusedError(plain(400, "The Host header is malformed.", _CLOSE))
    path = _path(scope)
    # Frameworks differ in whether the path of a mounted application includes the mount.
    if mount and path != mount and not path.startswith(mount + "/"):
        path = mount + path
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}{path}" + (f"?{query}" if query else "")


def _path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    if raw and _PLAIN_PATH.fullmatch(raw):
        return str(raw, "ascii")
    path = quote(raw.partition(b"?")[0], safe=_PATH_SAFE + "%") if raw else quote(scope["path"], safe=_PATH_SAFE)
    if path == "*":
        return "/"
    if not path.startswith("/"):
        raise RefusedError(plain(400, "The target of the request is malformed.", _CLOSE))
    return path


async def _await_body(receive: Receive, arrival: Arrival, limit: int, seconds: float) -> bytes | None:
    """Return a body, or None if it did not arrive in time or has given way to others."""
    with anyio.move_on_after(seconds) as arrival.patience:
        return await _gather(receive, arrival, limit)
    return None


async def _gather(receive: Receive, arrival: Arrival, limit: int) -> bytes:
    """Return the whole body from its pieces, or what has arrived of it when it gives way to others."""
    body: bytes | bytearray = b""
    more, pieces = True, 0
    while more and not arrival.gave_way:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise DisconnectedError
        chunk = event.get("body", b"")
        more = event.get("more_body", False)
        if chunk:
            if len(body) + len(chunk) > limit:
                raise _too_large(limit)
            arrival.grow(len(chunk))
            if not body and not more:  # as nearly always
                return bytes(chunk)
            body = _joined(body, chunk)
        pieces += 1
        if are_too_small(pieces, len(body)):
            raise RefusedError(plain(400, "The body comes in too many small pieces.", _CLOSE))
    return bytes(body)


def _joined(body: bytes | bytearray, chunk: bytes) -> bytes | bytearray:
    """Return a body with a chunk appended. Most bodies come in one piece, which is not copied."""
    if not body:
        return chunk
    whole = body if isinstance(body, bytearray) else bytearray(body)
    whole += chunk
    return whole


def _check_framing(named: Mapping[str, list[str]], limit: int, version: str) -> None:
    lengths = named.get("content-length", ())
    if "transfer-encoding" in named:
        if lengths:
            raise RefusedError(plain(400, "Content-Length and Transfer-Encoding exclude each other.", _CLOSE))
        if version == "1.0":
            raise RefusedError(plain(400, "HTTP/1.0 has no Transfer-Encoding.", _CLOSE))
    for length in lengths:
        digits = length.strip()
        if digits.isdecimal() and (len(digits) > len(str(limit)) or int(digits) > limit):
            raise _too_large(limit)


def _check_coding(named: Mapping[str, list[str]]) -> None:
    if any(value.strip().lower() not in {"", "identity"} for value in named.get("content-encoding", ())):
        raise RefusedError(plain(415, "The body must not have a Content-Encoding.", _CLOSE))


def _too_large(limit: int) -> RefusedError:
    return RefusedError(plain(413, f"The body is larger than {limit} bytes.", _CLOSE))


async def refuse(scope: Scope, receive: Receive, send: AsgiSend, response: Response) -> None:
    """Answer a request whose body was not read, and discard the rest of the body for a moment.

    Closing a connection with unread bytes resets it, and the client may never see the response. And a server may wait
    forever for the application to receive its events.
    """
    await write_response(scope, send, response, finish=False)
    with anyio.move_on_after(_LINGER_SECONDS):
        await _discard(receive, quiet_seconds=_QUIET_SECONDS)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_discard, receive)
        await send({"type": "http.response.body", "body": b""})
        tasks.cancel_scope.cancel()


async def _discard(receive: Receive, quiet_seconds: float = math.inf) -> None:
    for _ in range(FREE_PIECES):
        more = False
        with anyio.move_on_after(quiet_seconds):
            event = await receive()
            more = event["type"] != "http.disconnect" and event.get("more_body", False)
        if not more:
            return


async def write_response(scope: Scope, send: AsgiSend, response: Response, *, finish: bool = True) -> None:
    """Write a response with its Content-Length. One that cannot be written becomes a 500.

    Args:
        scope: The ASGI scope.
        send: The ASGI send function.
        response: The response.
        finish: Whether to end the response. Otherwise, the caller has to.
    """
    try:
        headers = _encode(scope, response)
    except ValueError:
        log.exception("A response has a header that cannot be sent.")
        response = plain(500, "Internal server error.")
        headers = _encode(scope, response)
    body = b"" if scope["method"] == "HEAD" or response.status in _BODILESS else response.body
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": not finish})


_BODILESS = frozenset({204, 304})


def _encode(scope: Scope, response: Response) -> list[tuple[bytes, bytes]]:
    length = b"%d" % len(response.body)
    pairs: list[tuple[bytes, bytes]] = [] if response.status in _BODILESS else [(b"content-length", length)]
    left_out = _FRAMING if scope.get("http_version", "1.1").startswith("1") else _FRAMING | _HTTP1_ONLY
    pairs += [pair for pair in map(_encode_pair, response.headers.pairs) if pair[0] not in left_out]
    return pairs


def _encode_pair(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    name, value = pair
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid header name")
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"the value of {name} has characters that are not allowed in headers")
    return name.lower().encode("ascii"), value.strip().encode("latin-1")
