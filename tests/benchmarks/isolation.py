"""What bad subscribers cost the good ones: ``python -m tests.benchmarks.isolation [hang|mixed|memory ...]``."""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import attrs
import httpx

from tests.standalone.process import Served, served
from tests.standalone.sink import Sink, sink

_BAD = ("hang", "reset", "drip", "garbage")


@attrs.define
class Topic:
    """A topic with its subscribers.

    Attributes:
        url: Its URL.
        good: The paths of its good callbacks.
    """

    url: str
    good: set[str]


@attrs.frozen
class Mixed:
    """The latencies of good subscribers, in seconds: in a topic of their own, and in one with bad ones."""

    alone: list[float]
    beside_bad_ones: list[float]

    @property
    def factor(self) -> float:
        """What bad subscribers make of the p99."""
        return p99(self.beside_bad_ones) / p99(self.alone)


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def measure_hang(folder: Path, *, hosts: int = 200, good: int = 190, bad: int = 10) -> float:
    """Publish to good subscribers and ones that never answer; seconds until all good ones have the update.

    Args:
        folder: Where to keep the database.
        hosts: On how many hosts the subscribers are.
        good: How many are good.
        bad: How many never answer.
    """
    log = folder / "arrivals"
    with sink(str(log)) as subscribers, served(folder, "--log-level", "error") as hub:
        kinds = _spread(["ok"] * good, ["hang"] * bad)
        topic = follow(hub, subscribers, "https://topic.example/hang", kinds, hosts)
        started = publish(hub.url, topic.url, 0)
        return max(latencies(log, topic, {0: started}))


def measure_mixed(folder: Path, *, hosts: int = 1_000, good: int = 900, bad: int = 100, updates: int = 10) -> Mixed:
    """Publish in turns to a topic of good subscribers and to one that has bad ones too."""
    log = folder / "arrivals"
    with sink(str(log)) as subscribers, served(folder, "--log-level", "error") as hub:
        alone = follow(hub, subscribers, "https://topic.example/alone", ["ok"] * good, hosts)
        kinds = _spread(["ok"] * good, [_BAD[number % len(_BAD)] for number in range(bad)])
        mixed = follow(hub, subscribers, "https://topic.example/mixed", kinds, hosts, first=10_000)
        times: dict[str, dict[int, float]] = {alone.url: {}, mixed.url: {}}
        found: dict[str, list[float]] = {}
        for number in range(updates):
            for topic in (alone, mixed):
                times[topic.url][number] = publish(hub.url, topic.url, number)
                found[topic.url] = latencies(log, topic, times[topic.url])
        return Mixed(found[alone.url], found[mixed.url])


def _spread(good: list[str], bad: list[str]) -> list[str]:
    """The bad ones evenly among the good ones."""
    kinds = list(good)
    for number, kind in enumerate(bad):
        kinds.insert(number * (len(good) + len(bad)) // max(len(bad), 1), kind)
    return kinds


def follow(hub: Served, subscribers: Sink, url: str, kinds: Sequence[str], hosts: int, first: int = 0) -> Topic:
    """Subscribe callbacks of these kinds to a topic, and wait until the hub has verified them."""
    topic = Topic(url, set())
    with httpx.Client() as client:
        before = metric(client, hub, "subscriptions")
        for number, kind in enumerate(kinds, first):
            host = f"127.0.{number % hosts // 250 + 1}.{number % hosts % 250 + 1}"
            callback = subscribers.callback(kind, number, host)
            form = {"hub.mode": "subscribe", "hub.topic": url, "hub.callback": callback}
            assert client.post(hub.url, data=form).status_code == 202
            if kind == "ok":
                topic.good.add(f"/{kind}/{number}")
        deadline = time.monotonic() + 60
        while metric(client, hub, "subscriptions") < before + len(kinds):
            assert time.monotonic() < deadline, "not all subscriptions were verified"
            time.sleep(0.05)
    return topic


def metric(client: httpx.Client, hub: Served, name: str) -> float:
    """One of a hub's metrics."""
    lines = client.get(hub.base + "/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"websubhub_{name} "))


def connected(url: str) -> http.client.HTTPConnection:
    """A connection to a hub."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)


def publish(
    url: str, topic: str, number: int, connection: http.client.HTTPConnection | None = None, *, size: int = 1
) -> float:
    """Publish a number of at least so many digits, on a new connection unless there is one; returns when that began."""
    target = f"{urlsplit(url).path}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
    using = connection or connected(url)
    started = time.time()
    using.request("POST", target, b"%0*d" % (size, number), {"Content-Type": "text/plain"})
    answer = using.getresponse()
    answer.read()
    assert answer.status == 200
    if connection is None:
        using.close()
    return started


def latencies(log: Path, topic: Topic, times: dict[int, float], seconds: float = 60) -> list[float]:
    """Wait until all good subscribers have all updates, and say how long each took."""
    deadline = time.monotonic() + seconds
    while True:
        rows = [line.split(" ") for line in log.read_text().splitlines()]
        mine = [(float(at), int(number)) for at, path, _, _, number in rows if path in topic.good]
        if len(mine) >= len(topic.good) * len(times):
            return [at - times[number] for at, number in mine]
        assert time.monotonic() < deadline, f"{len(mine)} of {len(topic.good) * len(times)} arrived"
        time.sleep(0.02)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _show_hang() -> None:
    for hosts in (200, 1):
        with tempfile.TemporaryDirectory() as folder:
            seconds = measure_hang(Path(folder), hosts=hosts)
        _say(f"hang   10 of 200 subscribers on {hosts} hosts never answer: the others have it after {seconds:.3f} s")


def _show_mixed() -> None:
    for hosts in (1_000, 1):
        with tempfile.TemporaryDirectory() as folder:
            mixed = measure_mixed(Path(folder), hosts=hosts)
        _say(
            f"mixed  100 of 1,000 subscribers on {hosts} hosts are bad: p99 {p99(mixed.beside_bad_ones):.3f} s, "
            f"alone {p99(mixed.alone):.3f} s, factor {mixed.factor:.2f}"
        )


def main() -> int:
    """Run what was asked for."""
    measurements = {"hang": _show_hang, "mixed": _show_mixed}
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.isolation")
    parser.add_argument("names", nargs="*", choices=[*measurements, []], help="which to run; by default all")
    for name in parser.parse_args().names or measurements:
        measurements[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
