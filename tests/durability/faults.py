"""What happens to a cluster of hubs and NATS servers, and is undone some seconds later."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs
import httpx

from tests.cluster.network import Network, Way
from tests.cluster.servers import Server
from tests.standalone.process import Served, served
from tests.waiting import until_in_thread

#: A hub, a server, or both are killed or stopped. Or the network is cut: a hub from all servers; a server from all that
#: is there, or from the other servers alone, while hubs reach it; or only one direction of the ways of one of them.
FAULTS = (
    "kill hub", "kill server", "kill both", "stop hub", "stop server", "stop both",
    "cut hub", "cut server", "cut route", "cut half",
)  # fmt: skip
_WHOLE: tuple[Way, ...] = ("silently", "with resets")
_HALF: tuple[Way, ...] = ("from it", "to it")


class Hub:
    """One of the hubs, which can be killed, stopped and started again."""

    def __init__(self, folder: Path, port: int, arguments: Sequence[str]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._arguments = ("--port", str(port), *arguments)
        self._stack = ExitStack()
        self.served: Served | None = None
        self.port = port

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.served = self._stack.enter_context(served(self._folder, *self._arguments))

    def kill(self) -> None:
        """Kill it at once."""
        assert self.served is not None
        self.served.kill()
        self._stack.close()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.served is not None
        self.served.process.send_signal(number)

    def stop(self) -> None:
        """Stop it, whatever state it is in."""
        if self.served is not None and self.served.process.poll() is None:
            self.served.process.send_signal(signal.SIGCONT)
            self.served.stop()
        self._stack.close()


@attrs.frozen
class Round:
    """What was done.

    Attributes:
        fault: What.
        begun: When it began.
        undone: When it was undone.
        over: When all servers were healthy again.
    """

    fault: str
    begun: float
    undone: float
    over: float

    def __str__(self) -> str:
        times = (time.strftime("%X", time.localtime(at)) for at in (self.begun, self.undone, self.over))
        return f"{self.fault}: {', '.join(times)}"


@attrs.frozen
class Cluster:
    """What something can happen to."""

    hubs: list[Hub]
    servers: list[Server]
    network: Network

    def strike(self, chance: random.Random, fault: str) -> Round:
        """Do something bad, and undo it after a while."""
        time.sleep(chance.uniform(0.5, 2.5))
        how, whom = fault.split()
        begun = time.time()
        if how == "cut":
            fault, undo = self._cut(chance, whom)
        else:
            fault, undo = self._break(chance, how, whom)
        time.sleep(chance.uniform(3, 9))
        undone = time.time()
        undo()
        until_in_thread(lambda: all(map(_is_healthy, self.servers)), lambda: "a server does not become healthy")
        over = time.time()
        time.sleep(1.0)
        return Round(fault, begun, undone, over)

    def _break(self, chance: random.Random, how: str, whom: str) -> tuple[str, Callable[[], None]]:
        hub = chance.choice(self.hubs) if whom in {"hub", "both"} else None
        server = chance.choice(self.servers) if whom in {"server", "both"} else None
        victims = [victim for victim in (server, hub) if victim is not None]
        for victim in reversed(victims):
            victim.kill() if how == "kill" else victim.send(signal.SIGSTOP)

        def undo() -> None:
            for victim in victims:
                victim.start() if how == "kill" else victim.send(signal.SIGCONT)

        names = [*(hub_name(self.hubs.index(hub)) for hub in (hub,) if hub)]
        names += [server_name(self.servers.index(server)) for server in (server,) if server]
        return f"{how} {' and '.join(names)}", undo

    def _cut(self, chance: random.Random, whom: str) -> tuple[str, Callable[[], None]]:
        hubs = [hub_name(number) for number in range(len(self.hubs))]
        servers = [server_name(number) for number in range(len(self.servers))]
        victims, others = {
            "hub": (hubs, servers),
            "server": (servers, hubs + servers),
            "route": (servers, servers),
            "half": (hubs + servers, hubs + servers),
        }[whom]
        victim, way = chance.choice(victims), chance.choice(_HALF if whom == "half" else _WHOLE)
        self.network.cut_off(victim, others, way)
        return f"cut {whom} {victim} {way}", self.network.mend


def hub_name(number: int) -> str:
    """The name of a hub in the network."""
    return f"hub{number}"


def server_name(number: int) -> str:
    """The name of a server in the network."""
    return f"s{number}"


def _is_healthy(server: Server) -> bool:
    try:
        return httpx.get(f"{server.monitor}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
