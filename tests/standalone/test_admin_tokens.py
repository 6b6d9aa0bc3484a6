"""Who may look at a hub, who may change it, and under which name a publisher publishes."""

import pytest

from tests.standalone.hub import ADMIN, World, world
from tests.standalone.test_tokens import bearer
from websubhub.standalone.setting_sources import load
from websubhub.standalone.settings import Settings, SettingsError
from websubhub.standalone.tokens import named_tokens

VIEWER = "viewer-token-of-the-tests"
TOKEN = "token-of-sixteen-or-more"
TOPIC = "https://topic.example/"

pytestmark = pytest.mark.threat("DOS-17")


async def _status(hub: World, method: str, path: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = await hub.client.request(method, hub.hub.removesuffix("/hub") + path, headers=headers, content=b"{}")
    return answer.status_code


async def test_a_viewer_reads_everything_and_changes_nothing() -> None:
    async with world(viewer_token=VIEWER) as hub:
        paths: dict[str, dict[str, object]] = (await hub.get("/admin/openapi.json")).json()["paths"]
        for path, methods in paths.items():
            if "get" in methods:
                assert await _status(hub, "GET", path.replace("{id}", "1"), VIEWER) in {200, 400, 404}, path
            if "post" in methods:
                assert await _status(hub, "POST", path, VIEWER) == 403, path
        assert await _status(hub, "DELETE", "/admin/topics", VIEWER) == 403
        assert await _status(hub, "GET", "/admin/info", VIEWER + "x") == 401
        assert await _status(hub, "GET", "/admin/info", ADMIN) == 200
        text = (await hub.get("/admin/info")).text
        assert VIEWER not in text
        assert ADMIN not in text


async def test_a_viewer_may_look_at_a_hub_that_nobody_may_operate_over_the_network() -> None:
    url = "https://hub.example.com/hub"
    async with world(viewer_token=VIEWER, admin_token=None, public_url=url) as hub:
        assert await _status(hub, "GET", "/admin/topics", VIEWER) == 200
        assert await _status(hub, "POST", "/admin/topics", VIEWER) == 403
        assert await _status(hub, "GET", "/admin/topics", "wrong-token-of-the-tests") == 401


async def test_on_this_machine_a_viewer_token_takes_nothing_away_from_others() -> None:
    async with world(viewer_token=VIEWER, admin_token=None) as hub:
        assert (await hub.client.get(hub.hub.removesuffix("/hub") + "/admin/topics")).status_code == 200
        assert await _status(hub, "POST", "/admin/topics", VIEWER) == 403


def test_a_viewer_token_that_may_change_everything_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="viewer-token must differ"):
        Settings(viewer_token=VIEWER, admin_token=VIEWER)


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        (TOKEN, TOKEN, ""),
        (f"blog={TOKEN}", TOKEN, "blog"),
        (f"blog.2={TOKEN}==", f"{TOKEN}==", "blog.2"),
        (f"{TOKEN}==", f"{TOKEN}==", ""),  # as base64 ends
        (f"{TOKEN}=short", f"{TOKEN}=short", ""),
        (f"abc={TOKEN}", f"abc={TOKEN}", "abc"),  # it can be read as both
        (f"=={TOKEN}", f"=={TOKEN}", ""),
    ],
)
def test_a_publisher_token_may_have_a_name_and_contain_equals_signs(text: str, shown: str, name: str) -> None:
    [setting] = load({"publisher_token": [text]}, {}).publisher_token
    tokens = named_tokens([setting], "publisher")
    assert tokens.refusal(bearer(shown)) is None
    assert tokens.name_of(bearer(shown)) == name
    assert tokens.refusal(bearer(shown + "x")) is not None


@pytest.mark.parametrize("text", ["blog=short", "short", "blog=", f"blog={TOKEN} with a space"])
def test_a_name_does_not_make_a_short_token_long(text: str) -> None:
    with pytest.raises(SettingsError, match="16 printable"):
        load({"publisher_token": [text]}, {})


def test_named_tokens_come_from_the_environment_as_well() -> None:
    settings = load({}, {"WEBSUBHUB_PUBLISHER_TOKEN": f"blog={TOKEN} {TOKEN}2"})
    tokens = named_tokens(settings.publisher_token, "publisher")
    assert [tokens.name_of(bearer(token)) for token in (TOKEN, f"{TOKEN}2")] == ["blog", ""]


async def test_the_name_of_a_token_is_told_and_the_token_is_not() -> None:
    async with world(publisher_token=(f"blog={TOKEN}",)) as hub:
        await hub.subscribe(hub.subscriber(), TOPIC)
        assert (await hub.publish(TOPIC, token=TOKEN)).status_code == 200
        [event] = (await hub.get("/admin/events", name="published")).json()["events"]
        assert event["fields"]["publisher"] == "blog"
        settings = {each["name"]: each["value"] for each in (await hub.get("/admin/info")).json()["settings"]}
        assert settings["publisher_token"] == ["blog=***"]
