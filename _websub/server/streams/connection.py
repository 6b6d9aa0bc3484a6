"""One connection of the server: bytes between a client and its protocol, with a deadline in each direction."""

import logging
import math
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream, TaskGroup
from anyio.streams.tls import TLSAttribute, TLSStream

from _websub.asgi.edge import AsgiApp
from _websub.asgi.holdings import client_of
from _websub.asgi.refusals import Refusals
from _websub.grammar.targets import in_origin_form
from _websub.limits import Patience
from _websub.server.last_words import GONE, LAST_WORDS_SECONDS, LINGER_SECONDS, QUIET_SECONDS, say_stopping
from _websub.server.streams.hypercorn_protocols import Conversation
from _websub.server.streams.inbox import Inbox
from _websub.server.turns import Turns
from _websub.user_code import alone, contained

log = logging.getLogger("websub.server")

_failures = Refusals(log)
#: Bytes that are read at once are parsed in one step, in which no other task runs.
_RECEIVE_BYTES = 16_384


Speak = Callable[..., Conversation]


class Connection:
    """One connection.

    Its state is in one class because its tasks, one that reads and one that serves, share it.

    Args:
        transport: The connection that the client has opened.
        app: The application.
        speak: Makes the conversation of a connection.
        tls: How to set up TLS, if at all.
        patience: How long to wait.
        turns: The turns that it waits for with each piece that the client sends.

    Attributes:
        client: The client that it counts for.
        idle: Whether no request is in progress.
        since: When it became idle or busy.
        read_by: The time by which the client must have sent something.
        write_by: The time by which the client must have received something.
    """

    def __init__(
        self,
        transport: SocketStream,
        app: AsgiApp,
        speak: Speak,
        tls: ssl.SSLContext | None,
        patience: Patience,
        turns: Turns,
    ) -> None:
        self._transport = transport
        self._app = app
        self._speak = speak
        self._tls = tls
        self._patience = patience
        self._turns = turns
        self._has_turn = False
        self._addresses = _addresses(transport)
        self.client = client_of(self._addresses[0][0])
        self._stream: ByteStream = transport
        self._conversation: Conversation | None = None
        self._reading = anyio.CancelScope()
        self._writing = anyio.Lock(fast_acquire=True)
        self._finished = self._broken = False
        self._tasks: TaskGroup | None = None
        self._requests: TaskGroup | None = None
        self.idle = True
        self.since = time.monotonic()
        self.read_by = self.since + (patience.handshake if tls else patience.idle)
        self.write_by = math.inf

    async def run(self) -> None:
        """Serve the client until one side ends the connection. Nothing that happens here affects other connections."""
        try:
            try:
                await self._converse()
            finally:
                with anyio.CancelScope(shield=True):
                    await self._close()
                conversation, self._conversation = self._conversation, None
                self._tasks = self._requests = None
                if conversation is not None:
                    conversation.let_go()
        except GONE:
            pass
        except BaseException as error:
            if not contained(error):
                raise
            _failures.note("A connection failed: %r", alone(error))

    async def _converse(self) -> None:
        if self._tls is not None:
            self._stream = await TLSStream.wrap(self._transport, server_side=True, ssl_context=self._tls)
            self.read_by = time.monotonic() + self._patience.idle
        tls = isinstance(self._stream, TLSStream)
        alpn = self._stream.extra(TLSAttribute.alpn_protocol) if tls else None  # noqa: S610 - of anyio, not of Django
        self._conversation = conversation = self._speak(self, alpn=alpn, tls=tls, addresses=self._addresses)
        async with anyio.create_task_group() as self._tasks:
            async with anyio.create_task_group() as self._requests:
                with self._reading, suppress(*GONE):
                    await conversation.begin()
                    await self._read(conversation)
                await self._turns.take(self.client)
                await conversation.end()
                self.read_by = math.inf
            self._tasks.cancel_scope.cancel()

    async def _read(self, conversation: Conversation) -> None:
        while not self._finished:
            data = await self._stream.receive(_RECEIVE_BYTES)
            if not self.idle:
                self.read_by = math.inf
            await self._turns.take(self.client)
            self._has_turn = True
            await conversation.receive(data)
            if not self.idle:
                self.read_by = time.monotonic() + self._patience.read if conversation.awaits_body else math.inf

    @property
    def waits(self) -> bool:
        """Whether it waits for the client to send a request, or the rest of one."""
        return self.idle or (self._conversation is not None and self._conversation.awaits_body)

    # --- called by the protocol ---------------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        """Send bytes. If the client does not receive them in time, the connection ends."""
        async with self._writing:
            if self._broken:
                return
            self.write_by = time.monotonic() + self._patience.write
            try:
                await self._stream.send(data)
            except GONE:
                self._broken = True
            except BaseException:
                self._broken = True  # A part may have been sent.
                raise
            finally:
                self.write_by = math.inf
        if self._broken and self._conversation is not None:
            self.finish()
            await self._conversation.end()

    def finish(self) -> None:
        """Stop reading, and close once the requests in progress are done."""
        self._finished = True
        self._reading.cancel()

    def set_idle(self, idle: bool) -> None:  # noqa: FBT001 - the name of the method explains it
        """Start or stop waiting for the next request."""
        self.idle = idle
        self.since = time.monotonic()
        self.read_by = self.since + self._patience.idle if idle else math.inf

    def spawn(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Run a function until the connection ends."""
        if self._tasks is not None:
            self._tasks.start_soon(function, *args)

    async def spawn_app(self, app: Any, config: Any, scope: Any, send: Any) -> Any:  # noqa: ARG002 - for hypercorn
        """Call the application with a request, and return the function that takes the events of the request."""
        inbox = Inbox()
        # Bytes that are read at once may be many requests.
        turn = None if self._has_turn else partial(self._turns.take, self.client)
        self._has_turn = False
        if self._requests is not None:
            self._requests.start_soon(_call, self._app, scope, inbox, send, turn)
        return inbox.put

    # --- called by the server -----------------------------------------------------------------------------------------

    async def expire(self) -> None:
        """End it, since the client has missed a deadline."""
        if self._conversation is None or self.write_by < math.inf:
            await self.abort()
        else:
            self.finish()

    def cancel_requests(self) -> None:
        """Cancel the requests in progress. They are still answered where that is possible."""
        if self._requests is not None:
            self._requests.cancel_scope.cancel()

    async def abort(self) -> None:
        """Close it at once, whatever is in progress."""
        self._broken = self._finished = True
        await self._transport.aclose()

    async def _close(self) -> None:
        if not self._broken:
            # On uvloop, a transport that the client has closed raises an error of its own.
            with anyio.move_on_after(LINGER_SECONDS), suppress(*GONE, RuntimeError):
                await self._say_goodbye()
        await self._transport.aclose()

    async def _say_goodbye(self) -> None:
        """Wait until the client has read the response. Closing with unread bytes would reset the connection."""
        with anyio.move_on_after(QUIET_SECONDS):
            if self._conversation is not None:
                await self._conversation.goodbye()
            if isinstance(self._stream, TLSStream):
                await self._stream.unwrap()
            else:
                await self._stream.send_eof()
        quiet = False
        while not quiet:
            with anyio.move_on_after(QUIET_SECONDS) as silence:
                await self._transport.receive()
            quiet = silence.cancelled_caught


async def _call(
    app: AsgiApp,
    scope: Any,
    inbox: Inbox,
    send: Callable[[Any], Awaitable[None]],
    turn: Callable[[], Awaitable[None]] | None,
) -> None:
    try:
        if turn is not None:  # Waited for here: until spawn_app returns, a disconnect finds no stream to tell.
            await turn()
        await app(in_origin_form(scope), inbox.get, send)
    except BaseException as error:
        if not contained(error):
            inbox.close()
            with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS_SECONDS):
                await say_stopping(scope, send)
                await send(None)
            raise
        log.exception("The application failed.")
    inbox.close()
    await send(None)


def _addresses(transport: SocketStream) -> tuple[Any, Any]:
    """Return the addresses of both sides. They are empty if the client has already disconnected."""
    raw = transport.extra(SocketAttribute.raw_socket)  # noqa: S610 - of anyio, not of Django
    try:
        if raw.family == socket.AF_UNIX:
            return ("", 0), ("", 0)
        return raw.getpeername()[:2], raw.getsockname()[:2]
    except OSError:
        return ("", 0), ("", 0)
