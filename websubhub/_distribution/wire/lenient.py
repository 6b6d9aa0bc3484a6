"""Reading the head of an answer that the parser refuses. It counts, as it does for other clients."""

import re

FIELDS_MOST = 500
"""How many header fields of an answer are kept. Each costs many times its size on the wire."""

# Informational responses have lines, too, and all of them are read in one step.
_LINES_MOST = 1_000

# The name of the protocol is in upper case (RFC 9112, 2.3). Its version may be any.
_STATUS_LINE = re.compile(rb"HTTP/[0-9]+(?:\.[0-9]+)?[ \t]+([1-9][0-9]{2})(?:[ \t].*)?")
_BEGINNING = b"HTTP/"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,18}")
_FINAL = 200
_SWITCHING = 101


class LenientHead:
    """Reads the head of an answer line by line, and skips lines that make no sense.

    It limits the number of fields and of lines. The caller limits the bytes.

    Attributes:
        status: The final status once its line is read, 0 before.
        complete: Whether the head has ended.
        overfull: Whether there are more fields than are kept, or too many lines. The rest is not read.
        broken: Why no status can follow any more, in words, or an empty string.
    """

    def __init__(self) -> None:
        self.status = 0
        self.complete = False
        self.overfull = False
        self.broken = ""
        self._buffer = bytearray()
        self._start = self._searched = self._lines = 0
        self._in_head = False
        self._fields: list[tuple[str, list[str]]] = []
        self._folding: list[str] = []

    def feed(self, data: bytes) -> None:
        """Read received bytes."""
        self._buffer += data
        while not (self.complete or self.overfull or self.broken):
            end = self._buffer.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._buffer)
                self._look_at_beginning()
                return
            line = bytes(self._buffer[self._start : end])
            self._start = self._searched = end + 1
            self._take(line.rstrip(b"\r"))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header fields that could be read."""
        return [(name, " ".join(parts)) for name, parts in self._fields]

    @property
    def rest(self) -> bytes:
        """The bytes received after the head."""
        return bytes(self._buffer[self._start :])

    def restated(self) -> bytes | None:
        """Return the head in a form that the parser accepts, or None if it does not say where the body ends."""
        lengths = [each.strip() for value in self._values("content-length") for each in value.split(",")]
        codings = self._values("transfer-encoding")
        framing = ""
        if codings:
            if lengths or [coding.lower() for coding in codings] != ["chunked"]:
                return None
            framing = "Transfer-Encoding: chunked\r\n"
        elif lengths:
            if len(set(lengths)) > 1 or not _LENGTH.fullmatch(lengths[0]):
                return None
            framing = f"Content-Length: {lengths[0]}\r\n"
        return f"HTTP/1.1 {self.status} \r\n{framing}Connection: close\r\n\r\n".encode()

    def _values(self, wanted: str) -> list[str]:
        return [value for name, value in self.headers if name.lower() == wanted]

    def _look_at_beginning(self) -> None:
        """Give up on a line that cannot become a status line, and may never end."""
        beginning = bytes(self._buffer[self._start : self._start + len(_BEGINNING)])
        if not self._in_head and not _BEGINNING.startswith(beginning.lstrip(b"\r")[: len(_BEGINNING)]):
            self.broken = "The answer is not HTTP."

    def _take(self, line: bytes) -> None:
        self._lines += 1
        if self._lines > _LINES_MOST:
            self.overfull = True
        elif not self._in_head:
            if line:
                self._begin(line)
        elif line:
            self._take_field(line)
        else:
            self._in_head = False
            self._fields = self._fields if self.status else []
            self.complete = bool(self.status)

    def _begin(self, line: bytes) -> None:
        match = _STATUS_LINE.fullmatch(line)
        status = int(match[1]) if match else 0
        if not match:
            self.broken = "The answer is not HTTP."
        elif status == _SWITCHING:
            self.broken = "The answer switches to another protocol."
        self._in_head = True
        self.status = status if status >= _FINAL else 0

    def _take_field(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):  # continues the value of the previous line (RFC 9112, 5.2)
            if not _FORBIDDEN_IN_VALUE.search(line):
                self._folding.append(line.strip(b" \t").decode("latin-1"))
            return
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        self._folding = []
        if colon and _TOKEN.fullmatch(name) and not _FORBIDDEN_IN_VALUE.search(value):
            self._folding.append(value.strip(b" \t").decode("latin-1"))
            self.overfull = len(self._fields) >= FIELDS_MOST
            if not self.overfull:
                self._fields.append((name.decode(), self._folding))
