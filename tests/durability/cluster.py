"""Three hubs on three NATS servers, of which one after the other is killed, stopped or cut off while all is in use."""

import http.client
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import attrs
import httpx

from tests.cluster.network import network
from tests.cluster.servers import cluster
from tests.durability.faults import FAULTS, Cluster, Hub, Round, hub_name, server_name
from tests.durability.hub_kills import Account, Arrival, account, read_arrivals
from tests.ports import held_ports
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
        answered: The longest time that a publish waited for its answer, whatever that was, by round.
        delivered: The longest time from the answer of a publish to its arrival, by round.
        refused: How many publishes were not accepted.
        hung: How many got no answer in time.
    """

    account: Account
    repeated: int
    faults: list[str]
    answered: list[float]
    delivered: list[float]
    refused: int
    hung: int

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
        yield f"longest wait for an answer {_longest(self.answered)}"
        yield f"longest way to a subscriber {_longest(self.delivered)}"

    @property
    def broken(self) -> dict[str, list[str]]:
        """The promises that were broken."""
        books = self.account
        found = {"lost": books.lost, "disordered": books.disordered, "renamed": books.renamed}
        if self.hung:
            found["hung"] = [f"{self.hung} publishes got no answer within {_ANSWER_SECONDS:.0f} s"]
        if self.repeated > books.pairs * _REPEATED_MOST:
            found["repeated too often"] = [f"{self.repeated} of {books.pairs}"]
        return {what: pairs for what, pairs in found.items() if pairs}


def _longest(seconds: Sequence[float]) -> str:
    return f"{max(seconds):.1f} s; by round: {', '.join(f'{each:.1f}' for each in seconds)}"


@attrs.frozen
class Answered:
    """A publish that was answered: when it began, how long that took, and how."""

    at: float
    seconds: float
    status: int


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
        self.answers: list[Answered] = []
        self.refused = 0
        self.hung = 0
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
                self.answers.append(Answered(begun, now - begun, status))
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
        except TimeoutError:
            self.hung += 1
            return None
        except (OSError, http.client.HTTPException):  # the hub was killed
            return None
        finally:
            connection.close()

    def stop(self) -> None:
        """Publish no more."""
        self._stopped.set()
        self.join()


def run_rounds(folder: Path, rounds: int, seed: int, faults: Sequence[str] = FAULTS) -> ClusterAccount:
    """Let something bad happen in each round, let everything finish, and account for every update.

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
        subscribers = stack.enter_context(sink(str(log)))  # first, since a fork keeps the connections of proxies open
        struck = _start(folder, stack)
        hubs, ports = struck.hubs, [hub.port for hub in struck.hubs]
        publishers = [
            ClusterPublisher(ports, f"https://topic.example/{n}", random.Random(seed + n))  # noqa: S311
            for n in range(_TOPICS)
        ]
        callbacks = _subscribe(hubs, subscribers, [publisher.topic for publisher in publishers], chance)
        for publisher in publishers:
            publisher.start()
        happened = []
        for _ in range(rounds):
            happened.append(struck.strike(chance, chance.choice(faults)))
            with (folder / "rounds").open("a") as told:
                told.write(f"{happened[-1]}\n")
        for publisher in publishers:
            publisher.stop()
        _wait_for_everything(hubs)
    return _account(log, callbacks, publishers, happened)


def _start(folder: Path, stack: ExitStack) -> Cluster:
    """Start servers and hubs, which reach each other through proxies."""
    ways = stack.enter_context(network())

    def reach(who: int, whom: int, port: int) -> int:
        return ways.way(server_name(who), server_name(whom), port)

    servers = stack.enter_context(cluster(folder, reach=reach))
    hubs = []
    for number, port in enumerate(stack.enter_context(held_ports(_HUBS))):
        name, listening = hub_name(number), [int(server.url.rpartition(":")[2]) for server in servers]
        places = [f"127.0.0.1:{ways.way(name, server_name(whom), at)}" for whom, at in enumerate(listening)]
        store = f"nats://{','.join(places)}?gib=1"
        arguments = ("--store", store, "--retry-delays", _DELAYS, "--concurrency-per-host", "8")
        hub = Hub(folder / name, port, arguments)
        hub.start()
        stack.callback(hub.stop)
        hubs.append(hub)
    return Cluster(hubs, servers, ways)


def _subscribe(hubs: list[Hub], subscribers: Sink, topics: list[str], chance: random.Random) -> dict[str, str]:
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


def _wait_for(hub: Hub, line: str) -> None:
    def is_there() -> bool:
        return line in httpx.get(f"http://127.0.0.1:{hub.port}/metrics", timeout=PATIENCE).text.splitlines()

    until_in_thread(is_there, lambda: f"never came: {line}")


def _wait_for_everything(hubs: list[Hub]) -> None:
    for hub in hubs:
        served_ = hub.served
        assert served_ is not None
        until_in_thread(lambda: served_.owes_nothing, lambda: "something is still owed")  # noqa: B023 - of this hub


def _account(
    log: Path, callbacks: dict[str, str], publishers: list[ClusterPublisher], rounds: list[Round]
) -> ClusterAccount:
    accepted = {publisher.topic: publisher.accepted for publisher in publishers}
    arrivals = read_arrivals(log, callbacks)
    # What was not accepted may be stored later, and then comes later.
    known = {
        callback: [each for each in arrivals.get(callback, ()) if each.sequence in accepted[topic]]
        for callback, topic in callbacks.items()
    }
    books = account(callbacks, {topic: list(numbers) for topic, numbers in accepted.items()}, known, [])
    books.unexplained = list(_unexplained(known, rounds))
    ways = []
    for callback, topic in callbacks.items():
        first = {arrival.sequence: arrival.at for arrival in reversed(known[callback])}
        ways += [(accepted[topic][number], at - accepted[topic][number]) for number, at in first.items()]
    waits = [(answer.at, answer.seconds) for publisher in publishers for answer in publisher.answers]
    return ClusterAccount(
        books,
        sum(_repeated(each) for each in known.values()),
        [each.fault for each in rounds],
        list(_by_round(waits, rounds)),
        list(_by_round(ways, rounds)),
        sum(publisher.refused for publisher in publishers),
        sum(publisher.hung for publisher in publishers),
    )


def _by_round(measured: Sequence[tuple[float, float]], rounds: Sequence[Round]) -> Iterator[float]:
    """The longest of what began in a round, or shortly before it."""
    for number, each in enumerate(rounds):
        after = rounds[number + 1].begun if number + 1 < len(rounds) else float("inf")
        yield max((seconds for at, seconds in measured if each.begun - 5 <= at < after), default=0.0)


def _unexplained(known: Mapping[str, list[Arrival]], rounds: Sequence[Round]) -> Iterator[str]:
    """What came again although it was answered away from any fault."""
    for callback, arrivals in known.items():
        answered: dict[int, float] = {}
        for arrival in arrivals:
            before = answered.get(arrival.sequence)
            if before is not None and not any(
                each.begun - _UNWRITTEN_SECONDS <= before <= each.over + _SETTLED_SECONDS for each in rounds
            ):
                begun = max((each.begun for each in rounds if each.begun <= before), default=before)
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
