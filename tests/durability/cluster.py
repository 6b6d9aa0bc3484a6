"""Three hubs on three NATS servers, of which one after the other is killed or stopped while all of it is in use."""

import http.client
import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import attrs
import httpx

from tests.cluster.servers import Server, cluster
from tests.durability.hub_kills import Account, Arrival, account, read_arrivals
from tests.ports import held_ports
from tests.standalone.process import Served, served
from tests.standalone.sink import Sink, sink
from tests.waiting import PATIENCE, until_in_thread

_HUBS = 3
_TOPICS = 6
_EACH = 30
_KINDS = ("ok", "ok", "ok", "flaky", "lost")
_DELAYS = ",".join(["0.2"] * 100)
_PAUSE_SECONDS = 0.1
_REPEATED_MOST = 0.01
_ANSWER_SECONDS = 20.0
FAULTS = ("kill hub", "kill server", "kill both", "stop hub", "stop server", "stop both")
# What a hub sent shortly before a fault, or while it lasted, may come again: nobody could write what became of it.
_UNWRITTEN_SECONDS = 2.0
_SETTLED_SECONDS = 5.0


@attrs.define
class ClusterAccount:
    """What became of everything.

    Attributes:
        account: Every pair of an accepted update and a subscription.
        repeated: The deliveries that came again although a subscriber had answered them.
        faults: What was done, in its order.
        answered: The longest time that a publish waited for its answer, whatever that was.
        delivered: The longest time from the answer of a publish to its arrival, by round.
        refused: How many publishes were not accepted.
    """

    account: Account
    repeated: int
    faults: list[str]
    answered: float
    delivered: list[float]
    refused: int

    def lines(self) -> Iterator[str]:
        """It, for people."""
        books = self.account
        share = self.repeated / max(1, books.pairs)
        yield f"{len(self.faults)} rounds: {', '.join(self.faults)}"
        yield f"{books.pairs:,} pairs of an accepted update and a subscription; {self.refused} publishes refused"
        yield (
            f"repeated {self.repeated} ({share:.2%}), of these {len(books.unexplained)} away from any fault "
            f"({', '.join(books.unexplained[:5]) or 'none'}); "
            f"{books.duplicates - self.repeated} whose answer a subscriber did not give"
        )
        yield f"longest wait for an answer {self.answered:.1f} s; longest way to a subscriber, by round: " + ", ".join(
            f"{seconds:.1f}" for seconds in self.delivered
        )

    @property
    def broken(self) -> dict[str, list[str]]:
        """The promises that were broken."""
        books = self.account
        found = {"lost": books.lost, "disordered": books.disordered, "renamed": books.renamed}
        if self.repeated > books.pairs * _REPEATED_MOST:
            found["repeated too often"] = [f"{self.repeated} of {books.pairs}"]
        return {what: pairs for what, pairs in found.items() if pairs}


class ClusterPublisher(threading.Thread):
    """Publishes numbers to a topic of its own, through whichever hub it is told to use next.

    Args:
        ports: The ports of the hubs.
        topic: Its topic.
        chance: Decides which hub, and how long it pauses in between.
    """

    def __init__(self, ports: list[int], topic: str, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.topic = topic
        self.accepted: dict[int, float] = {}
        self.answered = 0.0
        self.refused = 0
        self._ports = ports
        self._chance = chance
        self._target = f"/hub?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
        self._stopped = threading.Event()

    def run(self) -> None:
        """Publish until stopped."""
        number = 0
        while not self._stopped.wait(self._chance.uniform(0, 2 * _PAUSE_SECONDS)):
            number += 1
            begun = time.time()
            status = self._publish(number)
            now = time.time()
            if status is not None:
                self.answered = max(self.answered, now - begun)
            if status == 200:
                self.accepted[number] = now
            else:
                self.refused += 1

    def _publish(self, number: int) -> int | None:
        port = self._chance.choice(self._ports)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("POST", self._target, b"%d" % number, {"Content-Type": "text/plain"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def stop(self) -> None:
        """Publish no more."""
        self._stopped.set()
        self.join()


class _Hub:
    """One of the hubs, which can be killed, stopped and started again."""

    def __init__(self, folder: Path, port: int, store: str) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._arguments = (
            "--port", str(port), "--store", store, "--retry-delays", _DELAYS, "--concurrency-per-host", "8",
        )  # fmt: skip
        self._stack = ExitStack()
        self.served: Served | None = None
        self.port = port

    def start(self) -> None:
        self.served = self._stack.enter_context(served(self._folder, *self._arguments))

    def kill(self) -> None:
        assert self.served is not None
        self.served.kill()
        self._stack.close()

    def send(self, number: signal.Signals) -> None:
        assert self.served is not None
        self.served.process.send_signal(number)

    def stop(self) -> None:
        if self.served is not None and self.served.process.poll() is None:
            self.served.process.send_signal(signal.SIGCONT)
            self.served.stop()
        self._stack.close()


def run_rounds(folder: Path, rounds: int, seed: int, faults: Sequence[str] = FAULTS) -> ClusterAccount:
    """Kill or stop something in each round, let everything finish, and account for every update.

    Args:
        folder: Where everything is, the logs too.
        rounds: How many rounds.
        seed: Decides what happens when.
        faults: What may happen.
    """
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    log = folder / "arrivals"
    log.touch()
    with ExitStack() as stack:
        servers = stack.enter_context(cluster(folder))
        ports = stack.enter_context(held_ports(_HUBS))
        subscribers = stack.enter_context(sink(str(log)))
        store = "nats://" + ",".join(server.url.removeprefix("nats://") for server in servers) + "?gib=1"
        hubs = [_Hub(folder / f"hub{number}", port, store) for number, port in enumerate(ports)]
        for hub in hubs:
            hub.start()
            stack.callback(hub.stop)
        publishers = [
            ClusterPublisher(ports, f"https://topic.example/{n}", random.Random(seed + n))  # noqa: S311
            for n in range(_TOPICS)
        ]
        callbacks = _subscribe(hubs, subscribers, [publisher.topic for publisher in publishers], chance)
        for publisher in publishers:
            publisher.start()
        happened, times = [], []
        for _ in range(rounds):
            fault = chance.choice(faults)
            times.append(_round(chance, fault, hubs, servers))
            happened.append(fault)
            with (folder / "rounds").open("a") as told:
                told.write(f"{fault}: " + ", ".join(time.strftime("%X", time.localtime(at)) for at in times[-1]) + "\n")
        for publisher in publishers:
            publisher.stop()
        _wait_for_everything(hubs)
    return _account(log, callbacks, publishers, happened, times)


def _subscribe(hubs: list[_Hub], subscribers: Sink, topics: list[str], chance: random.Random) -> dict[str, str]:
    callbacks: dict[str, str] = {}
    with httpx.Client(timeout=PATIENCE) as client:
        for topic in topics:
            for _ in range(_EACH):
                number = len(callbacks)
                kind = _KINDS[number % len(_KINDS)]
                callback = subscribers.callback(kind, number, f"127.0.1.{number % 60 + 1}")
                form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
                answer = client.post(f"http://127.0.0.1:{chance.choice(hubs).port}/hub", data=form)
                assert answer.status_code == 202, answer.text
                callbacks[f"/{kind}/{number}"] = topic
    for hub in hubs:
        _wait_for(hub, f"websubhub_subscriptions {len(callbacks)}.0")
    return callbacks


def _round(chance: random.Random, fault: str, hubs: list[_Hub], servers: list[Server]) -> tuple[float, float, float]:
    """Do something bad and undo it after a while. Return when it began, was undone, and was over."""
    time.sleep(chance.uniform(0.5, 2.5))
    how, whom = fault.split()
    hub = chance.choice(hubs) if whom in {"hub", "both"} else None
    server = chance.choice(servers) if whom in {"server", "both"} else None
    begun = time.time()
    for victim in (hub, server):
        if victim is not None:
            victim.kill() if how == "kill" else victim.send(signal.SIGSTOP)
    time.sleep(chance.uniform(3, 9))
    undone = time.time()
    if server is not None:
        server.start() if how == "kill" else server.send(signal.SIGCONT)
    if hub is not None:
        hub.start() if how == "kill" else hub.send(signal.SIGCONT)
    until_in_thread(lambda: all(map(_is_healthy, servers)), lambda: "a server does not become healthy")
    over = time.time()
    time.sleep(1.0)
    return begun, undone, over


def _is_healthy(server: Server) -> bool:
    try:
        return httpx.get(f"{server.monitor}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _wait_for(hub: _Hub, line: str) -> None:
    def is_there() -> bool:
        return line in httpx.get(f"http://127.0.0.1:{hub.port}/metrics", timeout=PATIENCE).text.splitlines()

    until_in_thread(is_there, lambda: f"never came: {line}")


def _wait_for_everything(hubs: list[_Hub]) -> None:
    for hub in hubs:
        served_ = hub.served
        assert served_ is not None
        until_in_thread(lambda: served_.owes_nothing, lambda: "something is still owed")  # noqa: B023 - of this hub


def _account(
    log: Path,
    callbacks: dict[str, str],
    publishers: list[ClusterPublisher],
    faults: list[str],
    times: list[tuple[float, float, float]],
) -> ClusterAccount:
    accepted = {publisher.topic: publisher.accepted for publisher in publishers}
    arrivals = read_arrivals(log, callbacks)
    # What was not accepted may be stored later, and then comes later.
    known = {
        callback: [each for each in arrivals.get(callback, ()) if each.sequence in accepted[topic]]
        for callback, topic in callbacks.items()
    }
    books = account(callbacks, {topic: list(numbers) for topic, numbers in accepted.items()}, known, [])
    books.unexplained = list(_unexplained(known, times))
    delivered = [0.0 for _ in times]
    for callback, topic in callbacks.items():
        seen = set()
        for arrival in known[callback]:
            if arrival.sequence in seen:
                continue
            seen.add(arrival.sequence)
            at = accepted[topic][arrival.sequence]
            for number, (begun, *_) in enumerate(times):
                after = times[number + 1][0] if number + 1 < len(times) else float("inf")
                if begun - 5 <= at < after:
                    delivered[number] = max(delivered[number], arrival.at - at)
    return ClusterAccount(
        books,
        sum(_repeated(each) for each in known.values()),
        faults,
        max(publisher.answered for publisher in publishers),
        delivered,
        sum(publisher.refused for publisher in publishers),
    )


def _unexplained(known: Mapping[str, list[Arrival]], times: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """What came again although it was answered away from any fault."""
    for callback, arrivals in known.items():
        answered: dict[int, float] = {}
        for arrival in arrivals:
            before = answered.get(arrival.sequence)
            if before is not None and not any(
                begun - _UNWRITTEN_SECONDS <= before <= over + _SETTLED_SECONDS for begun, _, over in times
            ):
                begun = max((begun for begun, _, _ in times if begun <= before), default=before)
                after = f"{arrival.at - before:.1f} s after it was answered, {before - begun:.1f} s after a fault began"
                yield f"{callback} {arrival.sequence} {after}"
            if arrival.answered:
                answered[arrival.sequence] = arrival.at


def _repeated(arrivals: list[Arrival]) -> int:
    answered: set[int] = set()
    repeated = 0
    for arrival in arrivals:
        repeated += arrival.sequence in answered
        if arrival.answered:
            answered.add(arrival.sequence)
    return repeated
