"""One request and its answer, as uvicorn carries them between httptools and the application."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import anyio
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from _websub.asgi.promises import EXTENSION, Promises
from _websub.server.last_words import LAST_WORDS_SECONDS, say_stopping
from _websub.server.plain.connection import PlainConnection
from _websub.server.plain.shared import Shared
from _websub.user_code import contained

log = logging.getLogger("websub.server")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange(RequestResponseCycle):
    """A request and its answer.

    A part of the answer is held back until the next one follows, so that a short answer is one packet. The sender of a
    long answer waits until the client has received each part, so that no more than one part is in memory.

    Args:
        scope: The request.
        connection: The connection.
        flow: Pauses the connection.
        shared: The state that all connections share.
        answered: Called once the answer has been sent.
        keep_alive: Whether the connection may stay open.
        expects_continue: Whether the client waits to be asked for its body.
    """

    def __init__(
        self,
        scope: Any,
        connection: PlainConnection,
        flow: FlowControl,
        shared: Shared,
        answered: Callable[["Exchange"], None],
        *,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        super().__init__(
            scope=scope,
            transport=cast("Any", self),  # used only to write and to close
            flow=flow,
            logger=log,
            access_logger=log,
            access_log=False,
            default_headers=shared.headers(),
            message_event=asyncio.Event(),
            expect_100_continue=expects_continue,
            keep_alive=keep_alive,
            on_response=_nothing,
        )
        self._connection = connection
        self._shared = shared
        self._answered = answered
        self._unsent: list[bytes] = []

    async def run_asgi(self, app: Any) -> None:
        try:
            # Requests that arrive from many clients at once begin step by step.
            await self._shared.turns.take(self._connection.client)
            promises = Promises(whole=not self.more_body, send_seconds=self._shared.patience.write)
            cast("Any", self.scope)["extensions"] = {EXTENSION: promises}
            await app(self.scope, self.receive, self.send)
        except BaseException as error:
            if not contained(error):
                with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS_SECONDS):
                    await say_stopping(self.scope, self.send)
                raise
            log.exception("The application failed.")
        finally:
            await self._end()
            del self.transport  # breaks a reference cycle, which would stay until the garbage collector runs

    async def _end(self) -> None:
        """Answer with 500 if the application has not answered, and break off an answer that it has begun."""
        if self.disconnected or self.response_complete:
            return
        if self.response_started:
            self._connection.break_off()
        else:
            await self.send_500_response()

    async def receive(self) -> Any:
        if self.waiting_for_100_continue:
            self.waiting_for_100_continue = False
            if self.more_body and not self.body:
                self._connection.write(_CONTINUE)
        if not self.disconnected and not self.response_complete:
            if self.more_body and self.flow.read_paused:
                self.flow.resume_reading()
                self._connection.wait_for_body(more=True)
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        begins = message["type"] == "http.response.start"
        if begins and (self.more_body or self._shared.stopping):
            self.keep_alive = False
        await super().send(message)
        if begins or self.disconnected:
            return
        data = b"".join(self._unsent)
        self._unsent.clear()
        if data:
            await self._send(data)
        if self.response_complete and not self.disconnected:
            self._answered(self)

    async def _send(self, data: bytes) -> None:
        self._connection.write(data)
        if self.flow.write_paused:
            try:
                await self.flow.drain()
            except BaseException:
                self._connection.break_off()  # A part may have been sent.
                raise

    # --- used by uvicorn as the transport -----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Keep bytes that are to be sent."""
        self._unsent.append(data)

    def close(self) -> None:
        """Leave it to the connection, which closes once everything has been sent."""
        self.keep_alive = False

    def is_closing(self) -> bool:
        """Return whether the client has disconnected."""
        return self.disconnected


def _nothing() -> None:
    """Do nothing, since the work after a response is done when it has been sent."""
