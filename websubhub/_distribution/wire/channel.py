"""The bytes of one connection: a socket that does not block, with or without TLS."""

import errno
import fcntl
import os
import socket
import ssl
import struct
import sys
import termios

from websubhub._distribution.wire.poller import WRITABLE, Poller

#: The socket cannot go on now.
NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR}
_IGNORE_UNEXPECTED_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
# A piece that was refused must be offered to OpenSSL again as it was, so all pieces are cut in the same way.
# One record at a time, so that a piece of which nothing was sent is one that the server cannot have read.
_TLS_PIECE_BYTES = 16 * 1024
# One system call makes a socket that does not block, where the system knows that.
_NONBLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)


class Channel:
    """A socket of an engine.

    Attributes:
        fd: Its file descriptor.
        send: Sends bytes at once and says how many went; raises one of ``NOT_YET`` if none can.
        receive: Gives what has arrived, at most so many bytes, and ``b""`` at the end.
        tls: The TLS side, once there is one.
    """

    __slots__ = ("_poller", "_socket", "_watched", "fd", "receive", "send", "tls")

    def __init__(self, poller: Poller, address: str, port: int) -> None:
        """Start to connect to an IP address; nothing is looked up.

        Raises:
            OSError: There is no way to that address, or no file descriptor left.
        """
        self._socket = sock = _dial(address, port)
        self._poller = poller
        self._watched = WRITABLE
        self.tls: ssl.SSLSocket | None = None
        self.fd = sock.fileno()
        self.send = sock.send
        self.receive = sock.recv
        poller.register(self.fd, WRITABLE)

    def watch(self, events: int) -> None:
        """Ask to be told when the socket is readable, writable or both."""
        if events != self._watched:
            self._watched = events
            self._poller.modify(self.fd, events)

    def connect_error(self) -> int:
        """Why the connection could not be made, as a number of ``errno``; 0 if it was."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def start_tls(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None) -> None:
        """Put TLS on the connected socket; the handshake is the caller's.

        Raises:
            ValueError: The host cannot be the name of a TLS server.
            OSError: The connection is gone.
        """
        # A connection that ends without TLS saying so may have been cut by somebody else. Some builds of Python 3.11
        # have OpenSSL pass over it in every context that they make.
        context.options &= ~_IGNORE_UNEXPECTED_EOF
        self.send_at_once()
        self._socket = self.tls = tls = context.wrap_socket(
            self._socket,
            server_hostname=host.rstrip("."),
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
            session=session,
        )
        self.send = tls.send
        self.receive = tls.recv

    def send_at_once(self) -> None:
        """Send pieces as they come, without waiting until the one before is confirmed; one piece needs no such wish."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send_some(self, pieces: list[memoryview]) -> int:
        """Send as much of the pieces as goes, and take it off the list; how many bytes that was.

        Raises:
            OSError: Nothing can be sent now (``NOT_YET``) or any more.
        """
        sent = self._socket.sendmsg(pieces) if self.tls is None else self.send(pieces[0][:_TLS_PIECE_BYTES])
        left = sent
        while pieces and left >= len(pieces[0]):
            left -= len(pieces.pop(0))
        if left:
            pieces[0] = pieces[0][left:]
        return sent

    def has_more(self) -> bool:
        """Return whether something has arrived that the socket is silent about, since OpenSSL holds it."""
        return self.tls is not None and self.tls.pending() > 0

    def unacknowledged_bytes(self) -> int:
        """How much of what was sent the other machine has not confirmed; 0 where the system does not tell."""
        if not sys.platform.startswith("linux"):
            return 0
        count = bytearray(4)
        fcntl.ioctl(self.fd, termios.TIOCOUTQ, count)
        return int(struct.unpack("i", count)[0])

    def close(self) -> None:
        """Close the socket."""
        self._poller.unregister(self.fd)
        self._socket.close()


def _dial(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM | _NONBLOCKING)
    try:
        if not _NONBLOCKING:
            sock.settimeout(0)
        _raise_for(sock.connect_ex((address, port)))
    except BaseException:
        sock.close()
        raise
    return sock


def _raise_for(error: int) -> None:
    if error not in _UNDER_WAY:
        raise OSError(error, os.strerror(error))


def describe(error: BaseException) -> str:
    """An error of the kernel or of OpenSSL as words for an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate is not valid: {error.verify_message}."
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS failed: {error.reason.replace('_', ' ').lower()}."
    if isinstance(error, OSError) and error.errno:
        return f"{os.strerror(error.errno)}."
    return f"{type(error).__name__}."
