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

#: The errors of a socket that cannot continue now.
NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR}
_IGNORE_UNEXPECTED_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
# A piece that OpenSSL refused must be offered to it again unchanged, so all pieces are cut in the same way. They are
# one record each, so that the server cannot have read a piece of which nothing was sent.
_TLS_PIECE_BYTES = 16 * 1024
# Where the system supports this, one system call makes a socket that does not block.
_NONBLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)


class Channel:
    """A socket of an engine.

    Attributes:
        fd: Its file descriptor.
        send: Sends bytes at once, and returns how many were sent. Raises one of ``NOT_YET`` if none can be sent.
        receive: Returns what has arrived, up to a number of bytes, and ``b""`` at the end.
        tls: The TLS side, once there is one.
    """

    __slots__ = ("_poller", "_socket", "_watched", "fd", "receive", "send", "tls")

    def __init__(self, poller: Poller, address: str, port: int) -> None:
        """Start connecting to an IP address, without a lookup.

        Raises:
            OSError: The address cannot be reached, or no file descriptor is left.
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
        """Watch whether the socket is readable, writable or both."""
        if events != self._watched:
            self._watched = events
            self._poller.modify(self.fd, events)

    def connect_error(self) -> int:
        """Return why the connection could not be made, as an ``errno`` number, or 0 if it was made."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def start_tls(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None) -> None:
        """Put TLS on the connected socket. The caller does the handshake.

        Raises:
            ValueError: The host cannot be the name of a TLS server.
            OSError: The connection has ended.
        """
        # A connection that ends without a goodbye of TLS may have been cut by someone else. Some builds of Python 3.11
        # make OpenSSL ignore that in every context.
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
        """Send pieces without waiting until the previous one is acknowledged. A single piece does not need this."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send_some(self, pieces: list[memoryview]) -> int:
        """Send as much of the pieces as possible, and remove it from the list. Return how many bytes were sent.

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
        """Return whether OpenSSL holds bytes that have arrived, which the socket does not report."""
        return self.tls is not None and self.tls.pending() > 0

    def unacknowledged_bytes(self) -> int:
        """Return how many sent bytes the other machine has not acknowledged, or 0 if the system does not tell."""
        if not sys.platform.startswith("linux"):
            return 0
        count = bytearray(4)
        fcntl.ioctl(self.fd, termios.TIOCOUTQ, count)
        return int(struct.unpack("i", count)[0])

    def leave(self) -> None:
        """Leave the poller. From now on, whoever reads the socket waits for it."""
        self._poller.unregister(self.fd)
        self._watched = 0

    def close(self) -> None:
        """Close the socket."""
        if self._watched:
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
    """Return an error of the kernel or of OpenSSL in words for an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate is not valid: {error.verify_message}."
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS failed: {error.reason.replace('_', ' ').lower()}."
    if isinstance(error, OSError) and error.errno:
        return f"{os.strerror(error.errno)}."
    return f"{type(error).__name__}."
