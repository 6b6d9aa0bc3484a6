"""``websubhub serve`` as people run it, and the commands that look at it."""

import io
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.ports import held_port
from tests.standalone.process import ADMIN, run, served
from tests.standalone.sink import Sink, sink
from tests.waiting import PATIENCE, until_in_thread
from websubhub.standalone.command.cli import main

MARKER = "marker-of-a-secret-0123456789"


def _subscribe(hub: str, topic: str, callback: str, **fields: str) -> None:
    form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
    answer = httpx.post(hub, data=form | {f"hub.{name}": value for name, value in fields.items()}, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text


def _wait_for(hub: str, name: str, value: float) -> None:
    def is_reached() -> bool:
        metrics = httpx.get(hub.removesuffix("/hub") + "/metrics", timeout=PATIENCE)
        return f"websubhub_{name} {value}\n" in metrics.text

    until_in_thread(is_reached, lambda: f"{name} did not become {value}")


@pytest.fixture(scope="module")
def subscribers() -> Iterator[Sink]:
    with sink() as sunk:
        yield sunk


@pytest.mark.parametrize("loop", ["asyncio", "trio", "uvloop"])
def test_it_says_when_it_is_ready_and_ends_on_sigterm(loop: str, tmp_path: Path) -> None:
    with served(tmp_path, "--loop", loop) as hub:
        assert hub.url.startswith("http://127.0.0.1:")
        assert not hub.url.endswith(":0/hub")
        assert httpx.get(hub.base + "/ready", timeout=PATIENCE).status_code == 200
        hub.stop()
        assert hub.process.returncode == 0
        assert "Traceback" not in hub.log


def test_it_ends_in_time_although_a_subscriber_hangs(tmp_path: Path, subscribers: Sink) -> None:
    with served(tmp_path, "--delivery-timeout", str(2 * PATIENCE)) as hub:
        topic = "https://topic.example/"
        _subscribe(hub.url, topic, subscribers.callback("hang", 1))
        _wait_for(hub.url, "subscriptions", 1.0)
        httpx.post(
            f"{hub.url}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}", content=b"x", timeout=PATIENCE
        )
        _wait_for(hub.url, "in_flight", 1.0)
        hub.stop()
        assert hub.process.returncode == 0
        assert "Traceback" not in hub.log
    with served(tmp_path) as hub:
        _wait_for(hub.url, "backlog", 1.0)


def test_a_second_process_on_the_same_database_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        second = run("serve", "--port", "0", "--store", f"sqlite:///{tmp_path / 'hub.db'}")
        _assert_refused(second, "hub.db")
        assert httpx.get(hub.base + "/ready", timeout=PATIENCE).status_code == 200


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("serve", "--port", port, "--store", f"sqlite:///{tmp_path / 'hub.db'}")
        _assert_refused(refused, f"Cannot listen on 127.0.0.1 port {port}: address already in use.")


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    _assert_refused(run("serve", "--port", "0", "--store", f"sqlite:///{tmp_path / 'hub.db'}"), "hub.db")
    _assert_refused(run("serve", "--port", "0", "--store", f"sqlite:///{tmp_path / 'no' / 'hub.db'}"), "hub.db")


def _assert_refused(process: "subprocess.CompletedProcess[str]", words: str) -> None:
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith("websubhub: ")
    assert process.stderr.count("\n") == 1
    assert words in process.stderr


@pytest.mark.parametrize("flags", [[], ["--redeliver"], ["--redeliver", "--callback", "https://sub.example/"]])
def test_a_message_that_does_not_exist_is_a_failure(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSUBHUB_ADMIN_TOKEN", ADMIN)
    with served(tmp_path) as hub:
        assert main(["messages", "unknown", *flags, "--hub", hub.url]) == 1
    assert capsys.readouterr().err.startswith("websubhub: The hub refused: There is no such message")


def test_the_commands_publish_and_show_and_operate(
    tmp_path: Path, subscribers: Sink, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSUBHUB_ADMIN_TOKEN", ADMIN)

    def command(*arguments: str) -> str:
        assert main([*arguments, "--hub", hub.url]) == 0
        return capsys.readouterr().out

    with served(tmp_path, "--retry-delays", "0.05") as hub:
        topic = "https://topic.example/"
        good, bad = subscribers.callback("ok", 1), subscribers.callback("fail", 2)
        _subscribe(hub.url, topic, good, secret=MARKER)
        _subscribe(hub.url, topic, bad)
        _wait_for(hub.url, "subscriptions", 2.0)
        content = tmp_path / "content.json"
        content.write_bytes(b'{"a": 1}')
        accepted = command("publish", topic, str(content))
        assert "accepted it" in accepted
        assert "goes to 2 subscriptions." in accepted
        message_id = accepted.split("The message ")[1].split()[0]
        assert "accepted it" in command("publish", topic)
        _wait_for(hub.url, "dead_letters", 1.0)
        assert message_id in command("messages")
        [message] = json.loads(command("messages", "--json", "--topic", topic))
        assert (message["id"], message["delivered"], message["dead"]) == (message_id, 1, 1)
        shown = command("messages", message_id)
        assert "answered 500" in shown
        assert bad in shown
        assert len(json.loads(command("messages", message_id, "--json"))["attempts"]) == 2
        again = command("messages", message_id, "--redeliver", "--callback", good)
        assert again == "Redelivering to 1 subscription.\n"
        [topic_row] = json.loads(command("topics", "--json"))
        assert topic_row["url"] == topic
        assert topic in command("topics")
        rows = json.loads(command("subscriptions", "--json"))
        assert {row["callback"] for row in rows} == {good, bad}
        assert json.loads(command("subscriptions", "--json", "--topic", "https://another.example/")) == []
        assert json.loads(command("deliveries", "--json"))["statistics"]["dead_letters"] == 1
        assert "dead letters" in command("deliveries")
        [letter] = json.loads(command("dead-letters", "--json"))
        assert letter["callback"] == bad
        assert command("dead-letters", "replay", str(letter["id"])) == "1 replayed.\n"
        _wait_for(hub.url, "dead_letters", 1.0)
        assert main(["dead-letters", "drop", "--hub", hub.url]) == 2
        assert "--all" in capsys.readouterr().err
        assert main(["dead-letters", "replay", "4711", "--hub", hub.url]) == 1
        output = capsys.readouterr()
        assert (output.out, "4711" in output.err) == ("0 replayed.\n", True)
        assert json.loads(command("dead-letters", "--json", "--reason", "no such reason")) == []
        assert command("dead-letters", "drop", "--topic", "https://another.example/") == "0 dropped.\n"
        assert " UTC" in command("dead-letters")
        assert json.loads(command("dead-letters", "drop", "--all", "--json")) == {"dropped": 1, "unknown": []}
        assert json.loads(command("dead-letters", "--json")) == []
        assert MARKER not in hub.log


def test_a_hub_that_is_not_there_is_a_sentence_and_one_that_refuses_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBSUBHUB_ADMIN_TOKEN", raising=False)
    with held_port() as port:
        gone = f"http://127.0.0.1:{port}/hub"
        assert main(["topics", "--hub", gone]) == 2
        assert "cannot be reached" in capsys.readouterr().err
        assert main(["publish", "https://topic.example/", "--hub", gone]) == 1
        assert "could not be reached" in capsys.readouterr().err
    with served(tmp_path, "--publisher-token", MARKER) as hub:
        assert main(["topics", "--hub", hub.url]) == 2
        assert "a valid admin token is needed" in capsys.readouterr().err
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"content")))
        assert main(["publish", "https://topic.example/", "-", "--hub", hub.url, "--content-type", "text/plain"]) == 1
        assert "a valid publisher token is needed" in capsys.readouterr().err


@pytest.mark.threat("LI-1", "LI-2", "SEC-1", "CAP-2", "SEC-2")
def test_the_log_is_json_line_by_line_and_tells_no_secret(tmp_path: Path, subscribers: Sink) -> None:
    environment = {"WEBSUBHUB_ADMIN_TOKEN": MARKER + "a", "WEBSUBHUB_PUBLISHER_TOKEN": MARKER + "p"}
    arguments = ("--log-format", "json", "--log-level", "debug", "--retry-delays", "0.05", "--delivery-timeout", "1")
    with served(tmp_path, *arguments, environment=environment) as hub:
        topic = subscribers.url + "/topic%0Awith-a-newline"
        for kind in ("ok", "fail", "hang", "garbage", "reset"):
            _subscribe(hub.url, topic, subscribers.callback(kind, 1) + f"?{MARKER}c", secret=MARKER + "s")
        _wait_for(hub.url, "subscriptions", 5.0)
        headers = {"Authorization": f"Bearer {MARKER}p"}
        published = f"{hub.url}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
        assert httpx.post(published, content=b"x", headers=headers, timeout=PATIENCE).status_code == 200
        httpx.post(hub.url, data={"hub.mode": "publish", "hub.url": topic}, timeout=PATIENCE)
        httpx.post(
            hub.url, data={"hub.mode": "publish"}, headers={"Authorization": f"Bearer {MARKER}x"}, timeout=PATIENCE
        )
        _wait_for(hub.url, "dead_letters", 8.0)
        everything = httpx.get(hub.base + "/metrics", timeout=PATIENCE).text
        for path in ("topics", "subscriptions", "deliveries", "dead-letters", "hosts", "statistics"):
            answer = httpx.get(
                f"{hub.base}/admin/{path}", headers={"Authorization": f"Bearer {MARKER}a"}, timeout=PATIENCE
            )
            assert answer.status_code == 200
            everything += answer.text
        hub.stop()
        lines = [json.loads(line) for line in hub.log.splitlines()]
    assert lines
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert all("\n" not in line["message"] for line in lines)
    for kind in "aps":
        assert MARKER + kind not in hub.log + everything
    assert MARKER + "c" not in hub.log, "callbacks are capabilities"


def test_the_doctor_says_what_works_and_what_does_not(tmp_path: Path, subscribers: Sink) -> None:
    store = ("--store", f"sqlite:///{tmp_path / 'hub.db'}")
    with served(tmp_path) as hub:
        here = ("--public-url", hub.url)
        well = run("doctor", *store, *here, "--callback", subscribers.callback("ok", 1))
        assert well.returncode == 0, well.stdout + well.stderr
        assert well.stdout.count("ok  ") == 4
        assert "in use by a running hub" in well.stdout
        unasked = ("--callback", subscribers.callback("refuse", 1))
        right = run("doctor", *store, *here, *unasked, "--topic", f"{hub.base}/health")
        assert right.returncode == 0, right.stdout
        assert "note the callback responds and rightly does not confirm" in right.stdout
        assert "note the topic serves" in right.stdout
        ill = run("doctor", *store, *here, *unasked, "--topic", f"{hub.base}/health", "--validate-topics")
        assert ill.returncode == 1
        assert "FAIL the topic serves" in ill.stdout
    gone = run("doctor", *store, *here)
    assert gone.returncode == 1
    assert "is intact, with 0 subscriptions" in gone.stdout
    assert "FAIL the hub's public URL" in gone.stdout


def test_an_accepted_request_is_verified_after_a_kill(tmp_path: Path, subscribers: Sink) -> None:
    topic = "https://topic.example/"
    with served(tmp_path) as hub:
        _subscribe(hub.url, topic, subscribers.callback("slow", 1))
        _subscribe(hub.url, topic, subscribers.callback("slow", 2))
        hub.kill()
    with served(tmp_path) as hub:
        _wait_for(hub.url, "subscriptions", 2.0)
