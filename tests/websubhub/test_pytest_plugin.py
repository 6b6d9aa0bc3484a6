"""The fixtures of pytest, and the blocking clients, as a stranger's program uses them."""

import subprocess
import sys
from pathlib import Path

import pytest

import websubhub.sync
import websubsub.sync
from tests.documents import ROOT, blocks
from websubhub import PublisherClient, Response, UpdateMessageError, UrlError
from websubhub.testing import InMemoryWeb, RecordingHub

PAGE = (ROOT / "docs/how-to/test-your-subscriber.md").read_text()
HUB = "https://hub.example/hub"
TOPIC = "https://example.com/feed"


@pytest.fixture
def web() -> InMemoryWeb:
    web = InMemoryWeb()
    web["hub.example"] = RecordingHub()
    return web


def test_the_fixtures_test_a_subscriber_as_the_page_says(tmp_path: Path) -> None:
    # They are loaded by name, since an older install of this project may not know them yet.
    service, _, *_, shown = [block.content for block in blocks(PAGE) if block.language == "python"]
    setup = (
        "from websubsub import SubscriberConfig, Target, asgi\nimport pytest\n"
        f"TOPIC = {TOPIC!r}\n\n@pytest.fixture\ndef anyio_backend():\n"
        "    return 'asyncio'\n\npytestmark = pytest.mark.anyio\n"
    )
    (tmp_path / "test_weather.py").write_text(f"{service}\n{setup}\n{shown}")
    program = (
        "import sys, pytest\nfrom websubhub import pytest_plugin\n"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'anyio.pytest_plugin', 'test_weather.py'],"
        " [pytest_plugin]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "each"])
def test_code_without_an_event_loop_publishes(web: InMemoryWeb, kept: bool) -> None:  # noqa: FBT001 - a parameter
    publisher = websubhub.sync.PublisherClient(HUB, client=web.client())
    if kept:
        with publisher:
            assert publisher.publish_update(TOPIC, {"a": 1}).status == 202
            assert publisher.notify_update(TOPIC).status == 202
    else:
        assert publisher.register_topic(TOPIC).status == 202
        assert publisher.deregister_topic(TOPIC).status == 202
    assert len(web.requests) == 2


def test_the_errors_of_the_asynchronous_client_are_raised(web: InMemoryWeb) -> None:
    with pytest.raises(UrlError):
        websubhub.sync.PublisherClient("nonsense")
    web.down.add("hub.example")
    with websubhub.sync.PublisherClient(HUB, client=web.client()) as publisher, pytest.raises(UpdateMessageError):
        publisher.publish_update(TOPIC, b"x", "text/plain")


async def test_inside_an_event_loop_it_says_what_to_use(web: InMemoryWeb) -> None:
    with pytest.raises(RuntimeError, match=r"use the client websubhub\.PublisherClient"):
        websubhub.sync.PublisherClient(HUB, client=web.client()).notify_update(TOPIC)


def test_code_without_an_event_loop_subscribes(web: InMemoryWeb) -> None:
    hub = web["hub.example"] = RecordingHub()
    client = websubsub.sync.SubscriptionClient(client=web.client())
    client.subscribe(hub=HUB, topic=TOPIC, callback="https://me.example/x", secret="s3cret", lease_seconds=600)
    client.unsubscribe(hub=HUB, topic=TOPIC, callback="https://me.example/x")
    assert [form["hub.mode"] for form in hub.forms] == ["subscribe", "unsubscribe"]


def test_code_without_an_event_loop_discovers(web: InMemoryWeb) -> None:
    headers = [("Link", f'<{HUB}>; rel="hub"'), ("Link", f'<{TOPIC}>; rel="self"')]
    web["example.com"] = RecordingHub(Response(status=200, headers=headers))
    with websubsub.sync.DiscoveryClient(client=web.client()) as client:
        assert client.discover(TOPIC).hubs == (HUB,)


def test_the_blocking_methods_are_those_of_the_asynchronous_clients() -> None:
    method = websubhub.sync.PublisherClient.publish_update
    assert method.__doc__ == PublisherClient.publish_update.__doc__
