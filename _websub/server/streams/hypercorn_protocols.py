"""HTTP/1.1 and HTTP/2 as hypercorn implements them, made strict and bounded (the door of hypercorn)."""

import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

import anyio
import h2.errors
import h2.exceptions
import h11
import hypercorn
from h2.stream import StreamState
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError, H11Protocol
from hypercorn.typing import ConnectionState

from _websub.grammar.heads import HEAD_BYTES
from _websub.server.streams.strict import StrictConnection


class Wire(Protocol):
    """The connection as its protocol sees it."""

    async def write(self, data: bytes) -> None:
        """Send bytes to the client."""

    def finish(self) -> None:
        """Close the connection once everything has been sent."""

    def set_idle(self, idle: bool) -> None:  # noqa: FBT001 - the name of the method explains it
        """Start or stop waiting for the next request."""

    def spawn(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Run a function until the connection ends."""

    async def spawn_app(self, app: Any, config: Any, scope: Any, send: Any) -> Any:
        """Call the application with a request, and return the function that takes the events of the request."""


class _Event:
    """An event of the running event loop, with the interface that hypercorn expects."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    async def set(self) -> None:
        self._event.set()

    async def clear(self) -> None:
        if self._event.is_set():
            self._event = anyio.Event()

    async def wait(self) -> None:
        await self._event.wait()

    def is_set(self) -> bool:
        return self._event.is_set()


class Context:
    """The state that all connections of a server share."""

    event_class = _Event
    sleep = staticmethod(anyio.sleep)
    time = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.terminate = _Event()
        self.terminated = _Event()

    async def mark_request(self) -> None:
        """Do nothing, since a server does not end after a number of requests."""


class Config(hypercorn.Config):
    """The settings of the protocols.

    Args:
        certfile: The certificate chain, for TLS.
        keyfile: The private key, if it is not in the file of the certificate.
        cleartext_http2: Whether to serve HTTP/2 without TLS.
    """

    def __init__(self, certfile: str | None, keyfile: str | None, *, cleartext_http2: bool) -> None:
        super().__init__()
        self.certfile = certfile
        # With only one of the two, hypercorn would serve without TLS.
        self.keyfile = keyfile or certfile
        self.cleartext_http2 = cleartext_http2
        self.h11_max_incomplete_size = HEAD_BYTES
        self.include_server_header = False
        self.errorlog = logging.getLogger("websub.server")
        self.loglevel = "WARNING"


_ANSWERED = frozenset({h11.MUST_CLOSE, h11.CLOSED, h11.ERROR})


class _Http1(H11Protocol):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        config: Config = args[1]
        strict = StrictConnection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._takes_http2 = strict.takes_http2 = config.cleartext_http2 and not self.ssl
        self.connection = strict
        self._held = b""

    @property
    def awaits_body(self) -> bool:
        return self.connection.their_state is h11.SEND_BODY

    async def goodbye(self) -> None:
        """Do nothing, since HTTP/1.1 has no goodbye."""

    async def _check_protocol(self, event: h11.Request) -> None:
        if self._takes_http2:
            await super()._check_protocol(event)

    async def _create_stream(self, request: h11.Request) -> None:
        # WebSocket is not supported. A server may ignore a request for it (RFC 9110, 7.8), but hypercorn would fail at
        # the next request that has arrived with it.
        if any(name == b"upgrade" for name, _ in request.headers):
            headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
            request = h11.Request(
                method=request.method, target=request.target, headers=headers, http_version=request.http_version
            )
        await super()._create_stream(request)

    async def _send_h11_event(self, event: Any) -> None:
        # The head is held back until more follows, so that an answer is one packet.
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            # The protocol has already answered this by itself.
            if self.connection.their_state is not h11.ERROR and self.connection.our_state not in _ANSWERED:
                raise
            return
        if isinstance(event, h11.Response):
            self._held = data
            return
        data, self._held = self._held + data, b""
        if data:
            await self.send(RawData(data=data))


class _Gone:
    """Takes the events that still arrive for a stream that has ended."""

    idle = True

    async def handle(self, event: Any) -> None:
        """Drop an event."""


class _Streams(dict[int, Any]):
    def __missing__(self, key: int) -> _Gone:
        return _Gone()


class _Http2(H2Protocol):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.streams = _Streams()

    @property
    def awaits_body(self) -> bool:
        known = self.connection.streams
        states = [known[number].state_machine.state for number in self.streams if number in known]
        return bool(states) and all(state is StreamState.OPEN for state in states)

    async def goodbye(self) -> None:
        """Tell the client that no more requests are accepted."""
        with suppress(h2.exceptions.ProtocolError):
            self.connection.close_connection()
            await self._flush()

    async def handle(self, event: Any) -> None:
        await super().handle(event)
        if isinstance(event, Closed):
            # Otherwise, a wait for the client to open its window would never end.
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()

    async def stream_send(self, event: Any) -> None:
        if isinstance(event, StreamClosed):
            await self._give_up(event.stream_id)
        await super().stream_send(event)

    async def _close_stream(self, stream_id: int) -> None:
        await super()._close_stream(stream_id)
        buffer = self.stream_buffers.get(stream_id)
        if buffer is not None and not buffer.complete:
            await buffer.close()

    async def _give_up(self, stream_id: int) -> None:
        """Reset a stream whose answer was not received completely."""
        buffer = self.stream_buffers.get(stream_id)
        if buffer is None or buffer.complete or self.closed:
            return
        await buffer.close()
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
            await self._flush()


class Conversation:
    """One connection's protocol, whichever the client chose.

    Args:
        app: The application.
        config: The settings of the protocols.
        context: The state that all connections share.
        wire: The connection.
        state: The state that the application shares with its requests.
        alpn: The protocol that TLS agreed on; None without TLS.
        addresses: The addresses of the client and of the server.
    """

    def __init__(
        self,
        app: Any,
        config: Config,
        context: Context,
        wire: Wire,
        state: dict[str, Any],
        *,
        alpn: str | None,
        tls: bool,
        addresses: tuple[Any, Any],
    ) -> None:
        self._wire = wire
        shared = (app, config, context, wire, ConnectionState(state), tls, *addresses, self._send)
        self._shared: Any = shared
        self._protocol: _Http1 | _Http2 = (_Http2 if alpn == "h2" else _Http1)(*shared)

    @property
    def awaits_body(self) -> bool:
        """Whether the client is in the middle of a body, and nothing else is in progress."""
        return self._protocol.awaits_body

    async def begin(self) -> None:
        """Send what the protocol sends first."""
        await self._protocol.initiate()

    async def receive(self, data: bytes) -> None:
        """Process bytes from the client."""
        try:
            await self._protocol.handle(RawData(data))
        except H2ProtocolAssumedError as error:
            await self._change_to_http2(error.data)
        except H2CProtocolRequiredError as error:
            await self._change_to_http2(error.data, error.headers, error.settings)

    async def _change_to_http2(self, data: bytes, *upgrade: Any) -> None:
        self._protocol = _Http2(*self._shared)
        await self._protocol.initiate(*upgrade)
        if data:
            await self._protocol.handle(RawData(data))

    async def goodbye(self) -> None:
        """Send what the protocol sends last."""
        await self._protocol.goodbye()

    async def end(self) -> None:
        """Tell the requests in progress that the client has disconnected."""
        await self._protocol.handle(Closed())

    def let_go(self) -> None:
        """Drop all references at the end, since a reference cycle would stay until the garbage collector runs."""
        vars(self._protocol).clear()
        vars(self).clear()

    async def _send(self, event: Any) -> None:
        if isinstance(event, RawData):
            await self._wire.write(event.data)
        elif isinstance(event, Updated):
            self._wire.set_idle(event.idle)
        elif isinstance(event, Closed):
            self._wire.finish()
