from pathlib import Path

import anyio
import pytest

from tests.waiting import until
from tests.websub.conversation import Conversation, converse, scope_of
from websubhub.standalone.application import StandaloneApplication, asgi
from websubhub.standalone.settings import Settings, SettingsError

HUB = "http://127.0.0.1:8080/hub"


def test_the_public_url_must_be_known() -> None:
    with pytest.raises(SettingsError, match="--public-url must be set"):
        StandaloneApplication(Settings(store="memory:"))


def test_the_environment_describes_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSUBHUB_STORE", "memory:")
    with pytest.raises(SettingsError, match="public"):
        asgi()
    monkeypatch.setenv("WEBSUBHUB_PUBLIC_URL", HUB)
    assert isinstance(asgi(), StandaloneApplication)


async def test_a_hub_that_was_not_started_says_so() -> None:
    app = StandaloneApplication(Settings(store="memory:", public_url=HUB))
    answer = await converse(app)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


async def test_a_hub_that_cannot_start_tells_its_server_why(tmp_path: Path) -> None:
    app = StandaloneApplication(Settings(store=f"sqlite:///{tmp_path}/missing/hub.db", public_url=HUB))
    answer = await converse(app, {"type": "lifespan"}, [{"type": "lifespan.startup"}])
    assert [event["type"] for event in answer.sent] == ["lifespan.startup.failed"]
    assert "missing" in answer.sent[0]["message"]


@pytest.mark.parametrize(
    ("mount", "path", "status"),
    [
        ("", "/hub", 400),
        ("", "/health", 200),
        ("", "/hubs", 404),
        ("/mounted", "/mounted/hub", 400),
        ("/mounted", "/mounted/health", 200),
        ("/mounted", "/hub", 400),
    ],
)
async def test_requests_find_the_hub_and_what_operators_need(mount: str, path: str, status: int) -> None:
    app = StandaloneApplication(Settings(store="memory:", public_url=HUB))
    lifespan = Conversation({"type": "lifespan"}, [{"type": "lifespan.startup"}])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, lifespan.scope, lifespan.receive, lifespan.send)
        await until(lambda: lifespan.sent)
        assert lifespan.sent == [{"type": "lifespan.startup.complete"}]
        form = [("host", "localhost"), ("content-type", "application/x-www-form-urlencoded")]
        method = "POST" if path.endswith("hub") else "GET"
        answer = await converse(app, scope_of(method, path, headers=form, root_path=mount))
        lifespan.answered.set()
    assert answer.status == status
    assert lifespan.sent[-1] == {"type": "lifespan.shutdown.complete"}
