"""A publisher that costs little: one connection, one request after the other."""

import socket
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

_FORM = "application/x-www-form-urlencoded"


class Publisher:
    """A connection to a hub, a context manager.

    Args:
        url: The URL of the hub, or of anything else to post to.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path or "/"
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._answers.close()
        self._socket.close()

    def fileno(self) -> int:
        """The descriptor, to wait for an answer."""
        return self._socket.fileno()

    def publish(self, topic: str, content: bytes) -> None:
        """Publish content, and wait for the answer."""
        self.send_content(topic, content)
        self.read_answer()

    def announce(self, topic: str) -> None:
        """Say that a topic has new content, and wait for the answer."""
        self.send(self._path, urlencode({"hub.mode": "publish", "hub.url": topic}).encode(), _FORM)
        self.read_answer()

    def post(self, content: bytes) -> None:
        """Post something, and wait for the answer."""
        self.send(self._path, content, "text/plain")
        self.read_answer()

    def send_content(self, topic: str, content: bytes) -> None:
        """Begin to publish content."""
        self.send(f"{self._path}?hub.mode=publish&hub.topic={quote(topic, safe='')}", content, "text/plain")

    def send(self, target: str, body: bytes, content_type: str) -> None:
        """Send a POST in one piece."""
        head = f"POST {target} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {content_type}\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def read_answer(self) -> None:
        """Read an answer, and insist that it says yes."""
        status = self._answers.readline()
        assert status.split()[1].startswith(b"2"), status
        length = 0
        while (line := self._answers.readline()) not in {b"\r\n", b""}:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self._answers.read(length)
