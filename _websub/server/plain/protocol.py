"""HTTP/1.1 as uvicorn implements it with httptools, made strict and bounded (the door of uvicorn)."""

import asyncio
import contextvars
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from _websub.grammar.heads import HeadError
from _websub.grammar.targets import in_origin_form
from _websub.server.plain.connection import Flow, PlainConnection
from _websub.server.plain.exchange import Exchange
from _websub.server.plain.framing import Framing
from _websub.server.plain.shared import Shared

#: How many bytes of an answer may still wait to be sent when the next request of a client begins.
_UNSENT_BYTES = 16_384


class UvicornProtocol(HttpToolsProtocol):
    """One connection of a client, whose requests are read one at a time.

    Args:
        shared: The state that all connections share.
    """

    connection: PlainConnection

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.config, shared.server, shared.state)
        self._shared = shared
        self._context = contextvars.copy_context()
        self._framing = Framing(self._feed)

    # --- called by asyncio --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        transport.set_write_buffer_limits(high=_UNSENT_BYTES, low=0)

        def end(connection: PlainConnection) -> None:
            self._shared.ended(connection)
            vars(self).clear()  # breaks a reference cycle, which would stay until the garbage collector runs

        host = self.client[0] if self.client else ""
        self.connection = PlainConnection(transport, host, self._shared.patience, self._leave, end)
        self._shared.opened(self.connection)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.connection.lost()

    def data_received(self, data: bytes) -> None:
        if self.connection.reading:
            self._framing.add(data)
            self._read()
        elif self.connection.farewell is not None:
            self.connection.farewell.hear()

    def eof_received(self) -> bool:  # type: ignore[override]
        if self.connection.farewell is not None or self.connection.idle:
            self.transport.close()
        elif self._framing.arrived:
            self.connection.reading = False
        else:
            self._leave()
        return True  # it stays open for the answer

    # --- from bytes to requests ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        connection, framing = self.connection, self._framing
        try:
            while framing.is_left and connection.reading:
                if not framing.arrived:
                    framing.go_on()
                elif not connection.idle:
                    self.flow.pause_reading()  # until the previous request is answered
                    break
                elif not framing.begin():
                    break
        except HeadError as error:
            self._refuse(error.status)
        else:
            if not framing.arrived and connection.reading:
                connection.wait_for_body(more=not self.flow.read_paused)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserInvalidMethodError:
            raise HeadError("This method is not supported.", 501) from None
        except httptools.HttpParserError:
            if not self._framing.arrived:
                raise HeadError("The request is malformed.") from None
            # More bytes have followed the end of a chunked body, and where they begin is not known.
            self.cycle.keep_alive = False
            self.connection.reading = False

    def _refuse(self, status: int) -> None:
        """Answer an invalid request, unless an answer has begun."""
        if self.connection.idle or not self.cycle.response_started:
            lines = [b"%b: %b\r\n" % pair for pair in self._shared.headers()]
            end = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.connection.write(b"".join([STATUS_LINE[status], *lines, end]))
        self._leave()
        self.connection.say_goodbye()

    def _leave(self) -> None:
        """Stop reading, end a request that has not arrived completely, and close once it is done."""
        self.connection.reading = False
        if not self.connection.idle and not self._framing.arrived:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.connection.say_goodbye()

    def _answered(self, exchange: Exchange) -> None:
        """Continue with the next request, now that the answer to this one has been sent."""
        if not exchange.keep_alive or self._shared.stopping or not self.connection.reading:
            self.connection.say_goodbye()
            return
        self.connection.rest()
        self.flow.resume_reading()
        self._read()

    # --- called by httptools ------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._framing.arrived:
            raise HeadError("One request at a time.")
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._framing.chunked:  # else it is a trailer
            super().on_header(name, value.rstrip(b" \t"))  # httptools does not strip the end

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        raw, _, query = self.url.partition(b"?")
        scope: Any = self.scope
        scope["http_version"] = version
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = unquote(raw.decode("ascii"))
        scope["raw_path"] = raw
        scope["query_string"] = query
        self._framing.expect(self.headers)
        self.cycle = exchange = Exchange(
            in_origin_form(scope),
            self.connection,
            self.flow,
            self._shared,
            self._answered,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            expects_continue=version != "1.0" and self.expect_100_continue,
        )
        self.connection.begin(self.loop.create_task(exchange.run_asgi(self.app), context=self._context.copy()))

    def on_body(self, body: bytes) -> None:
        self._framing.count(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.parser.should_keep_alive():
            self.cycle.keep_alive = False  # A trailer can end the connection too. The parser accepts no more then.
        self._framing.complete()
        self.connection.wait_for_body(more=False)
