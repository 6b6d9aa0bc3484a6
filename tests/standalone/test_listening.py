"""``websubhub serve`` listens with TLS and at a Unix socket, and says in a sentence why it cannot."""

import os
import signal
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from tests.standalone.process import COMMAND, run
from tests.waiting import PATIENCE

HUB = "https://hub.example/hub"
TOKEN = "a-token-of-sixteen-or-more"


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """Run ``websubhub serve``, and yield what it prints when it is ready."""
    command = [*COMMAND, "serve", "--store", "memory:", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(tmp_path / "chain.pem"), append=True)
    return authority


@pytest.mark.parametrize("files", [("--certfile", "both.pem"), ("--certfile", "chain.pem", "--keyfile", "key.pem")])
def test_a_hub_serves_https(files: tuple[str, ...], authority: trustme.CA, tmp_path: Path) -> None:
    paths = [word if word.startswith("--") else str(tmp_path / word) for word in files]
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with serving("--port", "0", *paths) as line:
        url = line.removeprefix("ready: ")
        assert url.startswith("https://127.0.0.1:")
        with httpx.Client(verify=trust, http2=True) as client:
            answer = client.post(url, data={"hub.mode": "publish", "hub.url": "https://127.0.0.1:1/"})
            assert answer.http_version == "HTTP/2"
            assert answer.is_success


@pytest.mark.parametrize("arguments", [(), ("--server", "hypercorn"), ("--loop", "trio")], ids=" ".join)
def test_a_hub_listens_at_a_unix_socket_and_removes_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with serving("--unix-socket", str(path), "--public-url", HUB, *arguments) as line:
        assert line == f"ready: {HUB}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://hub.example") as client:
            assert client.get("/ready").status_code == 200
            assert client.post("/hub", data={"hub.mode": "none"}).status_code == 400
            # Whoever is behind a proxy may be anybody, so operating needs a token.
            assert client.get("/admin/topics", headers={"Host": "localhost"}).status_code == 401
    assert not path.exists()


def test_a_socket_of_a_killed_hub_is_replaced_and_one_in_use_is_not(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with serving("--unix-socket", str(path), "--public-url", HUB):
        second = run("serve", "--store", "memory:", "--unix-socket", str(path), "--public-url", HUB)
        assert second.returncode == 2
        assert second.stderr.endswith(f"websubhub: Cannot listen on {path}: address already in use.\n")
        assert path.exists()


def test_a_file_at_the_path_of_the_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    done = run("serve", "--store", "memory:", "--unix-socket", str(path), "--public-url", HUB)
    assert done.returncode == 2
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--certfile", "missing.pem"), "--certfile missing.pem cannot be read: no such file or directory."),
        (("--certfile", "chain.pem", "--keyfile", "no.pem"), "--keyfile no.pem cannot be read: no such file"),
        (("--certfile", "chain.pem"), "--certfile chain.pem cannot be used: it needs"),
        (("--certfile", "chain.pem", "--keyfile", "chain.pem"), "--certfile chain.pem cannot be used: it needs"),
        (("--keyfile", "key.pem"), "--keyfile needs --certfile too."),
        (("--unix-socket", "hub.sock"), "--public-url must be set when listening on a Unix socket"),
        (("--unix-socket", "hub.sock", "--certfile", "both.pem", "--public-url", HUB), "--unix-socket is for a proxy"),
        (("--unix-socket", "nowhere/hub.sock", "--public-url", HUB), "Cannot listen on nowhere/hub.sock: no such file"),
        (("--unix-socket", "x" * 200, "--public-url", HUB), "Cannot listen on xxx"),
        (("--certfile", "both.pem", "--server", "uvicorn"), "--server cannot be used: "),
        (("--host", "192.0.2.1", "--public-url", HUB), "Cannot listen on 192.0.2.1 port 0: "),
    ],
)
@pytest.mark.usefixtures("authority")
def test_what_cannot_be_listened_with_is_told_in_a_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    command = [*COMMAND, "serve", "--store", "memory:", "--port", "0", *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ}, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    [line] = [line for line in done.stderr.splitlines() if line.startswith("websubhub: ")]
    assert line.startswith(f"websubhub: {sentence}")
    assert "Traceback" not in done.stderr
