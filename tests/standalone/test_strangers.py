"""What strangers learn and may ask for: nothing of this machine, and nothing of the hub itself."""

from pathlib import Path

import httpx
import pytest

from tests.standalone.hub import TOKEN, world

TOPIC = "https://topic.example/"


@pytest.mark.threat("DOS-16")
async def test_strangers_are_not_told_where_the_database_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "hub.db"
    async with world(store=f"sqlite:///{path}", publisher_token=(TOKEN,)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        path.unlink()
        callback = hub.peers + "/callback"
        answers: list[httpx.Response] = [
            await hub.publish(TOPIC, token=TOKEN),
            await hub.ping(TOPIC),
            await hub.ask(mode="subscribe", topic=TOPIC, callback=callback),
            await hub.ask(mode="unsubscribe", topic=TOPIC, callback=callback),
            await hub.ask(mode="register", topic=TOPIC, token=TOKEN),
            await hub.ask(mode="deregister", topic=TOPIC, token=TOKEN),
        ]
        for answer in answers:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            assert str(tmp_path) not in answer.text
            assert "hub.db" not in answer.text
    told = [record.getMessage() for record in caplog.records if "answered with 503" in record.getMessage()]
    assert len(told) == 2, "the first, and when the hub stops how many more there were"
    assert "4 more" in told[1]
    assert str(path) in told[0]


@pytest.mark.threat("SSRF-18")
@pytest.mark.parametrize("spelling", ["/hub", "/hub?secret=1", "/%68ub", "/hub/"])
async def test_the_hub_does_not_call_itself(spelling: str) -> None:
    async with world() as hub:
        base = hub.hub.removesuffix("/hub")
        for mode in ("subscribe", "unsubscribe"):
            answer = await hub.ask(mode=mode, topic=TOPIC, callback=base + spelling)
            assert answer.status_code == 400
            assert "this hub itself" in answer.text
        assert (await hub.ask(mode="subscribe", topic=TOPIC, callback=base + "/hubs")).status_code == 202
