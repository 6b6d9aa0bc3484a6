"""A hub under load is killed again and again, and then every update is accounted for."""

import http.client
import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import attrs
import httpx

from tests.ports import held_port
from tests.standalone.process import Served, served
from tests.standalone.sink import Sink, sink
from tests.waiting import PATIENCE, until_in_thread

_TOPICS = 4
_EACH = 50
_KINDS = ("ok", "ok", "ok", "flaky", "lost")
_PAUSE_SECONDS = 0.15
_SETTLE_SECONDS = 2.0
_LAG_SECONDS = 0.3
_DELAYS = ",".join(["0.1"] * 50)


@attrs.frozen
class Arrival:
    """What a subscriber took: when, which update, and whether it answered."""

    at: float
    message_id: str
    answered: bool
    sequence: int


@attrs.define
class Account:
    """What became of every pair of an accepted update and a subscription.

    Attributes:
        pairs: How many pairs there are.
        kills: How often the hub was killed.
        duplicates: How many deliveries were repetitions.
        lost: The pairs that never arrived.
        disordered: The subscriptions whose updates first came in another order than they were published.
        late: How many of them came after the time for an answer was over, so that the hub has not read it in time.
        unexplained: The repetitions that neither a kill nor a lost answer explains.
        renamed: The repetitions with another message id.
    """

    pairs: int = 0
    kills: int = 0
    duplicates: int = 0
    late: int = 0
    lost: list[str] = attrs.field(factory=list)
    disordered: list[str] = attrs.field(factory=list)
    unexplained: list[str] = attrs.field(factory=list)
    renamed: list[str] = attrs.field(factory=list)


class Publisher(threading.Thread):
    """Publishes numbers to a topic of its own, and remembers which of them the hub accepted.

    A number whose answer was lost is never sent again: it may arrive, or not.

    Args:
        hub: The URL of the hub.
        topic: Its topic.
        chance: Decides how long it pauses in between.
        pause: The mean of that, in seconds.
    """

    def __init__(self, hub: str, topic: str, chance: random.Random, pause: float = _PAUSE_SECONDS) -> None:
        super().__init__(daemon=True)
        self._chance = chance
        self._pause = pause
        self.topic = topic
        self.accepted: list[int] = []
        self._parts = urlsplit(hub)
        self._target = f"{self._parts.path}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
        self._stopped = threading.Event()

    def run(self) -> None:
        """Publish until stopped."""
        number = 0
        while not self._stopped.wait(self._chance.uniform(0, 2 * self._pause)):
            number += 1
            if self._publish(number):
                self.accepted.append(number)

    def _publish(self, number: int) -> bool:
        connection = http.client.HTTPConnection(str(self._parts.hostname), self._parts.port, timeout=PATIENCE)
        try:
            connection.request("POST", self._target, b"%d" % number, {"Content-Type": "text/plain"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Publish no more."""
        self._stopped.set()
        self.join()


def run_kills(folder: Path, kills: int, seed: int = 0) -> Account:
    """Kill a hub under load so many times, let it finish, and account for every update.

    Args:
        folder: Where to keep the database and the log of the subscribers.
        kills: How often to kill it.
        seed: Decides when.
    """
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    log = folder / "arrivals"
    log.touch()
    with held_port() as port, sink(str(log)) as subscribers:
        arguments = ("--port", str(port), "--retry-delays", _DELAYS, "--concurrency-per-host", "4")
        publishers = [
            Publisher(f"http://127.0.0.1:{port}/hub", f"https://topic.example/{n}", random.Random(seed + n))  # noqa: S311
            for n in range(_TOPICS)
        ]
        killed = []
        with served(folder, *arguments) as hub:
            callbacks = _subscribe(hub, subscribers, [publisher.topic for publisher in publishers])
            # Some of these requests are not verified yet.
            killed.append(_kill(hub))
        for number in range(kills):
            with served(folder, *arguments) as hub:
                if number == 0:
                    wait_for(hub, f"websubhub_subscriptions {len(callbacks)}.0")
                    for publisher in publishers:
                        publisher.start()
                time.sleep(chance.uniform(0.05, 0.8))
                killed.append(_kill(hub))
        with served(folder, *arguments) as hub:
            for publisher in publishers:
                publisher.stop()
            wait_for(hub, "websubhub_backlog 0.0")
            hub.stop()
    accepted = {publisher.topic: publisher.accepted for publisher in publishers}
    return account(callbacks, accepted, read_arrivals(log, callbacks), killed)


def _subscribe(hub: Served, subscribers: Sink, topics: Iterable[str]) -> dict[str, str]:
    """Subscribe some callbacks to each topic; returns the topics by callback."""
    callbacks: dict[str, str] = {}
    with httpx.Client(timeout=PATIENCE) as client:
        for topic in topics:
            for _ in range(_EACH):
                number = len(callbacks)
                kind = _KINDS[number % len(_KINDS)]
                callback = subscribers.callback(kind, number, f"127.0.1.{number % 20 + 1}")
                form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
                assert client.post(hub.url, data=form).status_code == 202
                callbacks[f"/{kind}/{number}"] = topic
    return callbacks


def _kill(hub: Served) -> float:
    hub.kill()
    return time.time()


def wait_for(hub: Served, line: str) -> None:
    """Wait until a line stands in the metrics."""

    def is_there() -> bool:
        return line in httpx.get(hub.base + "/metrics", timeout=PATIENCE).text.splitlines()

    until_in_thread(is_there, lambda: f"never came: {line}")


def read_arrivals(log: Path, callbacks: Collection[str]) -> dict[str, list[Arrival]]:
    """What arrived at these callbacks, by callback and in the order of arrival."""
    arrivals: dict[str, list[Arrival]] = defaultdict(list)
    for line in log.read_text().splitlines():
        at, callback, message_id, answer, sequence = line.split(" ")
        if callback in callbacks:
            arrivals[callback].append(Arrival(float(at), message_id, answer == "answered", int(sequence)))
    return arrivals


def account(
    callbacks: Mapping[str, str],
    accepted: Mapping[str, list[int]],
    arrivals: Mapping[str, list[Arrival]],
    killed: list[float],
    *,
    late_seconds: float = math.inf,
) -> Account:
    """Compare what was accepted with what arrived.

    Args:
        callbacks: The topics by callback.
        accepted: The accepted numbers by topic.
        arrivals: What arrived, by callback.
        killed: When the hub was killed.
        late_seconds: After which a repetition is taken for one of a delivery whose answer came late.
    """
    result = Account(kills=len(killed))
    for callback, topic in callbacks.items():
        first: dict[int, Arrival] = {}
        last: dict[int, Arrival] = {}
        for arrival in arrivals.get(callback, ()):
            before = last.get(arrival.sequence)
            last[arrival.sequence] = arrival
            if before is None:
                first[arrival.sequence] = arrival
                continue
            result.duplicates += 1
            if arrival.message_id != before.message_id:
                result.renamed.append(f"{callback} {arrival.sequence}")
            if not before.answered or _killed_between(before.at, arrival.at, killed):
                continue
            if arrival.at - before.at >= late_seconds:
                result.late += 1
            else:
                result.unexplained.append(f"{callback} {arrival.sequence} after {arrival.at - before.at:.1f} s")
        result.pairs += len(accepted[topic])
        result.lost += [f"{callback} {number}" for number in accepted[topic] if number not in first]
        if list(first) != sorted(first):
            result.disordered.append(callback)
    return result


def _killed_between(before: float, after: float, killed: Iterable[float]) -> bool:
    """Whether a kill came soon after a delivery, and before it was repeated.

    What a hub sent just before it died, a subscriber reads just after.
    """
    return any(before - _LAG_SECONDS <= kill <= after and kill - before < _SETTLE_SECONDS for kill in killed)
