"""A server in a process of its own, since signals, limits of the system and the end of a process are its own too."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import PATIENCE

SERVER = """
import logging, resource, sys
from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, plain
from _websub.limits import EdgeLimits
from _websub.server.serving import Binding, run, serve

backend, server, certificate, files = sys.argv[1:]
if int(files):
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), int(files)))
logging.basicConfig(stream=sys.stderr)

async def handle(request):
    return Answer(plain(200, "x" * (5_000_000 if "large" in request.url else 2)))

async def main(stop):
    tls = {"certfile": certificate, "keyfile": certificate} if certificate else {}
    http2 = server == "hypercorn" and not certificate
    binding = Binding(port=0, graceful_seconds=0.5, cleartext_http2=http2, server=server, **tls)
    edge = AsgiEdge(handle, limits=EdgeLimits(graceful_seconds=0.5))
    await serve(edge, binding, stop=stop, ready=lambda url: print(url, flush=True))

run(main, backend=backend)
"""
LOOPS = ("asyncio", "trio", "uvloop")
BACKENDS = (*LOOPS, "asyncio uvicorn", "uvloop uvicorn")


class Program:
    """A process that serves."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.url = process.stdout.readline().decode().strip()
        self._log = log

    @property
    def log(self) -> list[str]:
        """The lines that it has logged."""
        return self._log.read_text(errors="replace").splitlines()

    def wait(self) -> int:
        """Wait until it ends, and give its exit status."""
        return self.process.wait(PATIENCE)


@contextmanager
def program(backend: str, *, certificate: str = "", files: int = 0) -> Iterator[Program]:
    """Run a server: on which loop and which server, with which certificate, and with how many open files at most."""
    loop, _, server = backend.partition(" ")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as err:
            command = [
                sys.executable,
                "-W",
                "error",
                "-c",
                SERVER,
                loop,
                server or "hypercorn",
                certificate,
                str(files),
            ]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err)
        ends_a_hang = threading.Timer(PATIENCE, process.kill)
        ends_a_hang.start()
        try:
            yield Program(process, log)
        finally:
            ends_a_hang.cancel()
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
