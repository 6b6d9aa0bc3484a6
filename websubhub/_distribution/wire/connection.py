"""One connection and its exchanges, each a request and an answer, one after the other."""

import ssl
from math import inf

from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.origins.places import Place
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire.answer import AnswerReader
from websubhub._distribution.wire.channel import NOT_YET, Channel, describe
from websubhub._distribution.wire.content import ContentReader, reader_for
from websubhub._distribution.wire.handshake import NotConnectedError, go_on_connecting
from websubhub._distribution.wire.large import hand_over
from websubhub._distribution.wire.poller import READABLE, WRITABLE
from websubhub._distribution.wire.shared import Route, Shared
from websubhub._distribution.wire.tls import remember_session

# Compared on every event, so they are plain numbers.
_CONNECTING, _SENDING, _ANSWERING, _IDLE = range(4)

_READ_BYTES = 16 * 1024
# A body up to this size is cheaper to append to its head than to send as a second piece.
_COPY_BYTES = 8 * 1024
_REMEMBERED_ANSWER_BYTES = 1024
_REMEMBERED_ANSWERS = 512
# The server may have done what these ask for, since it has no effect (RFC 9110, 9.2.1).
_SAFE_METHODS = frozenset({"GET", "HEAD"})
# How long the rest of an ignored body may take. After that, a new connection costs less than the wait.
_IGNORED_BODY_SECONDS = 1.0


class Connection:
    """A connection and the exchange on it. It never waits: ``advance`` is called when its socket is ready.

    Its state is in one class because one such call may change all of it.

    Attributes:
        delivery: The delivery in progress, for its ``batch``, or ``None`` while the connection is idle.
        head: The head of its request.
        route: The addresses left to try if this one cannot be reached.
        reusable: After an outcome, whether the connection can take another delivery.
        unprocessed: After an outcome, whether the server certainly did nothing that matters, and it may be repeated.
        deadline: When the current step fails.
        end_by: When the exchange fails.
        idle_since: When the last exchange ended. If there was none, when the previous connection was closed.
        standing: The flags of the exchange in ``Shares``, or 0.
        place: The address that it leads to.
    """

    __slots__ = (
        "_answers",
        "_channel",
        "_content",
        "_handed_over",
        "_pieces",
        "_reader",
        "_request",
        "_reused",
        "_sent",
        "_shared",
        "_state",
        "batch",
        "deadline",
        "delivery",
        "end_by",
        "fd",
        "head",
        "idle_since",
        "origin",
        "place",
        "reusable",
        "route",
        "standing",
        "unprocessed",
        "watched_until",
    )

    def __init__(self, shared: Shared, origin: Origin, place: Place, route: Route) -> None:
        """Start connecting to the first address, which gets its share of the time.

        Raises:
            OSError: The address cannot be reached, or no file descriptor is left.
        """
        self._shared = shared
        self._channel = Channel(shared.poller, route.addresses[0], origin.port)
        self._answers = shared.answers
        self._state = _CONNECTING
        self._reader: AnswerReader | None = None
        self._request = b""
        self._pieces: list[memoryview] = []
        self._sent = 0
        self._reused = self._handed_over = False
        self.fd = self._channel.fd
        self.origin = origin
        self.place = place
        self.route = route.after_first
        self.head = b""
        self.delivery: Delivery | None = None
        self.batch: Batch | None = None
        self.reusable = self.unprocessed = False
        now = shared.now
        self.deadline = now + (route.connect_by - now) / len(route.addresses)
        self.watched_until = inf
        self.end_by = inf
        self.idle_since = origin.closed_at  # if the previous one had been kept, it would be idle since then
        self.standing = 0

    def begin(self, delivery: Delivery, batch: Batch, head: bytes, end_by: float) -> bool:
        """Begin a delivery. Return whether it can be sent now. Otherwise, it is sent once the connection is made."""
        self.delivery = delivery
        self.batch = batch
        self.head = head
        self.reusable = False
        self._content = content = delivery.content
        self._sent = 0
        body = content.body
        if len(body) > _COPY_BYTES:
            self._request = b""
            self._pieces = [memoryview(head), memoryview(body)]
        else:
            self._request = head + body
        self.end_by = end_by
        if self._state != _IDLE:
            return False
        self._state = _SENDING
        self.deadline = end_by
        return True

    def launch(self) -> DeliveryOutcome | None:
        """Send the request, as far as possible. Return the outcome if that fails."""
        request = self._request
        if request:
            try:
                self._sent = sent = self._channel.send(request)
            except OSError:
                sent = 0  # trying again shows what is wrong
            if sent == len(request):
                self._state = _ANSWERING
                return None
            self._pieces = [memoryview(request)[sent:]]
        return self._send()

    def become_idle(self) -> None:
        """Become idle, after an exchange that left the connection reusable."""
        self.delivery = self.batch = None
        self.idle_since = self._shared.now
        self._reused = True
        self._state = _IDLE

    def close(self) -> None:
        """Close the socket after the last exchange."""
        self.delivery = self.batch = None
        if not self._handed_over:
            self._channel.close()

    def advance(self, events: int) -> DeliveryOutcome | None:
        """Continue the exchange, now that the socket is ready. Return the outcome when it ends."""
        if self._state == _ANSWERING:
            return self._read()
        if self._state == _CONNECTING:
            return self._connect(events)
        if events & ~WRITABLE:  # an early answer, or the end of the connection
            outcome = self._read()
            if outcome is not None:
                return outcome
        return self._send()

    def expire(self) -> DeliveryOutcome:
        """Return the outcome, now that the deadline has passed."""
        if self._state == _CONNECTING:
            return _failed(DeliveryFailure.CONNECT_TIMEOUT, "The connection was not made in time.")
        return self._end(DeliveryFailure.TIMEOUT, "The answer was not complete in time.")

    # Connecting.

    def _connect(self, events: int) -> DeliveryOutcome | None:
        try:
            if not go_on_connecting(self._channel, events, self.origin, self._shared.tls):
                return None
        except NotConnectedError as error:
            return _failed(error.failure, error.detail)
        self.deadline = self.end_by
        self._channel.watch(READABLE)
        self._state = _SENDING
        return self.launch()

    # Sending.

    def _send(self) -> DeliveryOutcome | None:
        try:
            while self._pieces:
                self._sent += self._channel.send_some(self._pieces)
        except NOT_YET:
            self._channel.send_at_once()
            self._channel.watch(READABLE | WRITABLE)
            return None
        except OSError as error:
            return self._refused(error)
        self._state = _ANSWERING
        self._channel.watch(READABLE)
        return None

    def _refused(self, error: OSError) -> DeliveryOutcome:
        if self._reused and not self._sent and self._reader is None:
            self.unprocessed = True
            return self._end(DeliveryFailure.RESET, describe(error))
        # A server may answer early and close. Its answer may have arrived before the end of the connection.
        return self._read() or self._end(DeliveryFailure.RESET, describe(error))

    # The answer.

    def _read(self) -> DeliveryOutcome | None:
        channel = self._channel
        while True:
            try:
                data = channel.receive(_READ_BYTES)
            except NOT_YET:
                return None
            except ssl.SSLEOFError:
                return self._closed(in_order=False)
            except OSError as error:
                return self._end(DeliveryFailure.RESET, describe(error))
            outcome = self._answers.get(data)
            if (
                outcome is not None
                and self._reader is None
                and self._state == _ANSWERING
                and not self._content.kept_body_bytes
            ):
                self.reusable = channel.tls is None or not channel.has_more()
                if channel.tls is not None and not self._reused:
                    remember_session(self.origin, channel.tls, self._shared.now, kept=self.reusable)
                return outcome
            if not data:
                return self._closed(in_order=True)
            outcome = self._understand(data)
            # OpenSSL may hold more bytes than it has returned, which the socket does not report.
            if outcome is not None or channel.tls is None:
                return outcome

    def _understand(self, data: bytes) -> DeliveryOutcome | None:
        content = self._content
        reader = self._reader
        first = reader is None
        if reader is None:
            reader = self._reader = reader_for(content, self._shared.limits)
        outcome = reader.feed(data)
        if outcome is not None:
            self._finish(reader, outcome, data if first and not content.kept_body_bytes else b"")
        elif reader.status and not reader.kept_body_bytes:
            self.deadline = min(self.deadline, self._shared.now + _IGNORED_BODY_SECONDS)
        elif isinstance(reader, ContentReader) and reader.overflows:
            self._reader = None
            self._handed_over = True
            return hand_over(self._channel, reader)
        return outcome

    def _finish(self, reader: AnswerReader, outcome: DeliveryOutcome, data: bytes) -> None:
        tls = self._channel.tls
        self._reader = None
        self.reusable = reader.reusable and self._state == _ANSWERING and not self._channel.has_more()
        if self.reusable and 0 < len(data) <= _REMEMBERED_ANSWER_BYTES:
            answers = self._answers
            if len(answers) >= _REMEMBERED_ANSWERS:
                answers.clear()
            answers[data] = outcome
        if tls is not None and not self._reused:
            remember_session(self.origin, tls, self._shared.now, kept=self.reusable)

    def _closed(self, *, in_order: bool) -> DeliveryOutcome:
        """Return the outcome, now that the peer has closed the connection.

        A peer whose end-of-stream left before the request arrived has not acted on the request: otherwise, its machine
        would have acknowledged the request along with it. Only then is a repetition certain not to be a second
        delivery. A reset does not prove this.
        """
        if self._reused and self._reader is None:
            self.unprocessed = self._channel.unacknowledged_bytes() >= self._sent
        detail = "The connection was closed before the answer was complete."
        return self._end(DeliveryFailure.RESET, detail, closed=in_order)

    def _end(self, failure: DeliveryFailure, detail: str, *, closed: bool = False) -> DeliveryOutcome:
        reader, self._reader = self._reader, None
        if reader is not None:
            return reader.end(failure, detail, closed=closed)
        is_stale = self._reused and failure is DeliveryFailure.RESET
        self.unprocessed = self.unprocessed or (is_stale and self._content.method in _SAFE_METHODS)
        return _failed(failure, detail)


def _failed(failure: DeliveryFailure, detail: str) -> DeliveryOutcome:
    return DeliveryOutcome(failure=failure, detail=detail)
