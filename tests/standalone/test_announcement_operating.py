"""Announcements of topics that cannot be fetched, as an operator sees them, and over restarts and kills."""

import gzip
import http.server
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.standalone.hub import Site, World, seconds, until, world
from tests.standalone.process import ADMIN, run, served
from tests.standalone.sink import Sink, sink
from tests.waiting import until_in_thread

LATER = 3_600.0


async def _announcements(hub: World, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await hub.get("/admin/announcements", **query)).json()["announcements"]
    return found


async def _failing(hub: World, state: str = "failing", **site: Any) -> tuple[Site, dict[str, Any]]:
    topic = hub.site(**site)
    topic.status = 503
    await hub.subscribe(hub.subscriber(), hub.peers + "/topic")
    await hub.ping(hub.peers + "/topic")
    while not await _announcements(hub, state=state):
        pass
    [announcement] = await _announcements(hub)
    return topic, announcement


async def _metrics(hub: World) -> dict[str, float]:
    text = (await hub.get("/metrics")).text
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "announcement" in sample.name or "fetches" in sample.name
    }


async def test_a_failing_topic_is_shown_with_what_it_answered() -> None:
    async with world(retry_delays=(LATER,)) as hub:
        before = time.time()
        _, shown = await _failing(hub)
        assert shown["state"] == "failing"
        assert (shown["topic"], shown["status"]) == (hub.peers + "/topic", 503)
        assert shown["reason"] == "The topic answered 503."
        assert (shown["attempts"], shown["count"], shown["died_at"]) == (1, 1, None)
        due_at = seconds(shown["due_at"])
        assert before <= due_at - LATER + 1
        assert due_at - LATER * 1.25 - 1 <= time.time()
        deliveries = (await hub.get("/admin/deliveries")).json()
        assert deliveries["announcements"] == [shown]
        counts = (await hub.statistics())["announcements"]
        assert (counts["pending"], counts["failing"], counts["dead"]) == (0, 1, 0)
        assert counts["oldest_announced_at"] == shown["announced_at"]
        metrics = await _metrics(hub)
        assert metrics["websubhub_announcements/failing"] == 1
        assert metrics["websubhub_topic_fetches_total/retried"] == 1
        oldest = metrics["websubhub_oldest_announcement_seconds"]
        assert oldest > 0
        assert before + oldest <= time.time() + 1  # the hub's clock and the wall clock may be a moment apart


async def test_a_dead_announcement_is_shown_replayed_and_dropped() -> None:
    async with world(retry_delays=(0.05,)) as hub:
        site, dead = await _failing(hub, "dead")
        assert (dead["state"], dead["attempts"], dead["status"]) == ("dead", 2, 503)
        assert await _announcements(hub, state="failing") == []
        metrics = await _metrics(hub)
        assert metrics["websubhub_announcements/dead"] == 1
        assert metrics["websubhub_topic_fetches_total/dead"] == 1
        assert metrics["websubhub_oldest_announcement_seconds"] == 0
        site.status = 200
        assert await hub.order("/admin/announcements/replay", ids=[dead["id"], 4711]) == {
            "replayed": 1,
            "unknown": [4711],
        }
        while await _announcements(hub):
            pass
        await until(lambda: site.fetches == 3)
        site.status = 410
        await hub.ping(hub.peers + "/topic")
        while not await _announcements(hub, state="dead"):
            pass
        [again] = await _announcements(hub)
        assert again["id"] > dead["id"]
        assert await hub.order("/admin/announcements/drop", ids=[again["id"]]) == {"dropped": 1, "unknown": []}
        assert await _announcements(hub) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [({"state": "lost"}, "pending, failing, dead"), ({"after": "x"}, "after must be a whole number")],
)
async def test_what_cannot_be_listed_is_refused_in_a_sentence(query: dict[str, str], words: str) -> None:
    async with world() as hub:
        answer = await hub.get("/admin/announcements", **query)
        assert answer.status_code == 400
        assert words in answer.json()["error"]


async def test_announcements_come_in_pages() -> None:
    async with world(retry_delays=(LATER,)) as hub:
        subscriber = hub.subscriber()
        for number in range(5):
            topic = f"{hub.peers}/missing/{number}"
            await hub.subscribe(subscriber, topic)
            await hub.ping(topic)
        first = await _announcements(hub, limit=3)
        second = await _announcements(hub, limit=3, after=first[-1]["id"])
        assert [one["topic"][-1] for one in first + second] == list("01234")


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def subscribers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with sink(str(tmp_path_factory.mktemp("sink") / "log")) as running:
        yield running


class _Files(http.server.SimpleHTTPRequestHandler):
    """Python's own server of files, and what it was asked."""

    asked: list[str]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()


@contextmanager
def files(folder: Path, port: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder, as ``python -m http.server`` does."""
    asked: list[str] = []
    handler = type("Files", (_Files,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def _subscribe(hub: str, topic: str, callback: str) -> None:
    form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
    assert httpx.post(hub, data=form).status_code == 202
    until_in_thread(lambda: "websubhub_subscriptions 1.0" in httpx.get(f"{hub.removesuffix('/hub')}/metrics").text)


def _ping(hub: str, topic: str) -> None:
    assert httpx.post(hub, data={"hub.mode": "publish", "hub.url": topic}).status_code == 200


def _shown(hub: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {ADMIN}"}
    answer = httpx.get(f"{hub.removesuffix('/hub')}/admin/announcements", headers=headers)
    found: list[dict[str, Any]] = answer.json()["announcements"]
    return found


def _is_one_more(subscribers: Sink, path: str, before: int) -> bool:
    return len(_delivered(subscribers, path)) == before + 1


def _delivered(subscribers: Sink, path: str) -> list[str]:
    return [line.split(" ")[-1].strip() for line in Path(subscribers.log).read_text().splitlines() if path in line]


def test_an_edit_in_the_second_of_the_one_before_is_not_lost(tmp_path: Path, subscribers: Sink) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    file = folder / "feed"
    second = float(int(time.time()))

    def edit(content: str) -> None:
        file.write_text(content)
        os.utime(file, (second, second))

    with files(folder) as (site, asked), served(tmp_path) as hub:
        topic = f"{site}/feed"
        edit("one")
        _subscribe(hub.url, topic, subscribers.callback("ok", 71))
        for content in ("one", "two", "six"):
            before = _delivered(subscribers, "/ok/71")
            edit(content)
            _ping(hub.url, topic)
            until_in_thread(partial(_is_one_more, subscribers, "/ok/71", len(before)))
        assert len(asked) >= 3


def test_what_could_not_be_fetched_is_fetched_after_a_kill(tmp_path: Path, subscribers: Sink) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    delays = ("--retry-delays", ",".join(["0.2"] * 50))
    with files(folder) as (site, asked):
        topic = f"{site}/feed"
        with served(tmp_path, *delays) as hub:
            _subscribe(hub.url, topic, subscribers.callback("ok", 72))
            _ping(hub.url, topic)
            until_in_thread(lambda: any(one["attempts"] >= 2 for one in _shown(hub.url)))
            hub.kill()
        before = len(asked)
        with served(tmp_path, "--retry-delays", "3600") as hub:
            until_in_thread(lambda: len(asked) > before)
            until_in_thread(lambda: any(one["state"] == "dead" for one in _shown(hub.url)))
            [dead] = _shown(hub.url)
            assert (dead["status"], dead["reason"]) == (404, "The topic answered 404.")
            hub.kill()
        with served(tmp_path) as hub:
            assert [one["id"] for one in _shown(hub.url)] == [dead["id"]]
            (folder / "feed").write_text("there")
            assert "1 replayed." in run("announcements", "replay", "--hub", hub.url, "--token", ADMIN).stdout
            until_in_thread(lambda: _delivered(subscribers, "/ok/72"))
            assert _shown(hub.url) == []


def test_the_commands_show_and_operate_announcements(tmp_path: Path, subscribers: Sink) -> None:
    folder = tmp_path / "site"
    folder.mkdir()

    def command(*arguments: str) -> str:
        done = run(*arguments, "--hub", hub.url, "--token", ADMIN)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with files(folder) as (site, _), served(tmp_path, "--retry-delays", "0.05") as hub:
        topic = f"{site}/feed"
        _subscribe(hub.url, topic, subscribers.callback("ok", 73))
        _ping(hub.url, topic)
        until_in_thread(lambda: any(one["state"] == "dead" for one in _shown(hub.url)))
        for name in ("deliveries", "announcements"):
            shown = command(name)
            assert all(word in shown for word in (topic, "dead", "404", "The topic answered 404."))
        assert "dead announcements" in command("deliveries")
        [dead] = _shown(hub.url)
        assert command("announcements", "drop", str(dead["id"])) == "1 dropped.\n"
        assert _shown(hub.url) == []
        assert run("announcements", "drop", "x", "--hub", hub.url, "--token", ADMIN).returncode != 0


@pytest.mark.threat("DOS-12")
async def test_compressed_content_is_delivered_unpacked_and_no_header_of_a_topic_stops_it() -> None:
    async with world() as hub:
        site = hub.site(body=gzip.compress(b"unpacked"), Content_Encoding="gzip")
        site.headers |= {"ETag": '"\xe2\x82\xac"', "Content-Type": f"text/plain; x={'x' * 30_000}"}
        site.headers["Link"] = ", ".join(f"<https://hub.example/{number}/{'x' * 900}>; rel=hub" for number in range(20))
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, hub.peers + "/topic")
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 1)
        site.body = gzip.compress(b"again")
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"unpacked", b"again"]
        for delivery in subscriber.deliveries:
            assert delivery.headers["content-type"] == "application/octet-stream"
            assert len(delivery.headers["link"]) < 8_000


async def test_an_empty_form_that_names_a_topic_in_the_query_is_a_ping() -> None:
    async with world() as hub:
        hub.site(body=b"fetched")
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, hub.peers + "/topic")
        query = urlencode({"hub.mode": "publish", "hub.url": hub.peers + "/topic"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await hub.client.post(f"{hub.hub}?{query}", content=b"", headers=headers)
        assert answer.text == "hub.mode=accepted"
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"fetched"]
