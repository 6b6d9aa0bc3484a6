"""The examples in the docstrings of the names that are used most: each is a program, which runs as it stands.

Hooks stand alone there, without the class that they belong to; here they join the hub of the README, or a subscriber.
"""

import logging
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import attrs
import pytest

import websubhub
import websubsub
from docs.generate import docstrings
from tests.documents import ROOT, blocks
from tests.ports import held_ports
from tests.waiting import until, until_in_thread
from websubhub import Advertiser, AppListener, Binding, HubConfig, testing

HUB_NAMES = """
    Acknowledgement Advertiser ContentDeliveryError ContentDistributionMessage ContentDistributor HubClient HubConfig
    HubListener HubService MessageType PublisherClient Recipient RetryPolicy Subscription SubscriptionAccepted
    SubscriptionDeletedError SubscriptionDeniedError TopicDeregistrationSuccess TopicRegistration TopicRegistrationError
    TopicRegistrationSuccess UpdateMessage UpdateMessageError VerifiedSubscription VerifiedUnsubscription asgi
    feed_links run serve url_identity
""".split()
SUBSCRIBER_NAMES = """
    ContentDistributionMessage DiscoveryClient SubscriberConfig SubscriberListener SubscriberService SubscriptionClient
    Target asgi run serve
""".split()
NAMES = [
    *((websubhub, name) for name in HUB_NAMES),
    *((websubsub, name) for name in SUBSCRIBER_NAMES),
    (testing, "InMemoryWeb"),
]

#: The hub of the README, which the examples call by the name of its file.
README_HUB = next(block.content for block in blocks((ROOT / "README.md").read_text()) if "class Hub(" in block.content)
HOOK = re.compile(r"^async def (on_\w+)", re.MULTILINE)
ENDLESS = re.compile(r"\b(?:serve\(|sleep_forever)")


@attrs.frozen
class Example:
    """A program in a docstring."""

    package: ModuleType
    name: str

    @property
    def code(self) -> str:
        said = docstrings.read(getattr(self.package, self.name)).example
        return "\n".join(block.content for block in blocks(said) if block.info == "python")

    def __str__(self) -> str:
        return f"{self.package.__name__}.{self.name}"


EXAMPLES = [Example(package, name) for package, name in NAMES]


def only(pattern: re.Pattern[str]) -> list[Example]:
    return [each for each in EXAMPLES if pattern.search(each.code)]


RUNNING = only(re.compile(r"^run\(", re.MULTILINE))
SERVING = only(ENDLESS)
HOOKS = only(HOOK)
OTHERS = [each for each in EXAMPLES if each not in (*RUNNING, *SERVING, *HOOKS)]


@pytest.fixture
def anyio_backend() -> str:
    """Examples start event loops of their own, on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def hub_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("hub")
    exec(README_HUB, vars(module))  # noqa: S102 - a program of ours
    monkeypatch.setitem(sys.modules, "hub", module)
    return module


def test_the_most_used_names_have_examples() -> None:
    assert len(EXAMPLES) >= 40
    assert [str(example) for example in EXAMPLES if not example.code.strip()] == []
    assert {len(RUNNING), len(SERVING)} == {2, 4}
    assert len(HOOKS) >= 12


async def page(_: object, __: object, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<h1>News</h1>"})


async def gone(_: object, __: object, send: Any) -> None:
    await send({"type": "http.response.start", "status": 410, "headers": []})
    await send({"type": "http.response.body", "body": b""})


#: Addresses in the examples that are served here, all below one address of loopback.
SERVED = re.compile(r"https://(?:hub\.|subscriber\.)?example\.com(?=/(?:hub|feed|callback|down|gone)\b)")


@asynccontextmanager
async def internet(hub: Any) -> AsyncIterator[Callable[[str], str]]:
    """The servers that the examples talk to. Returns what writes their address into the code of an example."""
    down = testing.RecordingSubscriber()
    down.statuses = [503]
    async with AppListener(Binding(port=0)) as listener:
        apps: dict[str, Any] = {"/callback": testing.RecordingSubscriber(), "/down": down, "/gone": gone}
        for path, app in apps.items():
            listener.attach(path, app, nullcontext())
        listener.reserve("/hub", lambda base: websubhub.asgi(hub, HubConfig(url=f"{base}/hub")))
        listener.reserve("/feed", lambda base: nullcontext(advertised(base)))
        base = await listener.start()
        yield lambda code: SERVED.sub(base, code)


def advertised(base: str) -> Advertiser:
    return Advertiser(page, hubs=[f"{base}/hub"], topic=lambda path: f"{base}{path}")


@pytest.mark.parametrize("example", OTHERS, ids=str)
async def test_an_example_runs(example: Example, hub_module: ModuleType) -> None:
    async with internet(hub_module.Hub()) as here:
        program = compile(here(example.code), str(example), "exec")
        await anyio.to_thread.run_sync(exec, program, {"__name__": "example"})


@pytest.mark.parametrize("example", SERVING, ids=str)
async def test_an_example_serves(example: Example, free_port: int, hub_module: ModuleType) -> None:
    before, main, rest = re.sub(r"\b808[01]\b", str(free_port), example.code).partition("anyio.run(main)")
    assert main
    assert not rest.strip()
    async with internet(hub_module.Hub()) as here:
        names: dict[str, Any] = {"__name__": "example"}
        exec(compile(here(before), str(example), "exec"), names)  # noqa: S102 - a program of ours
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(names["main"])
            await until(partial(is_open, free_port))
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("example", HOOKS, ids=str)
async def test_a_hook_of_an_example_is_called(
    example: Example, hub_module: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(example.code, str(example), "exec"), names)  # noqa: S102 - a program of ours
    called = []

    def counted(name: str) -> Any:
        async def hook(self: Any, message: Any) -> Any:
            called.append(name)
            return await names[name](self, message)

        return hook

    hooks = {name: counted(name) for name in HOOK.findall(example.code)}
    web = testing.InMemoryWeb()
    web["subscriber.example"] = testing.RecordingSubscriber()
    if example.package is websubhub:
        hub = type("Example", (hub_module.Hub,), hooks)(web.client())
        await ask_for_everything(web, websubhub.asgi(hub, HubConfig(url="https://hub.example/"), client=web.client()))
    else:
        await deliver_once(web, type("Example", (websubsub.SubscriberService,), hooks)())
    assert set(called) == hooks.keys()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def ask_for_everything(web: testing.InMemoryWeb, app: Any) -> None:
    """Send a hub one request for each of its hooks."""
    web["hub.example"] = app
    topic, callback = "https://example.com/feed", "https://subscriber.example/callback"
    async with web.client() as client:
        for mode in ("register", "subscribe", "unsubscribe", "deregister"):
            fields = {"hub.mode": mode, "hub.topic": topic, "hub.callback": callback, "hub.secret": "s3cret"}
            assert (await client.post("https://hub.example/", data=fields)).status_code < 500
        query = {"hub.mode": "publish", "hub.topic": topic}
        assert (await client.post("https://hub.example/", params=query, json={"headline": "News"})).status_code < 500
        assert (await client.post("https://hub.example/", data={**query, "hub.url": topic})).status_code < 500


async def deliver_once(web: testing.InMemoryWeb, service: websubsub.SubscriberService) -> None:
    """Subscribe at a hub, confirm and deliver."""
    hub = web["hub.example"] = testing.RecordingHub()
    target = websubsub.Target(hub="https://hub.example/", topic="https://example.com/feed")
    config = websubsub.SubscriberConfig(url="https://reader.example/", targets=target)
    async with websubsub.asgi(service, config, client=web.client()) as app, web.client() as client:
        web["reader.example"] = app
        form = await hub.wait_for_form()
        assert (await testing.verify(client, form)).status_code == 200
        assert (await testing.signed_delivery(client, form, b'{"headline": "News"}')).is_success


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_example_that_runs_a_server_stops_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "hub.py").write_text(README_HUB)
    with held_ports(len(RUNNING)) as ports:
        processes = []
        for example, port in zip(RUNNING, ports, strict=True):
            program = re.sub(r"\b808[01]\b", str(port), example.code)
            program = program.replace("https://example.com/feed", f"http://127.0.0.1:{ports[0]}/feed")
            processes.append(subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE))
        for process, port in zip(processes, ports, strict=True):
            with process:
                until_in_thread(partial(is_open, port), partial(repr, process))
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0, process.stderr and process.stderr.read()
