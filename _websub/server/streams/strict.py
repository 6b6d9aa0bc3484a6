"""HTTP/1.1 as h11 reads it, made strict: it refuses what is ambiguous, and what costs too much."""

from typing import Any

import h11

from _websub.grammar.heads import HeadError, HeadWatch
from _websub.limits import are_too_small


class StrictConnection(h11.Connection):
    """Refuses heads that another program on the way may have read differently (RFC 9112, 2.2 and 5.2).

    It also refuses bodies in tiny pieces. A client could send so many of them that no other client gets a turn.
    """

    takes_http2 = False
    _pieces = 0
    _body = 0

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._head = HeadWatch()

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            self._check_head(self.trailing_data[0])
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._count_piece(event.data)
        elif isinstance(event, h11.Request):
            self._pieces = self._body = 0
        if isinstance(event, h11.Request) and event.http_version[:2] != b"1." and not self.takes_http2:
            raise h11.RemoteProtocolError("This version of HTTP is not supported.", error_status_hint=505)
        return event

    def _count_piece(self, data: bytes | bytearray) -> None:
        self._pieces += 1
        self._body += len(data)
        # Count as the edge does, but before the piece becomes an event of the protocol and costs more.
        if are_too_small(self._pieces, self._body):
            raise h11.RemoteProtocolError("The body comes in too many small pieces.")

    def _check_head(self, received: bytes) -> None:
        try:
            self._head.end(received, takes_http2=self.takes_http2)
        except HeadError as error:
            raise h11.RemoteProtocolError(str(error), error_status_hint=error.status) from None
