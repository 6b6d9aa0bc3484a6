"""Callbacks live below the URL that the user gave, and one that nobody can know is asked for."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import httpx
import pytest

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.waiting import PATIENCE, until
from tests.websubsub.conftest import TOPIC, Recorder
from tests.websubsub.hub import ScriptedHub
from websubsub import SubscriberConfig, SubscriberListener, Target, asgi, cli, run, serve

PUBLIC = "https://me.example.com/websub/"
FOR_OTHERS = ["0.0.0.0", "::", "", "192.0.2.1", "me.example.com"]  # noqa: S104


@pytest.mark.parametrize(
    ("path", "url", "told"),
    [
        (None, None, "{base}/"),
        ("/a", None, "{base}/a/"),
        (None, PUBLIC, PUBLIC),
        ("/a", PUBLIC, PUBLIC),
        ("/", PUBLIC, PUBLIC),
        ("/websub", PUBLIC, PUBLIC),
    ],
    ids=str,
)
async def test_a_listener_keeps_the_url_and_answers_at_the_path(path: str | None, url: str | None, told: str) -> None:
    service = Recorder()
    async with SubscriberListener(0) as listener, httpx.AsyncClient(trust_env=False) as client:
        listener.attach(service, path, config=SubscriberConfig(url=url))
        base = await listener.start()
        subscriptions = listener.application(service).subscriptions
        callback = subscriptions.new_callback()
        assert callback.rpartition("/")[0] + "/" == told.format(base=base)
        where = (path or ("/websub" if url else "/")).rstrip("/")
        unknown = await client.get(f"{base}{where}/{callback.rpartition('/')[2]}", params={"hub.mode": "subscribe"})
        assert unknown.status_code in {400, 404}


async def test_a_subscriber_behind_a_proxy_is_verified_at_the_path_of_its_listener() -> None:
    service = Recorder()
    async with SubscriberListener(0) as listener, httpx.AsyncClient(trust_env=False) as client:
        hub = ScriptedHub(client)
        hub.verifies = False
        async with served_hub(hub) as hub_url:
            target = Target(hub=hub_url, topic=TOPIC)
            listener.attach(service, "/inside", config=SubscriberConfig(url=PUBLIC, targets=target))
            base = await listener.start()
            await until(lambda: bool(hub.asked))
            callback = hub.asked[0].callback
            assert callback.startswith(PUBLIC)
            fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "c", "hub.lease_seconds": "60"}
            inside = f"{base}/inside/{callback.rpartition('/')[2]}"
            answer = await client.get(inside, params=fields)
            assert (answer.status_code, answer.text) == (200, "c")


@asynccontextmanager
async def served_hub(hub: ScriptedHub) -> AsyncIterator[str]:
    async with AppListener(Binding(port=0, graceful_seconds=0)) as listener:
        listener.attach("/", hub, nullcontext())
        yield await listener.start()


@pytest.mark.parametrize("host", FOR_OTHERS)
async def test_who_listens_for_others_needs_a_public_url(host: str) -> None:
    async with SubscriberListener(0, host=host) as listener:
        with pytest.raises(ValueError, match=r"public URL.*public_url=.*SubscriberConfig\(url=\.\.\.\)\.$"):
            listener.attach(Recorder())
        listener.attach(Recorder(), "/a", config=SubscriberConfig(url=PUBLIC))
    async with SubscriberListener(0, host=host, public_url="https://me.example.com") as listener:
        listener.attach(Recorder())
    with pytest.raises(ValueError, match=r"public URL is not known.*SubscriberConfig\(url=\.\.\.\)\.$"):
        await serve(Recorder(), host=host, port=0)


def test_running_for_others_and_an_application_need_a_public_url() -> None:
    with pytest.raises(ValueError, match="public URL is not known when listening on 0"):
        run(Recorder(), host="0.0.0.0", port=0)  # noqa: S104
    for config in (None, SubscriberConfig()):
        with pytest.raises(ValueError, match=r"SubscriberConfig\(url=\.\.\.\)"):
            asgi(Recorder(), config)


async def test_serving_on_loopback_works_without_and_tells_the_real_port() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        hub = ScriptedHub(client)
        with anyio.fail_after(PATIENCE):
            async with served_hub(hub) as hub_url, anyio.create_task_group() as tasks:

                async def task(*, task_status: Any) -> None:
                    config = SubscriberConfig(targets=Target(hub=hub_url, topic=TOPIC))
                    await serve(Recorder(), config, port=0, ready=task_status.started)

                url = await tasks.start(task)
                await until(lambda: bool(hub.verifications))
                assert hub.asked[0].callback.startswith(f"{url}/")
                assert hub.verifications[0].status_code == 200
                tasks.cancel_scope.cancel()


async def test_a_url_of_this_machine_for_others_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with SubscriberListener(0, host="0.0.0.0") as listener:  # noqa: S104
            listener.attach(Recorder(), config=SubscriberConfig(url="http://127.0.0.1:8081/"))
    assert "works on this machine only" in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", ""])  # noqa: S104
def test_the_command_needs_a_public_url_for_an_address_of_nobody(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["listen", "https://p.example/", "--host", host]) == 2
    assert "--public-url" in capsys.readouterr().err
