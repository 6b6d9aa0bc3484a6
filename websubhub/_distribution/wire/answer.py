"""Reading answers that may come in any pieces, from peers that may send anything."""

from typing import Any

import attrs
import httptools

from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire.lenient import FIELDS_MOST, LenientHead

_INFORMATIONAL = range(100, 200)
_FINAL = range(200, 1000)  # HTTP has no statuses from 600 on, but they are answers too (RFC 9110, 15)
_SUCCESS = range(200, 300)
_END = b"\r\n\r\n"  # of a head, and of a chunked body
_FIRST_BYTE = b"H"
#: A chunk of one byte takes six. Other bytes around the body could go on forever.
WIRE_BYTES_FOR_EACH = 8


class AnswerReader:
    """Reads one answer.

    Once the status line of an answer has been read, its status counts, whatever follows. The rest only decides whether
    the connection is kept, and how much of a requested body there is. Without a status line, the exchange has failed.

    Its state is in one class because the callbacks of the parser share it.

    Attributes:
        kept_body_bytes: How much of the body is kept, or 0 if it is ignored.
        status: The final status once the head is complete, 0 before.
        reusable: Whether the connection can be used again: the answer was sound and complete, and nothing followed it.
    """

    __slots__ = (
        "_body",
        "_body_bytes",
        "_body_limit",
        "_complete",
        "_excerpt_bytes",
        "_head_complete",
        "_head_only",
        "_headers",
        "_last_part",
        "_leftover",
        "_lenient",
        "_limits",
        "_parser",
        "_received",
        "_seen",
        "_sound",
        "_tail",
        "_too_large",
        "_until_close",
        "_wire_limit",
        "kept_body_bytes",
        "reusable",
        "status",
    )

    def __init__(self, limits: EngineLimits, kept_body_bytes: int, method: str, error_body_bytes: int = 0) -> None:
        self._limits = limits
        self.kept_body_bytes = kept_body_bytes
        self._excerpt_bytes = error_body_bytes  # how many of them may still be kept
        self._body_limit = kept_body_bytes or limits.ignored_body_bytes
        self._wire_limit = limits.head_bytes + WIRE_BYTES_FOR_EACH * self._body_limit
        self._head_only = method == "HEAD"
        # The parser refers to this reader, so it is dropped at the end, and no garbage collection is needed.
        self._parser: Any = httptools.HttpResponseParser(self)
        self.status = 0
        self.reusable = False
        self._received = 0
        self._seen = bytearray()  # the head so far, in case it must be read again
        self._lenient: LenientHead | None = None
        self._headers: list[tuple[str, str]] = []
        self._head_complete = False
        self._sound = True
        self._until_close = False
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._last_part = b""
        self._tail = b""
        self._complete = False
        self._leftover = False
        self._too_large = False

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin a message: the answer, or an unexpected one after it."""
        self._leftover = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field. Fields after the body are not part of the answer's head."""
        if not self._head_complete and not self._leftover:
            if len(self._headers) >= FIELDS_MOST:
                self._too_large = True
                return
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """End a head. An informational one is followed by another."""
        if self._leftover or self._head_complete:
            return
        status = self._parser.get_status_code()
        if status in _INFORMATIONAL:
            self._headers.clear()
            return
        self.status = status
        self._head_complete = True
        names = {name.lower() for name, _ in self._headers}
        self._until_close = "content-length" not in names
        if "transfer-encoding" in names:
            self._sound = _is_chunked(self._headers)
            self._until_close = not self._sound

    def on_body(self, part: bytes) -> None:
        """Count bytes of the body, and keep them if they were requested."""
        if self._leftover:
            return
        self._last_part = part
        if self.kept_body_bytes:
            self._body.append(part[: self._body_limit - self._body_bytes])
        elif self._excerpt_bytes and self.status not in _SUCCESS:
            self._body.append(part[: self._excerpt_bytes])
            self._excerpt_bytes -= len(self._body[-1])
        self._body_bytes += len(part)
        if self._body_bytes > self._body_limit:
            self._too_large = True
            self._body_bytes = self._body_limit

    def on_message_complete(self) -> None:
        """End a message, including an informational one."""
        if self._head_complete and not self._leftover:
            self._complete = True
            self.reusable = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"

    # Called by the connection.

    def feed(self, data: bytes) -> DeliveryOutcome | None:
        """Read received bytes. Return the outcome as soon as there is one."""
        self._received += len(data)
        if not self._head_complete:
            if self._lenient is not None:
                return self._feed_leniently(self._lenient, data)
            self._seen += data
        self._last_part = b""
        self._tail = (self._tail + data)[-len(_END) - 1 :]
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._head_complete:
                return self._feed_leniently(LenientHead(), bytes(self._seen))
            if not self._complete:
                return self.end(DeliveryFailure.MALFORMED_ANSWER, f"The body of the answer is not HTTP: {error}.")
            self._leftover = True
        return self._judge(data)

    def _feed_leniently(self, head: LenientHead, data: bytes) -> DeliveryOutcome | None:
        """Read the head that the parser refuses. From the body on, the parser continues."""
        self._lenient = head
        head.feed(data)
        if head.broken:
            return self._fail(DeliveryFailure.MALFORMED_ANSWER, head.broken)
        if not head.complete:
            self._too_large = head.overfull
            return self._judge(data)
        self._take_over(head)
        restated = head.restated()
        if not self.kept_body_bytes or restated is None:
            return self._cut(DeliveryFailure.MALFORMED_ANSWER, "The answer does not say where its body ends.")
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(restated)
        self._until_close = b"\r\nContent-Length" not in restated and b"\r\nTransfer-Encoding" not in restated
        return self.feed(head.rest)

    def _take_over(self, head: LenientHead) -> None:
        self._lenient = None
        self._sound = False
        self.status, self._headers = head.status, head.headers
        self._head_complete = True

    def _judge(self, data: bytes) -> DeliveryOutcome | None:
        if not self._head_complete:
            if self._received > self._limits.head_bytes or self._too_large:
                return self.end(DeliveryFailure.TOO_LARGE, "The head of the answer is too large.")
            return None
        if self.status not in _FINAL:
            return self._fail(DeliveryFailure.MALFORMED_ANSWER, "The status of the answer is unknown to HTTP.")
        if self._complete and not self._head_only and not self._too_large:
            self.reusable = self.reusable and self._sound and not self._leftover and self._is_alone(data)
            return self._succeed()
        beyond = self._too_large or self._received > self._wire_limit
        if beyond or self._head_only or (self._until_close and not self.kept_body_bytes):
            return self.end(DeliveryFailure.TOO_LARGE, "The body of the answer is too large.")
        return None

    def _is_alone(self, data: bytes) -> bool:
        """Return whether nothing followed the answer. The parser does not report line ends between messages."""
        if not self._seen.startswith(_FIRST_BYTE):
            return False
        if self._last_part and data.endswith(self._last_part):
            return True
        return self._tail.endswith(_END) and not self._tail.endswith(b"\n" + _END)

    def end(self, failure: DeliveryFailure, detail: str, *, closed: bool = False) -> DeliveryOutcome:
        """Return the outcome, now that nothing more will be read.

        Args:
            failure: The failure, which counts if there is no status.
            detail: The failure in words.
            closed: Whether the peer closed the connection properly, which may be how its answer ends.
        """
        self.reusable = False
        if not self._head_complete:
            head = self._lenient
            if head is None:
                head = LenientHead()
                head.feed(bytes(self._seen))
            if not head.status:
                return self._fail(failure, detail)
            self._take_over(head)
        elif self.status not in _FINAL:
            return self._fail(failure, detail)
        elif self._head_only or (closed and self._until_close):
            return self._succeed()
        return self._cut(failure, detail)

    def _succeed(self) -> DeliveryOutcome:
        self._parser = None
        return DeliveryOutcome(self.status, tuple(self._headers), b"".join(self._body))

    def _cut(self, failure: DeliveryFailure, detail: str) -> DeliveryOutcome:
        outcome = self._succeed()
        return attrs.evolve(outcome, detail=detail, body_failure=failure) if self.kept_body_bytes else outcome

    def _fail(self, failure: DeliveryFailure, detail: str) -> DeliveryOutcome:
        self._parser = None
        self.reusable = False
        return DeliveryOutcome(failure=failure, detail=detail)


def _is_chunked(headers: list[tuple[str, str]]) -> bool:
    """Return whether the body is chunked, once and with no other coding."""
    return [value.lower() for name, value in headers if name.lower() == "transfer-encoding"] == ["chunked"]
