"""Subscribing over real sockets where nothing is tidy: redirects, refusals, strange spellings, packed content."""

import gzip
from pathlib import Path

import pytest

from tests.waiting import until
from tests.websubsub.conftest import Recorder
from tests.websubsub.hub import ScriptedHub
from tests.websubsub.test_cli import listen, run
from tests.websubsub.test_listener import hub_at
from websubsub import ContentDistributionMessage, EventKind, SubscriberConfig, SubscriberEvent, SubscriberListener

TOPIC = "https://pub.example/café"


def offer(hub: ScriptedHub, base: str) -> None:
    hub.pages["/page"] = (302, {"Location": "/feed#--response"})
    links = f'<{base}/first>; rel="hub", <{base}/second>; rel="hub", <https://pub.example/caf%C3%A9>; rel="self"'
    hub.pages["/feed"] = (200, {"Link": links})


async def test_the_next_hub_is_asked_through_redirects_and_delivers_what_it_has_packed(free_port: int) -> None:
    events: list[SubscriberEvent] = []
    base, service = f"http://127.0.0.1:{free_port}", Recorder()
    async with hub_at(free_port) as hub, SubscriberListener(port=0) as listener:
        offer(hub, base)
        hub.verifies = False
        hub.answers = [(404, {}), (307, {"Location": "/third?x=1#part"})]
        config = SubscriberConfig(targets=[f"{base}/page"], observer=events.append)
        listener.attach(service, "/cb", config=config)
        await listener.start()
        await until(lambda: len(hub.asked) == 3)
        assert [each.path for each in hub.asked] == ["/first", "/second", "/third"]
        asked = hub.asked[-1]
        answer = await hub.verify(asked, **{"hub.topic": TOPIC, "hub.reason": "ä"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
        body = gzip.compress(b"news")
        answer = await hub.deliver(asked.callback, body, secret=asked.fields["hub.secret"], Content_Encoding="gzip")
        assert answer.is_success
        answer = await hub.deliver(asked.callback, body, Content_Encoding="gzip")
        assert answer.status_code == 403
    [message] = service.of(ContentDistributionMessage)
    assert (message.body, message.headers.get("content-encoding")) == (body, "gzip")
    assert [event.kind for event in events][:2] == [EventKind.SUBSCRIBED, EventKind.REJECTED]


async def test_a_hub_that_wants_time_is_asked_again_when_it_is_over(free_port: int) -> None:
    events: list[SubscriberEvent] = []
    base = f"http://127.0.0.1:{free_port}"
    async with hub_at(free_port) as hub, SubscriberListener(port=0) as listener:
        hub.pages["/feed"] = (200, {"Link": f'<{base}/hub>; rel="hub", <{TOPIC}>; rel="self"'})
        hub.answers = [(429, {"Retry-After": "2"})]
        listener.attach(Recorder(), config=SubscriberConfig(targets=[f"{base}/feed"], observer=events.append))
        await listener.start()
        await until(lambda: EventKind.SUBSCRIBED in [event.kind for event in events])
    assert [each.path for each in hub.asked] == ["/hub", "/hub"]
    assert events[0].kind is EventKind.FAILED
    assert events[0].next_try is not None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_second_process_on_the_state_is_told_so_and_the_first_goes_on(free_port: int, tmp_path: Path) -> None:
    base, state = f"http://127.0.0.1:{free_port}", f"sqlite:///{tmp_path}/state.db"
    async with hub_at(free_port) as hub:
        offer(hub, base)
        async with listen(f"{base}/page", "--port", "0", "--state", state) as first:
            await first.until("subscribed")
            status, shown, complaint = await run("listen", f"{base}/page", "--port", "0", "--state", state)
            assert (status, shown, complaint.count("\n")) == (2, "", 1)
            assert "Another process" in complaint
            asked = hub.asked[0]
            assert (await hub.deliver(asked.callback, b"x", secret=asked.fields["hub.secret"])).is_success
            await first.until("subscribed", "notification")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_denial_at_a_renewal_is_no_end(free_port: int) -> None:
    base = f"http://127.0.0.1:{free_port}"
    async with hub_at(free_port) as hub:
        offer(hub, base)
        hub.lease_seconds = 3
        async with listen(f"{base}/page", "--port", "0") as listening:
            await listening.until("subscribed")
            hub.verifies = False
            count = len(hub.asked)
            await until(lambda: len(hub.asked) > count)
            for _ in range(2):  # both hubs of the page
                asked = hub.asked[-1]
                fields = {"hub.mode": "denied", "hub.topic": TOPIC}
                await hub.tell(asked.callback, fields)
                await until(lambda asked=asked: hub.asked[-1] is not asked or "failed" in listening.kinds())  # type: ignore[misc]
            await until(lambda: "failed" in listening.kinds())
            failed = next(event for event in listening.events if event["event"] == "failed")
            assert "next_try" in failed
            assert listening.process.returncode is None
            listening.process.terminate()
            assert await listening.process.wait() == 0
