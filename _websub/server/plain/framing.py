"""The bytes of a connection, split into requests whose heads are checked before they are parsed."""

from collections.abc import Callable

from _websub.grammar.heads import HEAD_BYTES, HeadError, HeadWatch, checked_head
from _websub.limits import are_too_small


class Framing:
    """Passes on the bytes of one request at a time.

    A parser that gets all bytes at once takes those after a request for the next request, before they are checked.

    Args:
        feed: Parses bytes of a request, and calls ``expect``, ``count`` and ``complete`` as it does so.

    Attributes:
        arrived: Whether the last request that has begun is complete.
        chunked: Whether its body comes in chunks.
    """

    def __init__(self, feed: Callable[[bytes], None]) -> None:
        self._feed = feed
        self._watch = HeadWatch()
        self._data: bytes | bytearray = b""
        self._at = 0
        self._left = 0
        self._fed = self._pieces = self._size = 0
        self._understood = False
        self.arrived = True
        self.chunked = False

    def add(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        if self._at < len(self._data):
            rest = self._data if isinstance(self._data, bytearray) else bytearray(self._data)
            del rest[: self._at]
            rest += data
            self._data = rest
        else:
            self._data = data
        self._at = 0

    @property
    def is_left(self) -> bool:
        """Whether there are bytes that have not been passed on."""
        return self._at < len(self._data)

    def begin(self) -> bool:
        """Pass on the head of the next request, and return whether it has arrived.

        Raises:
            HeadError: It is not a valid head.
        """
        end = self._watch.end(self._data, self._at)
        if not end:
            return False
        head = checked_head(bytes(self._data[self._at : end]))
        self._at = end
        self.arrived = self.chunked = self._understood = False
        self._left = self._fed = self._pieces = self._size = 0
        self._feed(head)
        if not self._understood:
            # Waiting for its body would never end.
            raise HeadError("The head is malformed.")
        return True

    def go_on(self) -> None:
        """Pass on what has arrived of a body.

        Raises:
            HeadError: It is not a valid body.
        """
        end = len(self._data) if self.chunked else self._at + self._left
        body = bytes(self._data[self._at : end])
        self._at += len(body)
        self._left -= len(body)
        self._fed += len(body)
        self._feed(body)
        if self.chunked and self._fed - self._size > HEAD_BYTES + self._size:
            raise HeadError("The body has more overhead than content.")

    def expect(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Read the length of a body from the headers of its request."""
        self._understood = True
        for name, value in headers:
            if name == b"content-length":
                self._left = int(value)
            elif name == b"transfer-encoding":
                self.chunked = True

    def count(self, piece: bytes) -> None:
        """Count a piece of a body.

        Raises:
            HeadError: There are too many pieces for their size.
        """
        if self.chunked:
            self._pieces += 1
            self._size += len(piece)
            if are_too_small(self._pieces, self._size):
                raise HeadError("The body comes in too many small pieces.")

    def complete(self) -> None:
        """Note that the request is complete."""
        self.arrived = True
