"""What ``websubsub listen`` offers to people: any hub and topic, readable lines, files, commands, other servers."""

import argparse
import os
import pty
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from _websub.server.serving import Binding
from _websub.server.serving import serve as serve_app
from tests.waiting import until
from tests.websubsub.hub import ScriptedHub
from tests.websubsub.test_cli import listen, run
from tests.websubsub.test_listener import hub_at
from websubsub import ContentDistributionMessage, cli
from websubsub._command.output import TextLines
from websubsub._command.sinks import Execute, Save, environment
from websubsub._errors import AnsweredError

TOPIC = "https://pub.example/feed"


@pytest.fixture
def anyio_backend() -> str:
    """The programs that are tested run on asyncio, whatever runs the test."""
    return "asyncio"


@pytest.fixture
async def hub(free_port: int) -> AsyncIterator[ScriptedHub]:
    async with hub_at(free_port) as hub:
        hub.pages["/self"] = (200, {"Link": '</self>; rel="self"'})
        hub.pages["/hub-only"] = (200, {"Link": '</hub>; rel="hub"'})
        hub.pages["/wrong"] = (200, {"Link": '<https://dead.example/>; rel="hub", </other>; rel="self"'})
        yield hub


@pytest.fixture
def base(free_port: int) -> str:
    return f"http://127.0.0.1:{free_port}"


@pytest.mark.parametrize(
    ("page", "options", "topic"),
    [
        (None, ["--hub", "BASE/hub", "--topic", TOPIC], TOPIC),
        ("/self", ["--hub", "BASE/hub"], "BASE/self"),
        ("/hub-only", ["--topic", TOPIC], TOPIC),
        ("/wrong", ["--hub", "BASE/hub"], "BASE/other"),
        ("/wrong", ["--hub", "BASE/hub", "--topic", TOPIC], TOPIC),
        ("/nothing-is-there", ["--hub", "BASE/hub", "--topic", TOPIC], TOPIC),
    ],
)
async def test_what_a_page_does_not_say_can_be_said(
    hub: ScriptedHub, base: str, page: str | None, options: list[str], topic: str
) -> None:
    arguments = [*([base + page] if page else []), *(each.replace("BASE", base) for each in options)]
    async with listen(*arguments, "--port", "0") as listening:
        await listening.until("subscribed")
    assert hub.asked[0].fields["hub.topic"] == topic.replace("BASE", base)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--hub", "https://hub.example/"], "both --hub and --topic"),
        (["--topic", TOPIC], "both --hub and --topic"),
        (["--hub", "hub.example", "--topic", TOPIC], "--hub must start with http"),
        ([TOPIC, "--topic", "x"], "--topic must start with http"),
        ([TOPIC, "--exec", "'"], "--exec cannot be read"),
        ([TOPIC, "--exec", " "], "--exec needs a command"),
        ([TOPIC, "--forward-to", "localhost:80"], "--forward-to must start with http"),
        ([TOPIC, "--save", "/dev/null/x"], "--save /dev/null/x cannot be used"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["listen", *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert complaint in shown.err


@pytest.mark.parametrize("header", ["nothing", ": x", "A b: c", "A: b\nC: d", "Ä: b"])
def test_a_header_that_is_none_is_a_mistake(header: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        cli._header(header)


async def test_a_final_denial_ends_with_1_and_says_so(hub: ScriptedHub, base: str) -> None:
    hub.verifies = False
    async with listen("--hub", f"{base}/hub", "--topic", TOPIC, "--port", "0") as listening:
        await until(lambda: hub.asked)
        await hub.tell(hub.asked[0].callback, {"hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "no"})
        with anyio.fail_after(60):
            assert await listening.process.wait() == 1
        await until(lambda: listening.errors.endswith("\n"))
    assert listening.errors == "websubsub: The hub denied the subscription.\n"
    assert listening.kinds() == ["denied", "failed"]


async def test_a_dead_resource_is_told_of_once_with_the_next_try(hub: ScriptedHub, base: str) -> None:
    hub.pages["/dead"] = (503, {})
    async with listen(f"{base}/dead", "--port", "0") as listening:
        await until(lambda: listening.events)
        await anyio.sleep(4)
    assert listening.kinds() == ["failed"]
    assert listening.events[0]["next_try"].endswith("Z")


# --- what becomes of deliveries


async def deliver(hub: ScriptedHub, body: bytes = b"hello", **headers: str) -> int:
    asked = hub.asked[0]
    return (await hub.deliver(asked.callback, body, secret=asked.fields["hub.secret"], **headers)).status_code


async def test_deliveries_are_saved(hub: ScriptedHub, base: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    async with listen("--hub", f"{base}/hub", "--topic", TOPIC, "--port", "0", "--save", str(folder)) as listening:
        await listening.until("subscribed")
        for body in (b"one", b"two", b"three"):
            assert await deliver(hub, body) == 202
    files = sorted(folder.iterdir())
    assert sorted(file.read_bytes() for file in files) == [b"one", b"three", b"two"]
    assert all("pub-example-feed" in file.name and file.suffix == ".txt" for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


async def test_a_command_gets_body_and_headers_and_its_failure_is_answered_500(
    hub: ScriptedHub, base: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    out = tmp_path / "out"
    script.write_text(
        "import os, sys\n"
        f"open({str(out)!r}, 'a').write(sys.stdin.read() + '|' + os.environ['WEBSUB_TOPIC'] + '|'"
        " + os.environ['HTTP_X_NOTE'] + '|' + os.environ['CONTENT_TYPE'] + '|' + sys.argv[1])\n"
        "print('to stderr')\n"
        "sys.exit(os.environ['HTTP_X_NOTE'] == 'fail')\n"
    )
    command = f"{sys.executable} {script} '; rm -rf $HOME'"
    async with listen("--hub", f"{base}/hub", "--topic", TOPIC, "--port", "0", "--exec", command) as listening:
        await listening.until("subscribed")
        assert await deliver(hub, X_Note="$(id)") == 202
        assert out.read_text() == f"hello|{TOPIC}|$(id)|text/plain|; rm -rf $HOME"
        assert await deliver(hub, X_Note="fail") == 500
        await listening.until("subscribed", "notification", "notification")


async def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(AnsweredError):
        await Execute(f"{sys.executable} -c 'import time; time.sleep(1000)'", seconds=0.2)(message())


async def test_a_command_that_reads_nothing_is_fine() -> None:
    await Execute("true")(message(body=b"x" * 1_000_000))


def test_a_header_cannot_set_what_programs_believe_in() -> None:
    variables = environment(message(headers=[("Proxy", "http://evil"), ("LD_PRELOAD", "x"), ("A", "1"), ("a", "2")]))
    assert "HTTP_PROXY" not in variables
    assert variables["HTTP_LD_PRELOAD"] == "x"
    assert variables["HTTP_A"] == "1, 2"
    assert "LD_PRELOAD" not in variables


@pytest.mark.parametrize(("answer", "status"), [(200, 202), (404, 404), (503, 503), (302, 502), (None, 502)])
async def test_deliveries_are_forwarded_and_the_answer_counts(
    hub: ScriptedHub, base: str, answer: int | None, status: int
) -> None:
    got: list[tuple[dict[bytes, bytes], bytes]] = []

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        got.append((dict(scope["headers"]), (await receive())["body"]))
        await send({"type": "http.response.start", "status": answer, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    urls: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: serve_app(app, Binding(port=0, graceful_seconds=0), ready=urls.append))
        await until(lambda: urls)
        place = f"{urls[0]}/in?a=1" if answer else "http://127.0.0.1:9/"
        options = ["--hub", f"{base}/hub", "--topic", TOPIC, "--port", "0", "--forward-to", place]
        async with listen(*options) as listening:
            await listening.until("subscribed")
            assert await deliver(hub, X_Note="a", Content_Encoding="br") == status
            await listening.until("subscribed", "notification")
            assert await deliver(hub, b"again") == status
        tasks.cancel_scope.cancel()
    if answer:
        headers, body = got[0]
        assert (body, headers[b"x-note"], headers[b"content-encoding"]) == (b"hello", b"a", b"br")
        assert headers[b"x-hub-signature"].startswith(b"sha256=")
        assert headers[b"host"].decode() == urls[0].partition("://")[2]


async def test_a_file_is_never_written_over_and_its_name_is_safe(tmp_path: Path) -> None:
    save = Save(tmp_path)
    for _ in range(3):
        await save(message(topic="https://pub.example/../../etc/passwd?" + "ä/" * 900))
    names = [file.name for file in tmp_path.iterdir()]  # noqa: ASYNC240 - a handful of files
    assert len(names) == 3
    assert all(len(name) < 120 and name.replace("-", "").replace(".", "").isalnum() for name in names)


# --- lines for people


def message(**fields: Any) -> ContentDistributionMessage:
    chosen: dict[str, Any] = {"hub": "https://hub.example/", "topic": TOPIC, "body": b"x", "content_type": "text/plain"}
    return ContentDistributionMessage(**chosen | fields)


def shown(capsys: pytest.CaptureFixture[str], *messages: ContentDistributionMessage) -> list[str]:
    lines = TextLines(lambda: 0.0)
    for each in messages:
        lines.notification(each)
    return [line.partition("  ")[2] for line in capsys.readouterr().out.splitlines()]


def test_a_text_is_shown_by_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    body = b"\n  It rains.\x1b[31m\x07\nMore."
    [line] = shown(capsys, message(body=body))
    assert line == f"notification  {TOPIC}  text/plain  {len(body)} B  It rains. [31m "


def test_a_feed_is_shown_by_the_titles_of_its_new_entries(capsys: pytest.CaptureFixture[str]) -> None:
    def feed(*numbers: int) -> ContentDistributionMessage:
        entries = "".join(f"<entry><id>{n}</id><title>No. {n}</title></entry>" for n in numbers)
        body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>{entries}</feed>'.encode()
        return message(body=body, content_type="application/atom+xml; charset=utf-8")

    lines = shown(capsys, feed(2, 1), feed(3, 2, 1), feed(9, 8, 7, 6, 5), feed(9))
    assert [line.split("  ")[4:] for line in lines] == [
        ["No. 2; No. 1"],
        ["No. 3"],
        ["No. 9; No. 8; No. 7; 2 more"],
        [],
    ]


@pytest.mark.parametrize("content_type", ["application/xml", "image/png", "", "text/plain; charset=nonsense"])
def test_what_cannot_be_read_is_shown_without_its_content(
    capsys: pytest.CaptureFixture[str], content_type: str
) -> None:
    [line] = shown(capsys, message(body=b"\xff<", content_type=content_type))
    assert line.split("  ")[3] == "2 B"


async def test_a_terminal_gets_lines_and_json_where_that_is_asked_for(hub: ScriptedHub, base: str) -> None:
    command = [sys.executable, "-m", "websubsub.cli", "listen", "--hub", f"{base}/hub", "--topic", TOPIC]
    for number, (options, start) in enumerate([([], b""), (["--json"], b'{"event"')]):
        ours, theirs = pty.openpty()
        async with await anyio.open_process([*command, "--port", "0", *options], stdout=theirs) as process:
            os.close(theirs)
            try:
                await until(lambda count=number: len(hub.verifications) > count)  # type: ignore[misc]
                text = await anyio.to_thread.run_sync(os.read, ours, 1000)
            finally:
                process.kill()
        os.close(ours)
        assert text.startswith(start)
        assert (b"subscribed  " + TOPIC.encode() in text) is not bool(options)


async def test_a_private_feed_is_discovered_with_a_header_of_ones_own(free_port: int) -> None:
    seen: list[dict[bytes, bytes]] = []

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        seen.append(dict(scope["headers"]))
        away = scope["path"] == "/away"
        location = f"http://localhost:{free_port}/feed".encode()
        links = b'<https://hub.example/>; rel="hub", </feed>; rel="self"'
        pairs = [(b"location", location)] if away else [(b"link", links)]
        await send({"type": "http.response.start", "status": 302 if away else 200, "headers": pairs})
        await send({"type": "http.response.body", "body": b""})

    ready = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            lambda: serve_app(app, Binding(port=free_port, graceful_seconds=0), ready=lambda _: ready.set())
        )
        await ready.wait()
        header = ["--header", "Authorization: Bearer s3cret", "--header", "Accept-Language: de"]
        for path in ("/feed", "/away"):
            status, _, _ = await run("discover", f"http://127.0.0.1:{free_port}{path}", *header)
            assert status == 0
        tasks.cancel_scope.cancel()
    assert [each.get(b"authorization") for each in seen] == [b"Bearer s3cret", b"Bearer s3cret", None]
    assert [each.get(b"accept-language") for each in seen] == [b"de", b"de", b"de"]
