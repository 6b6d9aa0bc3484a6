"""A public URL that a user gave is kept, and one that nobody can know is asked for."""

import logging
from typing import Any

import anyio
import httpx
import pytest

from tests.conformance.hubs import Hub, RawCallback, served, subscription_fields
from tests.waiting import PATIENCE
from websubhub import HubApplication, HubConfig, HubListener, asgi, run, serve
from websubhub.testing import InMemoryWeb, RecordingSubscriber
from websubsub import SubscriberConfig

PUBLIC = "https://hub.example.com/hub"
FOR_OTHERS = ["0.0.0.0", "::", "[::]", "", "192.0.2.1", "hub.example.com", "unix:/run/hub"]  # noqa: S104
FOR_THIS_MACHINE = ["127.0.0.1", "127.9.8.7", "localhost"]


@pytest.mark.spec("SEC-15")
@pytest.mark.parametrize("config", [{"url": PUBLIC}, {"url": PUBLIC, "path": "/hub"}], ids=str)
async def test_a_hub_with_a_public_url_calls_nobody_on_this_machine(config: dict[str, str]) -> None:
    hub, canary = Hub(), RawCallback()
    async with served(canary) as base, HubListener(0) as listener:
        listener.attach(hub, config=HubConfig(**config, verification_delays=(0.0,)))  # type: ignore[arg-type]
        url = await listener.start()
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{url}/hub", data=subscription_fields(callback=f"{base}/callback"))
        assert answer.status_code == 400
        assert "does not call" in answer.text
        await listener.graceful_stop()
    assert not hub.called
    assert not canary.requests


@pytest.mark.parametrize(
    ("path", "config", "told", "answers"),
    [
        (None, {}, "{base}/hub", "/hub"),
        ("/a", {}, "{base}/a", "/a"),
        (None, {"path": "/a"}, "{base}/a", "/a"),
        (None, {"url": "https://h.example/a/b"}, "https://h.example/a/b", "/a/b"),
        ("/c", {"url": "https://h.example/a/b"}, "https://h.example/a/b", "/c"),
        (None, {"url": "https://h.example/a", "path": "/c"}, "https://h.example/a", "/c"),
    ],
    ids=str,
)
@pytest.mark.parametrize("base", [None, "https://public.example"])
async def test_what_a_hub_of_a_listener_tells_and_where_it_answers(
    path: str | None, config: dict[str, str], told: str, answers: str, base: str | None
) -> None:
    hub, web = Hub(), InMemoryWeb()
    web["subscriber.example"] = RecordingSubscriber()
    async with (
        web.client() as callbacks,
        httpx.AsyncClient(trust_env=False) as client,
        HubListener(0, public_url=base, client=callbacks) as listener,
    ):
        listener.attach(hub, path, config=HubConfig(**config))  # type: ignore[arg-type]  # text settings only
        address = await listening_at(listener)
        answer = await client.post(address + answers, data=subscription_fields())
        assert answer.status_code == 202
    assert hub.message("on_subscription").hub == told.format(base=base or address)


async def listening_at(listener: HubListener) -> str:
    """Start it, and give the address, whatever its public URL is."""
    await listener.start()
    return str(listener._listener.url)


@pytest.mark.parametrize("host", FOR_OTHERS)
async def test_a_listener_for_others_needs_a_public_url(host: str) -> None:
    async with HubListener(0, host=host) as listener:
        with pytest.raises(ValueError, match=r"public URL.*public_url=.*HubConfig\(url=\.\.\.\)\.$"):
            listener.attach(Hub(), "/a")
        with pytest.raises(ValueError, match="public URL"):
            listener.attach(Hub(), config=HubConfig(lease_seconds=600))
        listener.attach(Hub(), "/b", config=HubConfig(url=PUBLIC))
    async with HubListener(0, host=host, public_url="https://hub.example.com") as listener:
        listener.attach(Hub(), "/a")


@pytest.mark.parametrize("host", FOR_OTHERS)
@pytest.mark.parametrize("config", [None, HubConfig()], ids=["none", "without a url"])
async def test_serving_for_others_needs_a_public_url(host: str, config: HubConfig | None) -> None:
    with pytest.raises(ValueError, match=r"public URL is not known.*HubConfig\(url=\.\.\.\)\.$") as caught:
        await serve(Hub(), config, host=host, port=0)
    assert len(str(caught.value).splitlines()) == 1


def test_running_for_others_needs_a_public_url() -> None:
    with pytest.raises(ValueError, match="public URL is not known when listening on 0"):
        run(Hub(), host="0.0.0.0", port=0)  # noqa: S104


@pytest.mark.parametrize("config", [None, HubConfig(), HubConfig(path="/hub")], ids=["none", "empty", "path"])
def test_an_application_needs_a_public_url(config: HubConfig | None) -> None:
    with pytest.raises(ValueError, match=r"HubConfig\(url=\.\.\.\)"):
        asgi(Hub(), config)
    with pytest.raises(ValueError, match=r"HubConfig\(url=\.\.\.\)"):
        HubApplication(Hub(), config or HubConfig())


@pytest.mark.parametrize("host", FOR_THIS_MACHINE)
async def test_serving_on_loopback_works_without_and_tells_the_real_port(host: str) -> None:
    hub, web = Hub(), RecordingSubscriber()
    with anyio.fail_after(PATIENCE):
        async with served(web) as callback, anyio.create_task_group() as tasks:
            url = await tasks.start(serving(hub, host))
            async with httpx.AsyncClient(trust_env=False) as client:
                fields = subscription_fields(callback=f"{callback}/c")
                assert (await client.post(f"{url}/hub", data=fields)).status_code == 202
            await web.wait_until(lambda: web.verifications)
            tasks.cancel_scope.cancel()
    assert hub.message("on_subscription").hub == f"{url}/hub"


def serving(hub: Hub, host: str) -> Any:
    async def task(*, task_status: Any) -> None:
        await serve(hub, host=host, port=0, ready=task_status.started)

    return task


async def test_a_url_of_this_machine_for_others_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with HubListener(0, host="0.0.0.0") as listener:  # noqa: S104
            listener.attach(Hub(), config=HubConfig(url="http://127.0.0.1:8080/hub"))
            assert "works on this machine only" in caplog.text
            caplog.clear()
            listener.attach(Hub(), "/b", config=HubConfig(url=PUBLIC))
            assert not caplog.text


def test_settings_say_whether_a_url_was_given() -> None:
    assert HubConfig().url is None
    assert HubConfig().served_at("https://h.example/").url == "https://h.example/hub"
    given = HubConfig(url=PUBLIC, path="/inside")
    assert given.served_at("https://other.example") is given
    assert (given.public_url, given.local_path) == (PUBLIC, "/inside")


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]", "[::ffff:0.0.0.0]"])  # noqa: S104
async def test_an_address_that_stands_for_all_of_them_is_no_public_url(host: str) -> None:
    said = "must have an address that others can call"
    with pytest.raises(ValueError, match=rf"^HubConfig\.url {said}"):
        HubConfig(url=f"http://{host}:8080/hub")
    with pytest.raises(ValueError, match=rf"^SubscriberConfig\.url {said}"):
        SubscriberConfig(url=f"http://{host}/callbacks")
    async with HubListener(0, public_url=f"http://{host}:8080") as listener:
        listener.attach(Hub())
        with pytest.raises(ValueError, match=said):
            await listener.start()
