"""Subscribers and topics for a hub in a process of its own: good ones and bad ones, whose ways can be changed.

Callbacks are ``/KIND/SECRET``. All but ``deaf`` confirm verification requests, and answer deliveries like this:

ok       200.
fail     500 with a page of markup.
refuse   400 with a page of markup.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

from tests.standalone.process import ADMIN
from tests.waiting import PATIENCE

STATUSES = {"ok": 200, "fail": 500, "refuse": 400}
ANSWER = b'<h1>Sorry</h1><script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">'


@attrs.define
class Peers:
    """Subscribers on loopback.

    Attributes:
        port: Their port; any address of 127.0.0.0/8 leads to them.
        statuses: What each kind answers.
        received: The paths of deliveries that were accepted, with their message ids.
    """

    port: int = 0
    statuses: dict[str, int] = attrs.field(factory=lambda: dict(STATUSES))
    received: list[tuple[str, str]] = attrs.field(factory=list)

    def callback(self, kind: str, number: int = 1, host: str = "127.0.0.1") -> str:
        """The callback of a subscriber."""
        return f"http://{host}:{self.port}/{kind}/secret-part-of-the-callback-{number:03}"


@contextmanager
def peers() -> Iterator[Peers]:
    """Run subscribers in threads."""
    world = Peers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            challenge = parse_qs(urlsplit(self.path).query).get("hub.challenge", ["content"])[0]
            self._answer(404 if self.path.startswith("/deaf") else 200, challenge.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status = world.statuses[self.path.split("/")[1]]
            if status == 200:
                world.received.append((self.path, self.headers["X-Hub-Message-Id"]))
            self._answer(status, b"" if status == 200 else ANSWER)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("", 0), Handler) as server:
        world.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield world
        finally:
            server.shutdown()
            thread.join()


@attrs.frozen
class Remote:
    """A hub, as programs see it.

    Attributes:
        url: Its URL.
    """

    url: str

    @property
    def base(self) -> str:
        """The URL of its dashboard, without the slash."""
        return self.url.removesuffix("/hub")

    def ask(self, **fields: str | int) -> None:
        """Send the hub a form; ``mode`` stands for ``hub.mode`` and so on."""
        form = urlencode({f"hub.{name}": value for name, value in fields.items()}).encode()
        self._send("POST", self.url, form, {"Content-Type": "application/x-www-form-urlencoded"})

    def publish(self, topic: str, content: bytes, content_type: str = "text/plain") -> str:
        """Publish content, and return its message id."""
        url = f"{self.url}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
        headers = self._send("POST", url, content, {"Content-Type": content_type})[1]
        return headers["X-Hub-Message-Id"]

    def get(self, path: str, **query: object) -> Any:
        """Look at the admin API."""
        return json.loads(self._send("GET", f"{self.base}{path}?{urlencode(query)}", None, _BEARER)[0])

    def order(self, path: str, **parameters: object) -> Any:
        """Change something by the admin API."""
        headers = {"Content-Type": "application/json", **_BEARER}
        return json.loads(self._send("POST", self.base + path, json.dumps(parameters).encode(), headers)[0])

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - of a test
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - of a test
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {url} was answered {error.code}: {error.read()!r}") from None


_BEARER = {"Authorization": f"Bearer {ADMIN}"}
