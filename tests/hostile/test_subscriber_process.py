"""``websubsub listen`` in a process of its own: what strangers send to its callback changes nothing."""

import base64
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from _websub.grammar.signature import sign
from tests.hostile.hosts import exchange
from tests.waiting import PATIENCE, until
from tests.websub.test_smuggling import CASES, statuses_of
from tests.websubsub.hub import ScriptedHub
from tests.websubsub.test_cli import Listening, listen
from tests.websubsub.test_listener import hub_at

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def anyio_backend() -> str:
    """The program that is attacked runs on asyncio, whatever runs the test."""
    return "asyncio"


def _forgeries(secret: str, body: bytes) -> list[list[tuple[str, str]]]:
    good = sign("sha256", secret, body)
    bad = sign("sha256", "another", body)
    name = "X-Hub-Signature"
    return [
        [],
        [(name, "")],
        [(name, good), (name, bad)],
        [(name, bad), (name, good)],
        [(name, f"{good}, {bad}")],
        [(name, bad)],
        [(name, good[:-1])],
        [(name, good.upper())],
        [(name, "md5=" + "0" * 32)],
        [(name, "sha256=" + "g" * 64)],
        [(name, sign("sha256", secret, body + b"x"))],
        [("X-Hub-Signature-256", good)],
    ]


async def _forge(client: httpx.AsyncClient, callback: str, secret: str) -> None:
    for headers in _forgeries(secret, b"forged"):
        answer = await client.post(callback, content=b"forged", headers=[*headers, ("Content-Type", "text/plain")])
        assert answer.status_code == 403
    too_large = await client.post(
        callback, content=b"x" * 11_000_000, headers={"X-Hub-Signature": "sha256=" + "0" * 64}
    )
    assert too_large.status_code == 413


async def _impersonate(client: httpx.AsyncClient, callback: str, topic: str) -> None:
    guessed = callback[:-1] + ("A" if callback[-1] != "A" else "B")
    for url, mode, about, challenge in (
        (guessed, "subscribe", topic, "abc"),
        (guessed, "denied", topic, ""),
        (guessed, "unsubscribe", topic, "abc"),
        (callback, "subscribe", "https://other.example/", "abc"),
        (callback, "unsubscribe", topic, "abc"),
        (callback, "denied", "https://other.example/", ""),
        (callback, "subscribe", topic, SCRIPT),
        (callback, "subscribe", topic, "x" * 600),
    ):
        fields = {"hub.mode": mode, "hub.topic": about, "hub.challenge": challenge, "hub.lease_seconds": "9"}
        answer = await client.get(url, params=fields)
        assert answer.status_code == 404, (mode, about)
        assert challenge not in answer.text or not challenge
    assert (await client.post(guessed, content=b"x")).status_code == 404
    endless = urlencode({"hub.mode": "denied", "hub.topic": topic, "hub.reason": "x" * 1_000_000})
    head = f"GET {urlsplit(callback).path}?{endless} HTTP/1.1\r\nHost: {urlsplit(callback).netloc}\r\n\r\n"
    answered = exchange(urlsplit(callback).port or 0, head.encode(), patience=PATIENCE)
    assert statuses_of(answered) in ([431], [0])


def _smuggle(callback: str) -> dict[str, list[int]]:
    wrong = {}
    for case, (request, expected) in CASES.items():
        answered = statuses_of(exchange(urlsplit(callback).port or 0, request, patience=PATIENCE))
        if [200 if status in {404, 405} else status for status in answered] != expected:
            wrong[case] = answered
    return wrong


@pytest.mark.threat("SIG-2", "SIG-3", "SIG-4", "SIG-6", "SIG-8", "CAP-4", "CAP-5", "CH-5", "CH-6", "BODY-1")
@pytest.mark.threat("SMG-1", "SMG-8", "SMG-9", "SMG-14", "SMG-15", "CAP-2", "SEC-1")
async def test_what_strangers_send_changes_nothing(free_port: int) -> None:
    async with hub_at(free_port) as hub:
        links = f'<http://127.0.0.1:{free_port}/hub>; rel="hub", </feed>; rel="self"'
        hub.pages["/feed"] = (200, {"Link": links})
        async with listen(f"http://127.0.0.1:{free_port}/feed", "--port", "0") as listening:
            await listening.until("subscribed")
            await _attack(hub, listening)
            listening.process.terminate()
            assert await listening.process.wait() == 0


async def _attack(hub: ScriptedHub, listening: Listening) -> None:
    asked = hub.asked[-1]
    secret = asked.fields["hub.secret"]
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        await _forge(client, asked.callback, secret)
        await _impersonate(client, asked.callback, asked.fields["hub.topic"])
    assert _smuggle(asked.callback) == {}
    assert (await hub.deliver(asked.callback, b"true", secret=secret)).is_success
    await until(lambda: "notification" in listening.kinds())
    assert [kind for kind in listening.kinds() if kind not in {"rejected", "refused"}] == ["subscribed", "notification"]
    assert listening.kinds().count("rejected") == len(_forgeries(secret, b"")) + 1, "and the one that was too large"
    assert base64.b64decode(listening.events[-1]["body_base64"]) == b"true"
    printed = str(listening.events) + listening.errors
    assert secret not in printed
    assert urlsplit(asked.callback).path.rpartition("/")[2] not in printed
