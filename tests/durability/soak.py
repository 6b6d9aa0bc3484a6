"""Two hubs under load, to which something bad happens every few seconds: one lives on, the other is killed.

The first tells whether memory, descriptors or tasks leak; both tell whether an update was lost, came out of order, or
came twice without a reason. What happens, and in which order, is decided by a seed.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import httpx

from tests.durability import hub_kills
from tests.durability.attacks import ATTACKS, Victim
from tests.durability.disks import SmallDisk, small_disk
from tests.durability.hub_kills import Publisher, read_arrivals, wait_for
from tests.durability.report import HubReport, Report
from tests.durability.topics import hostile_topics
from tests.durability.vitals import TASKS_FILE, TELLING, Vitals, Watcher, vitals_of
from tests.ports import held_port
from tests.standalone.process import ADMIN, Served, served
from tests.standalone.sink import Sink, secret_of, sink
from tests.waiting import PATIENCE

_TOPICS = 4
_PAUSE_SECONDS = 0.2
_GOOD = ("signed", "signed", "signed", "signed", "signed", "signed", "flaky", "lost")
_BAD = ("fail", "hang", "reset", "drip", "garbage", "absurd")
_DISK_MEGABYTES = 256
_FULL_SECONDS = 2.0
#: After which what happened meanwhile is on the disk again.
_RECOVERY_SECONDS = 3.0
_BETWEEN_SECONDS = (0.5, 3.0)
_FAULTS_OF_A_LIFE = (1, 3)
#: A hub gives up a delivery ten seconds after it began; one that arrived meanwhile, and whose answer is read too late,
#: comes again. Nothing else but a kill makes it wait for so long.
_LATE_SECONDS = 5.0
#: An unused connection is kept for 60 seconds.
_IDLE_SECONDS = 90.0
_ARGUMENTS = ("--retry-delays", ",".join(["0.1"] * 50), "--concurrency-per-host", "8", "--log-level", "error")


@attrs.define
class Scene:
    """A hub's surroundings: its disk, its subscribers and its publishers, which outlive it.

    Attributes:
        name: What to call it.
        folder: Where its log is.
        disk: Where its database is.
        victim: Where it is, and its peers.
        subscribers: Its subscribers.
        chance: Decides what happens.
        faults: What has happened.
        killed: When it was killed.
        good: The topics of good subscribers, by the paths of their callbacks.
        bad: How many bad ones there are.
    """

    name: str
    folder: Path
    disk: SmallDisk
    victim: Victim
    subscribers: Sink
    chance: random.Random
    publishers: list[Publisher]
    faults: Counter[str] = attrs.field(factory=Counter)
    killed: list[float] = attrs.field(factory=list)
    good: dict[str, str] = attrs.field(factory=dict)
    bad: int = 0

    @property
    def tasks_file(self) -> Path:
        """Where the hub tells how many tasks it has."""
        return self.folder / f"{self.name}.tasks"

    @contextmanager
    def hub(self) -> Iterator[Served]:
        """Run the hub."""
        store = f"sqlite:///{self.disk.folder / 'hub.db'}"
        environment = {TASKS_FILE: str(self.tasks_file)}
        arguments = ("--port", str(self.victim.port), "--store", store, *_ARGUMENTS)
        with served(self.folder, *arguments, environment=environment, command=TELLING) as hub:
            yield hub

    def begin(self, hub: Served) -> None:
        """Subscribe everybody, and start to publish."""
        with httpx.Client(timeout=PATIENCE) as client:
            for publisher in self.publishers:
                for number, kind in enumerate((*_GOOD, *_BAD)):
                    self._subscribe(client, hub, publisher.topic, kind, number)
        wait_for(hub, f"websubhub_subscriptions {len(self.good) + self.bad}.0")
        for publisher in self.publishers:
            publisher.start()

    def _subscribe(self, client: httpx.Client, hub: Served, topic: str, kind: str, number: int) -> None:
        is_good = number < len(_GOOD)
        host = f"127.0.{1 if is_good else 2}.{number + 1}"
        identity = len(self.good) + self.bad
        callback = self.subscribers.callback(kind, identity, host)
        path = f"/{kind}/{identity}"
        form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, "hub.secret": secret_of(path)}
        assert client.post(hub.url, data=form).status_code == 202
        if is_good:
            self.good[path] = topic
        else:
            self.bad += 1

    def suffer(self) -> None:
        """Let something bad happen, and wait a little."""
        time.sleep(self.chance.uniform(*_BETWEEN_SECONDS))
        choice = self.chance.randrange(len(ATTACKS) + 2)
        if choice < len(ATTACKS):
            self.faults[ATTACKS[choice].__name__.replace("_", " ")] += 1
            ATTACKS[choice](self.victim, self.chance)
        elif self.disk.can_fill:
            self.faults["full disk"] += 1
            self.disk.fill()
            time.sleep(_FULL_SECONDS)
            self.disk.free()
            time.sleep(_RECOVERY_SECONDS)

    def end(self, hub: Served) -> None:
        """Publish no more, send bad subscribers away, and wait until the others have everything."""
        for publisher in self.publishers:
            publisher.stop()
        with httpx.Client(timeout=PATIENCE, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
            for each in self._unwanted(client, hub):
                answer = client.post(f"{hub.base}/admin/subscriptions/remove", json=each)
                assert answer.status_code in {200, 404}, answer.text
        wait_for(hub, "websubhub_backlog 0.0")

    def deliver_once(self, hub: Served) -> None:
        """Deliver one update more: unused connections are closed when the next one is needed."""
        topic, callback = "https://topic.example/last", self.subscribers.callback("ok", 0, "127.0.3.1")
        with httpx.Client(timeout=PATIENCE) as client:
            form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
            assert client.post(hub.url, data=form).status_code == 202
            wait_for(hub, f"websubhub_subscriptions {len(self.good) + 1}.0")
            query = {"hub.mode": "publish", "hub.topic": topic}
            assert client.post(hub.url, params=query, content=b"0", headers={"Content-Type": "a/b"}).is_success
        wait_for(hub, "websubhub_backlog 0.0")

    def _unwanted(self, client: httpx.Client, hub: Served) -> list[dict[str, str]]:
        """The subscriptions that are not good ones; those to useless topics end their announcements."""
        found: list[dict[str, str]] = []
        after: dict[str, str] = {}
        while page := client.get(f"{hub.base}/admin/subscriptions", params=after).json()["subscriptions"]:
            found += [{"topic": each["topic"], "callback": each["callback"]} for each in page]
            after = {"after_topic": page[-1]["topic"], "after": page[-1]["callback"]}
        return [each for each in found if urlsplit(each["callback"]).path not in self.good]

    def report(self) -> HubReport:
        """What became of every update."""
        log = Path(self.subscribers.log)
        accepted = {publisher.topic: publisher.accepted for publisher in self.publishers}
        arrivals = read_arrivals(log, self.good)
        account = hub_kills.account(self.good, accepted, arrivals, self.killed, late_seconds=_LATE_SECONDS)
        with log.open("rb") as lines:
            forged = sum(b" forged " in line for line in lines)
        return HubReport(self.name, account, forged, sum(map(len, accepted.values())), self.faults)


def run_soak(folder: Path, seconds: float, seed: int) -> Report:
    """Run both hubs for so long, let them finish, and account for everything.

    Args:
        folder: Where to keep databases and logs.
        seconds: How long things happen.
        seed: Decides what happens.
    """
    with ExitStack() as stack:
        topics = stack.enter_context(hostile_topics())
        steady, killed = (stack.enter_context(_scene(folder, name, topics, seed)) for name in ("steady", "killed"))
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(2) as threads:
            lived = threads.submit(_live, steady, until)
            died = threads.submit(_die_often, killed, until)
            died.result()
            before, seen, after, slowest = lived.result()
        return Report(seconds, seed, (steady.report(), killed.report()), before, seen, after, slowest)


@contextmanager
def _scene(folder: Path, name: str, topics: int, seed: int) -> Iterator[Scene]:
    log = folder / f"{name}.arrivals"
    log.touch()
    (folder / name).mkdir()
    with (
        held_port() as port,
        sink(str(log)) as subscribers,
        small_disk(folder / name / "disk", _DISK_MEGABYTES) as disk,
    ):
        chance = partial(random.Random)
        publishers = [
            Publisher(
                f"http://127.0.0.1:{port}/hub",
                f"https://topic.example/{number}",
                chance(f"{seed} {name} {number}"),
                _PAUSE_SECONDS,
            )
            for number in range(_TOPICS)
        ]
        victim = Victim(port, subscribers.port, topics)
        yield Scene(name, folder / name, disk, victim, subscribers, chance(f"{seed} {name}"), publishers)


def _live(scene: Scene, until: float) -> tuple[Vitals, list[Vitals], Vitals, list[float]]:
    """One hub that lives through everything; what it held before, meanwhile, and after, and how fast it answered."""
    with scene.hub() as hub:
        before = vitals_of(hub, scene.tasks_file)
        scene.begin(hub)
        watcher = Watcher(hub, scene.tasks_file)
        watcher.start()
        while time.monotonic() < until:
            scene.suffer()
        watcher.stop()
        scene.end(hub)
        time.sleep(_IDLE_SECONDS)
        scene.deliver_once(hub)
        after = vitals_of(hub, scene.tasks_file)
        hub.stop()
        assert hub.process.returncode == 0, "It did not stop in order."
    return before, watcher.seen, after, watcher.answers


def _die_often(scene: Scene, until: float) -> None:
    """A hub that is killed after every few faults."""
    has_begun = False
    while time.monotonic() < until:
        with scene.hub() as hub:
            if not has_begun:
                scene.begin(hub)
                has_begun = True
            for _ in range(scene.chance.randint(*_FAULTS_OF_A_LIFE)):
                scene.suffer()
            hub.kill()
            scene.killed.append(time.time())
            scene.faults["kill"] += 1
    with scene.hub() as hub:
        scene.end(hub)
        hub.stop()
