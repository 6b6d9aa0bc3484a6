"""Reading an answer for its content, which may be too large for the engine."""

from websubhub._distribution.delivery import SharedContent
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wanted import WantedBody
from websubhub._distribution.wire.answer import WIRE_BYTES_FOR_EACH, AnswerReader
from websubhub._distribution.wire.lenient import LenientHead

# Handling one piece of a body costs as much as a kilobyte of it. A body may arrive in this many pieces, plus one for
# each _PIECE_BYTES of it.
_PIECES = 16_384
_PIECE_BYTES = 32
# How much may arrive besides the head and the content, before there is content.
_FRUITLESS_BYTES = 16 * 1024
_LENGTH_DIGITS = 20


class ContentReader(AnswerReader):
    """Reads an answer, and its body if the status says that it is the wanted content.

    The engine keeps a body up to a size. A larger one overflows, and is taken piece by piece from then on.

    Args:
        limits: The limits of the engine.
        kept_body_bytes: The size.
        method: The method of the request.
        wanted: The wanted bodies.

    Attributes:
        wanted: The wanted bodies.
        overflows: Whether the body is, or says that it is, larger than what the engine keeps, and goes on.
    """

    __slots__ = ("_pieces", "overflows", "wanted")

    def __init__(self, limits: EngineLimits, kept_body_bytes: int, method: str, wanted: WantedBody) -> None:
        super().__init__(limits, kept_body_bytes, method)
        self.wanted = wanted
        self._pieces = 0
        self.overflows = False

    def on_headers_complete(self) -> None:
        """End a head. If it is the last one, decide about the body."""
        known = self.status
        super().on_headers_complete()
        if self.status != known:
            self._decide()

    def on_body(self, part: bytes) -> None:
        """Keep all bytes of a wanted body, since an overflow loses none."""
        if self._leftover or not self.kept_body_bytes:
            super().on_body(part)
            return
        self._last_part = part
        self._body.append(part)
        self._body_bytes += len(part)
        self._pieces += 1
        self.overflows = self.overflows or self._body_bytes > self._body_limit
        if self._pieces > _PIECES + self._body_bytes // _PIECE_BYTES:
            self._too_large = True

    def take(self) -> bytes:
        """Return what has arrived of the body since the last call."""
        body = b"".join(self._body)
        self._body.clear()
        return body

    def outcome_without_body(self) -> DeliveryOutcome:
        """Return the outcome of an answer whose body someone else reads."""
        return DeliveryOutcome(self.status, tuple(self._headers), body_failure=DeliveryFailure.TOO_LARGE)

    def _take_over(self, head: LenientHead) -> None:
        super()._take_over(head)
        self._decide()

    def _decide(self) -> None:
        if self.status in self.wanted.statuses:
            self.overflows = self._announced_bytes() > self._body_limit
        else:
            self.kept_body_bytes = 0
            self._body_limit = self._limits.ignored_body_bytes
            self._wire_limit = self._limits.head_bytes + WIRE_BYTES_FOR_EACH * self._body_limit

    def _announced_bytes(self) -> int:
        lengths = [value for name, value in self._headers if name.lower() == "content-length"]
        length = lengths[0] if lengths else ""
        return int(length) if length.isascii() and length.isdigit() and len(length) < _LENGTH_DIGITS else 0

    def _judge(self, data: bytes) -> DeliveryOutcome | None:
        if self.kept_body_bytes:
            self._wire_limit = self._limits.head_bytes + _FRUITLESS_BYTES + WIRE_BYTES_FOR_EACH * self._body_bytes
            beyond = self._too_large or self._received > self._wire_limit
            if self.overflows and not (self._complete or beyond):
                return None
        return super()._judge(data)


def reader_for(content: SharedContent, limits: EngineLimits) -> AnswerReader:
    """Return a reader for the answer to a delivery."""
    if content.wanted is not None:
        return ContentReader(limits, content.kept_body_bytes, content.method, content.wanted)
    return AnswerReader(limits, content.kept_body_bytes, content.method, content.error_body_bytes)
