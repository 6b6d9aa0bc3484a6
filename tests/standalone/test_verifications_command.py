"""``websubhub verifications`` over a hub whose subscribers do not confirm."""

import json
from typing import Any

import anyio.to_thread
import pytest

from tests.standalone.hub import ADMIN, World, world
from websubhub.standalone.command.cli import main

TOPIC = "https://example.com/feed"


class Asked:
    """Runs the command beside a hub."""

    def __init__(self, hub: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._hub = hub
        self._capsys = capsys

    async def run(self, *words: str) -> tuple[int, str, str]:
        """The status, what was printed, and what was complained of."""
        arguments = ["verifications", *words, "--hub", self._hub.hub, "--token", ADMIN]
        status = await anyio.to_thread.run_sync(main, arguments)
        return status, *self._capsys.readouterr()

    async def rows(self, *words: str) -> list[dict[str, Any]]:
        """The rows that it prints as JSON."""
        status, printed, complained = await self.run(*words, "--json")
        assert (status, complained) == (0, "")
        found: list[dict[str, Any]] = json.loads(printed)
        return found


async def test_verifications_are_listed_retried_and_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    async with world() as hub:
        asked = Asked(hub, capsys)
        for path, status in (("/busy", 503), ("/refuses", 404)):
            hub.site(path).status = status
            await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + path)
        while not (given_up := await asked.rows("--given-up")):
            pass
        assert [(each["callback"], each["status"]) for each in given_up] == [(hub.peers + "/refuses", 404)]
        assert await asked.rows("--given-up", "--host", "other.example") == []
        while not any(each["attempts"] for each in await asked.rows()):
            pass
        [pending] = await asked.rows("--host", hub.peers.removeprefix("http://"))
        assert pending["callback"] == hub.peers + "/busy"
        assert "503" in pending["reason"]
        assert await asked.rows("--host", "other.example") == []
        assert "answered 503" in (await asked.run())[1]
        assert await asked.run("retry", pending["id"]) == (0, "1 retried.\n", "")
        status, printed, complained = await asked.run("drop", "nothing", "--json")
        assert (status, json.loads(printed)) == (1, {"dropped": 0, "unknown": ["nothing"]})
        assert "nothing" in complained
        assert (await asked.run("drop", "--all"))[:2] == (0, "1 dropped.\n")
        assert await asked.rows() == []


@pytest.mark.parametrize(
    "words",
    [("drop",), ("retry",), ("drop", "1", "--all"), ("drop", "1", "--host", "a.example"), ("drop", "--given-up")],
)
async def test_what_is_meant_must_be_said(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    async with world() as hub:
        status, printed, complained = await Asked(hub, capsys).run(*words)
        assert (status, printed) == (2, "")
        assert complained.startswith("websubhub: ")
        assert complained.count("\n") == 1
