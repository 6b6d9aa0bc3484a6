"""The command line, in processes of its own: what it prints and how it ends."""

import base64
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from tests.waiting import until
from tests.websubsub.hub import ScriptedHub
from tests.websubsub.test_listener import hub_at
from websubsub import cli

COMMAND = [sys.executable, "-m", "websubsub.cli"]


@pytest.fixture
def anyio_backend() -> str:
    """The programs that are tested run on asyncio, whatever runs the test."""
    return "asyncio"


@attrs.define
class Listening:
    """A running ``websubsub listen``, what it prints read line by line."""

    process: Process
    events: list[dict[str, Any]] = attrs.field(factory=list)
    errors: str = ""

    async def read(self) -> None:
        assert self.process.stdout is not None
        rest = ""
        async for text in TextReceiveStream(self.process.stdout):
            *lines, rest = (rest + text).split("\n")
            self.events += [json.loads(line) for line in lines]

    async def read_errors(self) -> None:
        assert self.process.stderr is not None
        async for text in TextReceiveStream(self.process.stderr):
            self.errors += text

    async def until(self, *kinds: str) -> None:
        await until(lambda: self.kinds() == list(kinds))

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


@asynccontextmanager
async def listen(*arguments: str) -> AsyncIterator[Listening]:
    process = await anyio.open_process([*COMMAND, "listen", *arguments])
    async with process, anyio.create_task_group() as tasks:
        listening = Listening(process)
        tasks.start_soon(listening.read)
        tasks.start_soon(listening.read_errors)
        try:
            yield listening
        finally:
            if process.returncode is None:
                process.kill()


async def run(*arguments: str) -> tuple[int, str, str]:
    done = await anyio.run_process([*COMMAND, *arguments], check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
async def hub(free_port: int) -> AsyncIterator[ScriptedHub]:
    """A hub that also has a page at /feed."""
    async with hub_at(free_port) as hub:
        links = f'<http://127.0.0.1:{free_port}/hub>; rel="hub", </feed>; rel="self"'
        hub.pages["/feed"] = (200, {"Link": links})
        hub.pages["/nothing"] = (200, {"Content-Type": "text/html"})
        hub.pages["/gone"] = (410, {})
        yield hub


@pytest.fixture
def base(free_port: int) -> str:
    return f"http://127.0.0.1:{free_port}"


# --- discover


@pytest.mark.usefixtures("hub")
async def test_discover_shows_what_a_page_offers(base: str) -> None:
    status, shown, complaint = await run("discover", f"{base}/feed")
    assert (status, complaint) == (0, "")
    assert shown.split() == ["topic", f"{base}/feed", "hub", f"{base}/hub", "source", "header"]


@pytest.mark.usefixtures("hub")
async def test_discover_prints_json(base: str) -> None:
    status, shown, _ = await run("discover", f"{base}/feed", "--json")
    assert status == 0
    assert json.loads(shown) == {"topic": f"{base}/feed", "hubs": [f"{base}/hub"], "source": "header"}


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("path", ["/nothing", "/gone"])
async def test_discover_says_why_there_is_nothing(base: str, path: str) -> None:
    status, shown, complaint = await run("discover", base + path)
    assert (status, shown) == (1, "")
    assert complaint.startswith("websubsub: The resource ")
    assert complaint.count("\n") == 1


# --- listen


async def test_listen_prints_what_happens_and_unsubscribes_at_the_end(hub: ScriptedHub, base: str) -> None:
    async with listen(f"{base}/feed", "--port", "0", "--lease-seconds", "1000") as listening:
        await listening.until("subscribed")
        asked = hub.asked[-1]
        assert asked.fields["hub.lease_seconds"] == "1000"
        secret = asked.fields["hub.secret"]
        assert (await hub.deliver(asked.callback, b"\x00\xff", secret=secret, Content_Type="a/b; c")).is_success
        assert (await hub.deliver(asked.callback, b"x")).status_code == 403
        assert (await hub.deliver(asked.callback, b"y", secret=secret, method="sha1")).is_success
        listening.process.send_signal(signal.SIGTERM)
        assert await listening.process.wait() == 0
        await listening.until("subscribed", "notification", "rejected", "notification", "unsubscribed")
    common = {"topic": f"{base}/feed", "hub": f"{base}/hub"}
    assert listening.events[0] == {"event": "subscribed", **common, "lease_seconds": 864_000}
    body = base64.b64encode(b"\x00\xff").decode()
    assert listening.events[1] == {"event": "notification", **common, "content_type": "a/b; c", "body_base64": body}
    assert listening.events[2] == {"event": "rejected", **common, "reason": "signature missing"}
    assert listening.events[4] == {"event": "unsubscribed", **common}
    assert listening.errors == ""
    assert asked.callback not in str(listening.events)


async def test_ctrl_c_with_keep_leaves_the_subscription_and_the_state_goes_on(
    hub: ScriptedHub, base: str, free_ports: list[int], tmp_path: Path
) -> None:
    state, port = f"sqlite:///{tmp_path}/state.db", str(free_ports[0])
    async with listen(f"{base}/feed", "--port", port, "--state", state, "--keep") as listening:
        await listening.until("subscribed")
        listening.process.send_signal(signal.SIGINT)
        assert await listening.process.wait() == 0
    asked = hub.asked[-1]
    async with listen(f"{base}/feed", "--port", port, "--state", state) as listening:
        await listening.until("resumed")
        assert (await hub.deliver(asked.callback, b"x", secret=asked.fields["hub.secret"])).is_success
        await listening.until("resumed", "notification")
        listening.process.kill()
        await listening.process.wait()
    async with listen(f"{base}/feed", "--port", port, "--state", state) as listening:
        await listening.until("resumed")
        listening.process.terminate()
        assert await listening.process.wait() == 0
    assert [each.mode for each in hub.asked] == ["subscribe", "unsubscribe"]
    assert {each.callback for each in hub.asked} == {asked.callback}


async def test_a_secret_of_ones_own_or_none(hub: ScriptedHub, base: str) -> None:
    async with listen(f"{base}/feed", "--port", "0", "--secret", "mine") as listening:
        await listening.until("subscribed")
    assert hub.asked[-1].fields["hub.secret"] == "mine"
    async with listen(f"{base}/feed", "--port", "0", "--no-secret") as listening:
        await listening.until("subscribed")
    assert "hub.secret" not in hub.asked[-1].fields


async def test_the_public_url_is_what_the_hub_gets(hub: ScriptedHub, base: str) -> None:
    hub.verifies = False
    async with listen(f"{base}/feed", "--port", "0", "--public-url", "https://tunnel.example/a/"):
        await until(lambda: any(each.fields for each in hub.asked))
    assert hub.asked[-1].callback.startswith("https://tunnel.example/a/")


async def test_a_denial_is_printed(hub: ScriptedHub, base: str) -> None:
    async with listen(f"{base}/feed", "--port", "0") as listening:
        await listening.until("subscribed")
        await hub.tell(
            hub.asked[-1].callback, {"hub.mode": "denied", "hub.topic": f"{base}/feed", "hub.reason": "no more"}
        )
        await listening.until("subscribed", "denied")
        listening.process.terminate()
        assert await listening.process.wait() == 0
    assert listening.events[1]["reason"] == "no more"


@pytest.mark.parametrize(
    ("path", "answers", "reason"),
    [
        ("/nothing", [], "names no hub"),
        ("/gone", [], "410"),
        ("/feed", [(404, {})], "answered 404"),
    ],
    ids=["no-hub", "gone", "refused"],
)
async def test_listen_ends_when_it_can_never_succeed(
    hub: ScriptedHub, base: str, path: str, answers: Any, reason: str
) -> None:
    hub.answers = list(answers)
    status, shown, complaint = await run("listen", base + path, "--port", "0")
    assert status == 1
    assert json.loads(shown)["event"] == "failed"
    assert reason in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["discover", "ftp://pub.example/"], "The URL must start with http"),
        (["listen", "pub.example"], "The URL must start with http"),
        (["listen", "https://p.example/", "--state", "file.db"], "Write memory: or sqlite:///FILE"),
        (["listen", "https://p.example/", "--port", "0", "--state", "sqlite:////nowhere/x"], "cannot be used"),
        (["listen", "https://p.example/", "--port", "70000"], "--port must be"),
        (["listen", "https://p.example/", "--lease-seconds", "0"], "--lease-seconds must be"),
        (["listen", "https://p.example/", "--secret", "x" * 200], "shorter than 200 bytes"),
        (["listen", "https://p.example/", "--host", "::"], "set --public-url"),
        (["listen", "https://p.example/", "--host", "203.0.113.1", "--port", "0"], "Cannot listen on 203.0.113.1"),
        (["listen", "https://p.example/", "--public-url", "tunnel"], "must start with http"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_mistake_is_one_sentence(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.usefixtures("hub")
async def test_a_port_that_is_taken_is_a_mistake(base: str, free_port: int) -> None:
    status, shown, complaint = await run("listen", f"{base}/feed", "--port", str(free_port))
    assert (status, shown) == (2, "")
    assert complaint == f"websubsub: Cannot listen on 127.0.0.1:{free_port}: Address already in use.\n"
