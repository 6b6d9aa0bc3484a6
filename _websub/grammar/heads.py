"""Heads of requests as bytes: nothing that can be read in two ways, and nothing that is too large."""

import re

HEAD_BYTES = 16 * 1024
#: Lines that end without a carriage return, and lines that go on: programs differ in where they see a header end.
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
    """Bytes that are no request.

    Args:
        reason: What is wrong with them.
        status: The status that says so.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class HeadWatch:
    """Looks at the head of a request as it arrives, at each byte once."""

    def __init__(self) -> None:
        self._looked_at = 0

    def end(self, received: bytes | bytearray, start: int = 0, *, takes_http2: bool = False) -> int:
        """Return where the head ends that starts here, or 0 as long as it has not all arrived.

        Args:
            received: What has arrived.
            start: Where in it the head starts.
            takes_http2: Whether HTTP/2 may begin here instead.

        Raises:
            HeadError: Another program on the way may have read it in another way (RFC 9112, 2.2 and 5.2), or it is too
                large.
        """
        # What was looked at before is not looked at again, or a head in small pieces would cost its square.
        unseen = start + max(0, self._looked_at - _LOOK_BACK)
        found = _HEAD_ENDS.search(received, unseen)
        end = found.end() if found else len(received)
        self._looked_at = 0 if found else end - start
        if b"" < received[start : start + 1] < b"!":
            raise HeadError("A request begins with a method.")
        if received.startswith(_PREFACE, start) and not takes_http2:
            raise HeadError("HTTP/2 is spoken over TLS only.", 505)
        if end - start > HEAD_BYTES:
            raise HeadError("The head is too large.", 431)
        if _AMBIGUOUS.search(received, unseen, end):
            raise HeadError("The head has lines that are folded or end without a carriage return.")
        return end if found else 0


def checked_head(head: bytes) -> bytes:
    """Check a whole head against the grammar, where the parser behind is more lenient than that (RFC 9112, 3 to 6).

    Returns:
        The head, with a length that is told several times told once (6.3), and without an upgrade, which a server may
        leave alone (RFC 9110, 7.8): the parser would take the body for what comes after the upgrade.

    Raises:
        HeadError: It is no head of HTTP/1.0 or HTTP/1.1, has not the one Host that it needs, asks for a tunnel, or
            announces a body in a coding that is not known here.
    """
    parts = _HEAD.fullmatch(head)
    if parts is None:
        raise HeadError("The head is malformed.")
    if parts[1] not in {b"1.1", b"1.0"}:
        raise HeadError("This version of HTTP is not spoken here.", 505)
    lowered = head.lower()
    if head.startswith(_CONNECT):
        raise HeadError("This server is no proxy.", 501)
    hosts = lowered.count(_HOST)
    if hosts > 1 or (not hosts and parts[1] == b"1.1"):
        raise HeadError("A request has one Host.")
    if _CODING.search(lowered) and _CODING.findall(lowered) != [b"chunked"]:
        raise HeadError("Bodies are taken chunked, or in no transfer coding.", 501)
    if _UPGRADE.search(head):
        head = _UPGRADE.sub(b"", head)
    lengths = _LENGTH.findall(head)
    return _with_one_length(head, lengths) if len(lengths) > 1 or (lengths and b"," in lengths[0]) else head


def _with_one_length(head: bytes, lengths: list[bytes]) -> bytes:
    told = {each.strip() for length in lengths for each in length.split(b",")}
    if len(told) > 1:
        raise HeadError("The length of the body is told in several ways.")
    return _LENGTH.sub(b"", head)[:-2] + b"content-length: %b\r\n\r\n" % told.pop()
