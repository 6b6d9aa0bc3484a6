"""How long deliveries wait when a process of a hub on NATS dies, or is stopped."""

import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.benchmarks.cluster import store_of
from tests.benchmarks.measuring import Reading, Table
from tests.cluster.servers import Server, cluster
from tests.standalone.process import Served, served
from tests.standalone.sink import Sink, sink
from tests.waiting import PATIENCE, until_in_thread

_TOPIC = "https://topic.example/"
_HOSTS = 64


class _Hubs:
    """Two processes of a hub, one of which comes to an end now and then."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder = folder
        self._store = store
        self._started = 0
        self._stacks: list[ExitStack] = []
        self.hubs: list[Served] = []

    def start(self) -> None:
        self._started += 1
        own = self._folder / f"hub{self._started}"
        own.mkdir()
        stack = ExitStack()
        self.hubs.append(stack.enter_context(served(own, "--store", self._store, "--log-level", "error")))
        self._stacks.append(stack)

    def end(self, how: Callable[[Served], None]) -> None:
        """End the older one, which another has to replace."""
        how(self.hubs.pop(0))
        self._stacks.pop(0).close()

    def close(self) -> None:
        while self.hubs:
            self.end(Served.stop)


def _subscribe(hub: Served, subscribers: Sink) -> None:
    with httpx.Client(timeout=PATIENCE) as client:
        for number in range(_HOSTS):
            callback = subscribers.callback("ok", number, f"127.0.1.{number + 1}")
            form = {"hub.mode": "subscribe", "hub.topic": _TOPIC, "hub.callback": callback}
            assert client.post(hub.url, data=form).status_code == 202

        def subscribed() -> bool:
            return f"websubhub_subscriptions {_HOSTS}.0" in client.get(f"{hub.base}/metrics").text

        until_in_thread(subscribed, lambda: "the subscriptions are not verified")


def _publish(hub: Served, number: int) -> None:
    """Publish as publishers do: again, if the hub asks for it."""
    query = {"hub.mode": "publish", "hub.topic": _TOPIC}

    def is_accepted() -> bool:
        answer = httpx.post(hub.url, params=query, content=b"%d" % number, timeout=60)
        assert answer.status_code in {200, 503}, answer.text
        return answer.status_code == httpx.codes.OK

    until_in_thread(is_accepted, lambda: "an update is not accepted")


def _waited(hubs: _Hubs, log: Path, number: int, how: Callable[[Served], None]) -> float:
    """End a process, publish an update at the other one, and return how long its last subscriber waited for it."""
    hubs.start()
    time.sleep(6)  # until everything is handed over
    started = time.time()
    hubs.end(how)
    _publish(hubs.hubs[0], number)

    def arrivals() -> list[float]:
        lines = [line.split(" ") for line in log.read_text().splitlines()]
        return [float(line[0]) for line in lines if line[-1] == str(number)]

    until_in_thread(lambda: len(arrivals()) >= _HOSTS, lambda: "an update did not arrive everywhere")
    return max(arrivals()) - started


def _takeover(rounds: int) -> Table:
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        log = folder / "arrivals"
        log.touch()
        servers = stack.enter_context(cluster(folder))
        subscribers = stack.enter_context(sink(str(log)))
        hubs = _Hubs(folder, store_of(servers, "hub"))
        stack.callback(hubs.close)
        hubs.start()
        _subscribe(hubs.hubs[0], subscribers)
        number = 0
        for _ in range(rounds):
            for label, how in {"SIGTERM": Served.stop, "kill -9": Served.kill, **_with_server(servers)}.items():
                number += 1
                seconds.setdefault(label, []).append(_waited(hubs, log, number, how))
                _revive(servers)
    rows = [
        (label, f"{min(own):.1f}", f"{statistics.median(own):.1f}", f"{max(own):.1f}") for label, own in seconds.items()
    ]
    bars = [statistics.median(own) for own in seconds.values()]
    return Table(("shortest, s", "median, s", "longest, s"), rows, bars, "seconds until the last of 64 hosts")


def _with_server(servers: list[Server]) -> dict[str, Callable[[Served], None]]:
    def kill(hub: Served) -> None:
        servers[0].kill()
        hub.kill()

    def freeze(hub: Served) -> None:
        servers[0].send(signal.SIGSTOP)
        hub.kill()

    return {"kill -9, and of a server": kill, "kill -9, and a server is frozen": freeze}


def _revive(servers: list[Server]) -> None:
    """Let the server go on, and another one be the next to fail."""
    process = servers[0].process
    if process is not None and process.poll() is not None:
        servers[0].start()
    servers[0].send(signal.SIGCONT)
    until_in_thread(lambda: all(map(_is_healthy, servers)), lambda: "a server does not become healthy")
    servers.append(servers.pop(0))


def _is_healthy(server: Server) -> bool:
    try:
        return httpx.get(f"{server.monitor}/healthz", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


BENCHMARKS = (Reading("cluster-takeover", "How long deliveries wait when a process on NATS ends.", _takeover),)
