"""Reading answers that may come in any pieces, from peers that may send anything."""

from typing import Any

import httptools

from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome

_INFORMATIONAL = range(100, 200)
_FINAL = range(200, 600)
_END = b"\r\n\r\n"  # of a head, and of a chunked body


class AnswerReader:
    """Reads one answer; everything that is wrong with it is an outcome.

    Attributes:
        status: The final status once the head is complete, 0 before.
        reusable: Whether the answer left the connection as a new one: complete, to be kept, and nothing after it.
    """

    def __init__(self, limits: EngineLimits, kept_body_bytes: int, method: str) -> None:
        self._limits = limits
        self._kept = kept_body_bytes
        self._body_limit = kept_body_bytes or limits.ignored_body_bytes
        self._head_only = method == "HEAD"
        # The parser holds this reader; it is let go at the end so that no garbage collection is needed.
        self._parser: Any = httptools.HttpResponseParser(self)
        self.status = 0
        self.reusable = False
        self._received = 0
        self._headers: list[tuple[str, str]] = []
        self._head_complete = False
        self._until_close = False
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._last_part = b""
        self._tail = b""
        self._complete = False
        self._leftover = False
        self._too_large = False

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A message starts: the answer, or what follows it uninvited."""
        self._leftover = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; those after the body are no part of the answer's head."""
        if not self._head_complete and not self._leftover:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head has ended; an informational one is followed by another."""
        if self._leftover:
            return
        status = self._parser.get_status_code()
        if status in _INFORMATIONAL:
            self._headers.clear()
            return
        self.status = status
        self._head_complete = True
        names = {name.lower() for name, _ in self._headers}
        self._until_close = "content-length" not in names and "transfer-encoding" not in names

    def on_body(self, part: bytes) -> None:
        """Bytes of the body, kept if somebody wants them."""
        if self._leftover:
            return
        self._last_part = part
        self._body_bytes += len(part)
        if self._body_bytes > self._body_limit:
            self._too_large = True
        elif self._kept:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The end of a message, informational ones included."""
        if self._head_complete and not self._leftover:
            self._complete = True
            self.reusable = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"

    # What the connection calls.

    def feed(self, data: bytes) -> DeliveryOutcome | None:
        """Take what was received; the outcome as soon as there is one."""
        self._received += len(data)
        self._last_part = b""
        self._tail = (self._tail + data)[-len(_END) - 1 :]
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return self._fail(DeliveryFailure.MALFORMED_ANSWER, "The answer switches to another protocol.")
        except httptools.HttpParserError as error:
            if not self._complete:
                return self.end(DeliveryFailure.MALFORMED_ANSWER, f"The answer is not HTTP: {error}.")
            self._leftover = True
        return self._judge(data)

    def _judge(self, data: bytes) -> DeliveryOutcome | None:
        if not self._head_complete:
            if self._received > self._limits.head_bytes:
                return self._fail(DeliveryFailure.TOO_LARGE, "The head of the answer is too large.")
            return None
        if self.status not in _FINAL:
            return self._fail(DeliveryFailure.MALFORMED_ANSWER, "The answer has no status that HTTP knows.")
        if self._complete and not self._head_only and not self._too_large:
            self.reusable = self.reusable and not self._leftover and self._ends_here(data)
            return self._succeed()
        if self._too_large or self._head_only or (self._until_close and not self._kept):
            return self.end(DeliveryFailure.TOO_LARGE, "The body of the answer is too large.")
        return None

    def _ends_here(self, data: bytes) -> bool:
        """Whether nothing follows the answer; the parser is silent about line ends between messages."""
        if self._last_part and data.endswith(self._last_part):
            return True
        return self._tail.endswith(_END) and not self._tail.endswith(b"\n" + _END)

    def end(self, failure: DeliveryFailure, detail: str, *, closed: bool = False) -> DeliveryOutcome:
        """The outcome if nothing more will be read.

        Args:
            failure: Why, which is what counts unless the answer is good enough.
            detail: The same in words.
            closed: Whether the peer closed the connection in order, which may be how its answer ends.
        """
        self.reusable = False
        if self._head_complete and (self._head_only or not self._kept or (closed and self._until_close)):
            return self._succeed()
        return self._fail(failure, detail)

    def _succeed(self) -> DeliveryOutcome:
        self._parser = None
        return DeliveryOutcome(self.status, tuple(self._headers), b"".join(self._body))

    def _fail(self, failure: DeliveryFailure, detail: str) -> DeliveryOutcome:
        self._parser = None
        self.reusable = False
        return DeliveryOutcome(self.status, tuple(self._headers), b"", failure, detail)
