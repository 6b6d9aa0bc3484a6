"""A request whose target is a whole URL, at the same applications under uvicorn, with each of its parsers."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from _websub.asgi.edge import AsgiApp
from tests.waiting import PATIENCE
from websubhub.standalone.application import StandaloneApplication
from websubhub.standalone.settings import Settings

FORM = b"hub.mode=publish&hub.url=https%3A%2F%2Fpublisher.example%2Ffeed"


@contextmanager
def running(make: Callable[[str], AsgiApp], parser: str) -> Iterator[str]:
    """An application on uvicorn in a thread, and its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"
        config = uvicorn.Config(
            lambda: make(base),
            factory=True,
            http=parser,
            lifespan="on",
            log_level="warning",
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            yield base
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def ask(base: str, target: str) -> bytes:
    host = base.removeprefix("http://")
    address, _, port = host.partition(":")
    head = f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    with socket.create_connection((address, int(port)), timeout=PATIENCE) as client:
        client.sendall(head.encode() + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(FORM) + FORM)
        answer = b""
        while chunk := client.recv(65_536):
            answer += chunk
    return answer


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_the_ready_made_hub_serves_it(parser: str, tmp_path: Path) -> None:
    def make(base: str) -> AsgiApp:
        return StandaloneApplication(Settings(public_url=f"{base}/hub", store=f"sqlite:///{tmp_path}/hub.db"))

    with running(make, parser) as base:
        answers = [ask(base, target) for target in ("/hub", f"{base}/hub", "/nowhere", f"{base}/nowhere")]
    statuses = [int(answer.split()[1]) for answer in answers]
    assert statuses[0] == statuses[1]
    assert statuses[0] // 100 == 2
    assert statuses[2:] == [404, 404]
