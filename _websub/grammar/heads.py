"""Checks of request heads as bytes: they must be unambiguous, well-formed and not too large."""

import re

HEAD_BYTES = 16 * 1024
#: Lines that end without a carriage return, and folded lines. Programs disagree on where such a header ends.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
_HEAD_ENDS = re.compile(rb"\n\r?\n")
_LOOK_BACK = 3
_PREFACE = b"PRI * HTTP/2"

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEAD = re.compile(
    rb"%b [!-~]+ HTTP/([0-9]\.[0-9])\r\n(?:%b:[\t -~\x80-\xff]*\r\n)*\r\n" % (_TOKEN, _TOKEN),
)
_CONNECT = b"CONNECT "
_HOST = b"\r\nhost:"
_CODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r]*?)[ \t]*(?=\r\n)")
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r]*(?=\r\n)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:([0-9, \t]*)(?=\r\n)", re.IGNORECASE)


class HeadError(ValueError):
    """The bytes are not a valid request.

    Args:
        reason: What is wrong with them.
        status: The status to answer with.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class HeadWatch:
    """Finds the end of a request's head as it arrives, looking at each byte once."""

    def __init__(self) -> None:
        self._looked_at = 0

    def end(self, received: bytes | bytearray, start: int = 0, *, takes_http2: bool = False) -> int:
        """Return where the head that starts here ends, or 0 until all of it has arrived.

        Args:
            received: What has arrived.
            start: Where in it the head starts.
            takes_http2: Whether HTTP/2 may begin here instead.

        Raises:
            HeadError: Another program on the way may have read it differently (RFC 9112, 2.2 and 5.2), or it is too
                large.
        """
        # Do not look at the same bytes again, or the cost of a head in small pieces would be quadratic.
        unseen = start + max(0, self._looked_at - _LOOK_BACK)
        found = _HEAD_ENDS.search(received, unseen)
        end = found.end() if found else len(received)
        self._looked_at = 0 if found else end - start
        if b"" < received[start : start + 1] < b"!":
            raise HeadError("A request must begin with a method.")
        if received.startswith(_PREFACE, start) and not takes_http2:
            raise HeadError("HTTP/2 is supported over TLS only.", 505)
        if end - start > HEAD_BYTES:
            raise HeadError("The head is too large.", 431)
        if _AMBIGUOUS.search(received, unseen, end):
            raise HeadError("The head has lines that are folded or end without a carriage return.")
        return end if found else 0


def checked_head(head: bytes) -> bytes:
    """Check a whole head against the grammar, where the parser that follows is more lenient (RFC 9112, 3 to 6).

    Returns:
        The head, with a repeated Content-Length reduced to one (6.3), and without an Upgrade, which a server may ignore
        (RFC 9110, 7.8). With it, the parser would take the body for what comes after the upgrade.

    Raises:
        HeadError: It is not a head of HTTP/1.0 or HTTP/1.1, does not have the one Host that it needs, asks for a
            tunnel, or announces a body in an unsupported coding.
    """
    parts = _HEAD.fullmatch(head)
    if parts is None:
        raise HeadError("The head is malformed.")
    if parts[1] not in {b"1.1", b"1.0"}:
        raise HeadError("This version of HTTP is not supported.", 505)
    lowered = head.lower()
    if head.startswith(_CONNECT):
        raise HeadError("This server is not a proxy.", 501)
    hosts = lowered.count(_HOST)
    if hosts > 1 or (not hosts and parts[1] == b"1.1"):
        raise HeadError("A request must have one Host header.")
    if _CODING.search(lowered) and _CODING.findall(lowered) != [b"chunked"]:
        raise HeadError("The only supported transfer coding is chunked.", 501)
    if _UPGRADE.search(head):
        head = _UPGRADE.sub(b"", head)
    lengths = _LENGTH.findall(head)
    return _with_one_length(head, lengths) if len(lengths) > 1 or (lengths and b"," in lengths[0]) else head


def _with_one_length(head: bytes, lengths: list[bytes]) -> bytes:
    told = {each.strip() for length in lengths for each in length.split(b",")}
    if len(told) > 1:
        raise HeadError("The Content-Length headers contradict each other.")
    return _LENGTH.sub(b"", head)[:-2] + b"content-length: %b\r\n\r\n" % told.pop()
