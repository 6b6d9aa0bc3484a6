"""A site in a process of its own whose pages are fetched: new ones, those that stay the same, and those that say so."""

import multiprocessing
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SIZE = 1024
_ETAG = b'"the-only-one"'


class _Pages(socketserver.StreamRequestHandler):
    """Answers every GET: below /same and /unmodified with one content for ever, elsewhere with a new one each time."""

    disable_nagle_algorithm = True
    fetched: "Any"

    def handle(self) -> None:
        while request := self.rfile.readline():
            fields = b"".join(iter(self.rfile.readline, b"\r\n"))
            with self.fetched.get_lock():
                self.fetched.value += 1
                number = self.fetched.value
            self.wfile.write(_answer(request.split()[1], fields, number))


def _answer(path: bytes, fields: bytes, number: int) -> bytes:
    etag = b"ETag: %b\r\n" % _ETAG if path.startswith(b"/unmodified/") else b""
    if etag and _ETAG in fields:
        return b"HTTP/1.1 304 Not Modified\r\n%b\r\n" % etag
    content = (path if etag or path.startswith(b"/same/") else b"%d" % number).ljust(_SIZE)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%bContent-Length: %d\r\n\r\n"
    return head % (etag, len(content)) + content


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1024


def _serve(fetched: "Any", told: "Any") -> None:
    _Pages.fetched = fetched
    with _Server(("127.0.0.1", 0), _Pages) as server:
        told.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def site() -> Iterator[tuple[str, "Any"]]:
    """The URL of the site, and how often its pages were fetched."""
    context = multiprocessing.get_context("spawn")
    fetched, (mine, theirs) = context.Value("q", 0), context.Pipe()
    process = context.Process(target=_serve, args=(fetched, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}", fetched
    finally:
        process.terminate()
        process.join()
