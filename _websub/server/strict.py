"""HTTP/1.1 as h11 reads it, made strict: nothing that can be read in two ways, and nothing that costs too much."""

import re
from typing import Any

import h11

from _websub.limits import are_too_small

HEAD_BYTES = 16 * 1024
#: Lines that end without a carriage return, and lines that go on: programs differ in where they see a header end.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
_HEAD_ENDS = re.compile(rb"\n\r?\n")
_LOOK_BACK = 3
_PREFACE = b"PRI * HTTP/2"


class StrictConnection(h11.Connection):
    """Refuses heads that another program on the way may have read in another way (RFC 9112, 2.2 and 5.2).

    And bodies in the smallest pieces, of which a client could send so many that nobody else gets a turn.
    """

    takes_http2 = False
    _looked_at = 0
    _pieces = 0
    _body = 0

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            self._check_head(self.trailing_data[0])
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._count_piece(event.data)
        elif isinstance(event, h11.Request):
            self._pieces = self._body = 0
        if isinstance(event, h11.Request) and event.http_version[:2] != b"1." and not self.takes_http2:
            raise h11.RemoteProtocolError("This version of HTTP is not spoken here.", error_status_hint=505)
        return event

    def _count_piece(self, data: bytes | bytearray) -> None:
        self._pieces += 1
        self._body += len(data)
        # As the edge counts, but before it costs anything: a piece is an event of the protocol first.
        if are_too_small(self._pieces, self._body):
            raise h11.RemoteProtocolError("The body comes in too many small pieces.")

    def _check_head(self, received: bytes) -> None:
        # What was looked at before is not looked at again, or a head in small pieces would cost its square.
        start = max(0, self._looked_at - _LOOK_BACK)
        end = _HEAD_ENDS.search(received, start)
        length = end.end() if end else len(received)
        self._looked_at = 0 if end else length
        if received.startswith(_PREFACE) and not self.takes_http2:
            raise h11.RemoteProtocolError("HTTP/2 is spoken over TLS only.", error_status_hint=505)
        if length > HEAD_BYTES:
            raise h11.RemoteProtocolError("The head is too large.", error_status_hint=431)
        if _AMBIGUOUS.search(received, start, length):
            raise h11.RemoteProtocolError("The head has lines that are folded or end without a carriage return.")
