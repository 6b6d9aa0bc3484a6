"""``websubhub export`` and ``websubhub import`` as people run them."""

import os
import pty
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.standalone.process import COMMAND, run, served
from tests.standalone.sink import Sink, sink
from tests.waiting import PATIENCE, until_in_thread

TOPIC = "https://topic.example/"


def _metric(base: str, line: str) -> None:
    def is_there() -> bool:
        return line in httpx.get(f"{base}/metrics", timeout=PATIENCE).text.splitlines()

    until_in_thread(is_there, lambda: f"never came: {line}")


def _subscribe(url: str, subscribers: Sink, kind: str, number: int) -> str:
    callback = subscribers.callback(kind, number)
    form = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": callback, "hub.secret": "s3cret-of-the-test"}
    assert httpx.post(url, data=form, timeout=PATIENCE).status_code == 202
    return callback


def _publish(url: str, content: bytes) -> None:
    where = {"hub.mode": "publish", "hub.topic": TOPIC}
    assert httpx.post(url, params=where, content=content, timeout=PATIENCE).is_success


def test_a_hub_moves_and_what_it_still_owes_is_drained_or_counted(tmp_path: Path) -> None:
    old, new = (f"sqlite:///{tmp_path / name}" for name in ("old.db", "new.db"))
    file, passphrase = tmp_path / "hub.export", tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple\nanother line\n")
    log = tmp_path / "arrivals"
    with sink(str(log)) as subscribers:
        with served(tmp_path, "--store", old, "--retry-delays", "3600") as hub:
            _subscribe(hub.url, subscribers, "ok", 1)
            _subscribe(hub.url, subscribers, "hang", 2)
            _metric(hub.base, "websubhub_subscriptions 2.0")
            running = run("export", str(file), "--store", old)
            assert running.returncode == 2
            assert "Another process has the database" in running.stderr
            assert not file.exists()
            hub.stop()
        flags = ("--passphrase-file", str(passphrase))
        done = run("export", str(file), "--store", old, "--port", "8080", "--drain", "0.1", *flags)
        assert done.returncode == 0, done.stderr
        assert "Exported 1 topic, 2 subscriptions" in done.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"s3cret-of-the-test" not in file.read_bytes()

        assert "already exists" in run("export", str(file), "--store", old).stderr
        assert "is encrypted" in run("import", str(file), "--store", new).stderr
        assert not (tmp_path / "new.db").exists()
        done = run("import", str(file), "--store", new, *flags)
        assert (done.returncode, done.stdout) == (0, "")
        assert "Imported 1 topic, 2 subscriptions" in done.stderr
        with served(tmp_path, "--store", new, "--delivery-timeout", "0.5", "--retry-delays", "3600") as hub:
            _publish(hub.url, b"to the new one")
            until_in_thread(lambda: "/ok/1" in log.read_text(), log.read_text)
            _metric(hub.base, "websubhub_backlog 1.0")
            hub.stop()
        left = run("export", "-", "--store", new)
        assert "1 delivery is still waiting and not in the file" in left.stderr
        assert b"s3cret-of-the-test" in left.stdout.encode()


def test_secrets_are_not_written_to_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "export", "-", "--store", f"sqlite:///{tmp_path / 'hub.db'}"],
            stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert "not written to a terminal" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "{folder}/no/such.export"), "cannot be written: no such file"),
        (("export", "{folder}/new.export", "--passphrase-file", "{folder}/none"), "cannot be read: no such file"),
        (("export", "{folder}/new.export", "--passphrase-file", "{folder}/empty"), "must be a passphrase"),
        (("export", "{folder}/new.export", "--drain", "soon"), "must be a number of seconds"),
        (("import", "{folder}/none"), "cannot be read: no such file"),
        (("import", "{folder}"), "cannot be read: is a directory"),
        (("import", "{folder}/empty"), "was not written by websubhub export"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_file(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    words = [word.format(folder=tmp_path) for word in arguments]
    done = run(*words, "--store", f"sqlite:///{tmp_path / 'hub.db'}")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new.export").exists()
