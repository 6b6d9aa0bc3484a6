"""Hosts on real sockets, in threads: one that does as it should, and one that nobody may call."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

#: Stands for what is public.
PUBLIC_ADDRESS = "127.0.0.2"


@attrs.define
class Host:
    """A host: it confirms verification requests, takes deliveries, and serves topics.

    Attributes:
        port: Its port.
        moved: Where it redirects a path to.
        asked: The paths of all requests, with their methods.
        deliveries: The bodies of the deliveries.
    """

    port: int = 0
    moved: dict[str, str] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    deliveries: list[bytes] = attrs.field(factory=list)


def _handler(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            host.asked.append(f"GET {parts.path}")
            challenge = parse_qs(parts.query).get("hub.challenge", ["content"])[0]
            self._answer(parts.path, challenge.encode(), verifies="hub.challenge" in parts.query)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            host.asked.append(f"POST {self.path}")
            host.deliveries.append(body)
            self._answer(self.path, b"")

        def _answer(self, path: str, body: bytes, *, verifies: bool = False) -> None:
            location = host.moved.get(path)
            redirects = location is not None and verifies is path.startswith("/verify")
            self.send_response(302 if redirects else 200)
            if location is not None and redirects:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


class _DualStack(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


@contextmanager
def host_at(address: str = "") -> Iterator[Host]:
    """Run a host at an address, or at all of this machine."""
    host = Host()
    kind = ThreadingHTTPServer if address else _DualStack
    with kind((address or "::", 0), _handler(host)) as server:
        host.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield host
        server.shutdown()
        thread.join()


def exchange(port: int, request: bytes, *, patience: float) -> bytes:
    """Send bytes to a server on this machine and nothing more, and give all that comes back until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65_536):
            received += data
    return received
