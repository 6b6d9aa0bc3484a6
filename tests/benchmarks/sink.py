"""Subscribers that confirm what they are asked, and answer 204 to all else: nginx, or a small server of our own."""

import multiprocessing
import re
import resource
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import trustme

_FILES = 65_536
_ANSWER = b"HTTP/1.1 204 No Content\r\nServer: sink\r\n\r\n"
_NGINX = r"""
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/log; worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600; client_max_body_size 0;
    client_body_temp_path {folder}/bodies;
    map $args $challenge {{ ~(?:^|&)hub\.challenge=([^&]*) $1; }}
    server {{ {listen} location / {{ if ($challenge) {{ return 200 $challenge; }} return 204; }} }}
    server {{ listen 127.0.0.1:{tls} ssl backlog=4096; ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key;
             ssl_session_cache shared:s:1m; location / {{ return 204; }} }}
}}
"""


class Sink:
    """Where to deliver to.

    Attributes:
        urls: Origins that all lead to the same server.
        tls_url: The same with TLS.
        tls: The context that trusts its certificate.
    """

    def __init__(self, urls: list[str], tls_port: int, tls: ssl.SSLContext) -> None:
        self.urls = urls
        self.tls_url = f"https://127.0.0.1:{tls_port}"
        self.tls = tls


def host(number: int) -> str:
    """One of 15 million addresses that are all this machine."""
    return f"127.{number // 62_500 + 1}.{number // 250 % 250}.{number % 250 + 1}"


@contextmanager
def sink(origins: int = 1, *, hosts: int = 0) -> Iterator[Sink]:
    """A server while the block runs.

    Args:
        origins: On how many ports it listens.
        hosts: On how many addresses of this machine its origins are instead, all with the same port.
    """
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key")
        (folder / "cert").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        *ports, tls_port = _free_ports(1 + (1 if hosts else origins))
        start = _nginx if shutil.which("nginx") else _python
        address = "0.0.0.0" if hosts else "127.0.0.1"  # noqa: S104 - all that it says is 204
        authorities = [f"{host(number)}:{ports[0]}" for number in range(hosts)]
        with start(folder, address, ports, tls_port):
            for port in (*ports, tls_port):
                _wait_for(port)
            yield Sink(
                [f"http://{each}" for each in authorities or (f"127.0.0.1:{port}" for port in ports)], tls_port, context
            )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("The sink did not start.")


@contextmanager
def _nginx(folder: Path, address: str, ports: list[int], tls_port: int) -> Iterator[None]:
    listen = " ".join(f"listen {address}:{port} backlog=4096;" for port in ports)
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _FILES)
    (folder / "conf").write_text(_NGINX.format(folder=folder, files=files, listen=listen, tls=tls_port))
    program = shutil.which("nginx")
    assert program is not None
    folder.chmod(0o755)
    process = subprocess.Popen([program, "-c", str(folder / "conf"), "-e", str(folder / "log")])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _python(folder: Path, address: str, ports: list[int], tls_port: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(str(folder), address, ports, tls_port), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(10)


def _serve(folder: str, address: str, ports: list[int], tls_port: int) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{folder}/cert", f"{folder}/key")
    poller = select.epoll()
    listeners = {}
    for port in [*ports, tls_port]:
        listener = socket.create_server((address, port), backlog=4096)
        listeners[listener.fileno()] = (listener, port == tls_port)
        poller.register(listener.fileno(), select.EPOLLIN)
    peers: dict[int, tuple[socket.socket, bytearray]] = {}
    while True:
        for fd, _ in poller.poll():
            if fd in listeners:
                listener, secure = listeners[fd]
                peer, _address = listener.accept()
                peer = context.wrap_socket(peer, server_side=True) if secure else peer
                poller.register(peer.fileno(), select.EPOLLIN)
                peers[peer.fileno()] = (peer, bytearray())
            elif not _answer(*peers[fd]):
                peer, _unread = peers.pop(fd)
                with closing(peer):
                    poller.unregister(fd)


def _answer(peer: socket.socket, unread: bytearray) -> bool:
    try:
        received = peer.recv(256 * 1024)
        unread += received
        head, found, body = bytes(unread).partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            unread.clear()
            peer.sendall(_answer_to(head))
    except OSError:
        return False
    return bool(received)


def _answer_to(head: bytes) -> bytes:
    challenge = re.search(rb"hub\.challenge=([^& ]*)", head.partition(b"\r\n")[0])
    if challenge is None:
        return _ANSWER
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(challenge[1]), challenge[1])


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"Content-Length: ")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0
