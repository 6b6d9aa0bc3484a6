"""The reference of the standalone hub says what the hub says: every setting, command, route and metric."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from docs.generate.standalone import command_line
from docs.generate.standalone.pages import FOLDER, pages
from tests.documents import ROOT, blocks
from tests.standalone.hub import World, world
from tests.waiting import until
from websubhub import IntentVerification, _publish_request
from websubhub.standalone.admin.http import openapi
from websubhub.standalone.admin.http.api import Admin
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.command.cli import build_parser
from websubhub.standalone.metrics import FetchOutcome, HubMetrics, Outcome, RequestOutcome
from websubhub.standalone.ports import AnnouncementState
from websubhub.standalone.setting_sources import load
from websubhub.standalone.settings import Settings

ADMIN_API = (FOLDER / "admin-api.md").read_text()
SECTIONS = {
    tuple(title.split(" ")): text
    for title, text in re.findall(r"^## ((?:GET|POST) \S+)\n(.*?)(?=^## |\Z)", ADMIN_API, re.MULTILINE | re.DOTALL)
}
PAGES = sorted((ROOT / "docs").rglob("*.md"))
COMMANDS = {
    page: found
    for page in PAGES
    if "\n```shell" in (text := page.read_text())  # to read all pages as documents takes seconds
    and (
        found := [
            line.strip()
            for block in blocks(text)
            for line in block.content.splitlines()
            if block.language == "shell" and line.strip().startswith("websubhub ")
        ]
    )
}
SETTINGS = {
    page: found
    for page in PAGES
    if "```toml" in (text := page.read_text())
    and (found := [block.content for block in blocks(text) if block.language == "toml"])
}
#: The routes in an order in which none takes away what the next one shows.
ORDER = (
    ("POST", "/admin/hosts/pause"),
    ("GET", "/admin/hosts"),
    ("GET", "/admin/info"),
    ("GET", "/admin/series"),
    ("GET", "/admin/events"),
    ("GET", "/admin/topics"),
    ("POST", "/admin/topics"),
    ("GET", "/admin/topic"),
    ("GET", "/admin/subscriptions"),
    ("GET", "/admin/subscription"),
    ("GET", "/admin/deliveries"),
    ("GET", "/admin/statistics"),
    ("GET", "/admin/dead-letters"),
    ("GET", "/admin/dead-letters/{id}/content"),
    ("POST", "/admin/dead-letters/replay"),
    ("POST", "/admin/dead-letters/drop"),
    ("GET", "/admin/announcements"),
    ("POST", "/admin/announcements/replay"),
    ("POST", "/admin/announcements/drop"),
    ("POST", "/admin/subscriptions/test"),
    ("POST", "/admin/subscriptions/verify"),
    ("GET", "/admin/verifications"),
    ("GET", "/admin/verifications/given-up"),
    ("POST", "/admin/doctor"),
    ("POST", "/admin/verifications/retry"),
    ("POST", "/admin/verifications/drop"),
    ("POST", "/admin/topics/announce"),
    ("POST", "/admin/subscriptions/remove"),
    ("POST", "/admin/topics/remove"),
    ("POST", "/admin/hosts/resume"),
    ("GET", openapi.PATH),
    ("GET", "/health"),
    ("GET", "/ready"),
)
#: What a route needs that its example does not show.
QUERIES = {
    "/admin/topic": {"url": "https://example.com/feed"},
    "/admin/subscription": {
        "topic": "https://example.com/feed",
        "callback": "https://subscriber.example/callback",
    },
}
#: Objects of which an example shows only some fields, since those of others have other names.
OPEN_FIELDS = {"fields", "info", "paths", "components"}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # The help of the commands says which hub the environment names.
    monkeypatch.delenv("WEBSUBHUB_HUB", raising=False)


@pytest.mark.parametrize("page", ["configuration.md", "command-line-websubhub.md"])
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert (FOLDER / page).read_text() == pages()[FOLDER / page], "write it anew: python -m docs.generate.standalone"


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_stands_below_the_heading_of_its_group(field: "attrs.Attribute[Any]") -> None:
    before = (FOLDER / "configuration.md").read_text().partition(f"| `{field.name}`")[0]
    assert re.findall(r"^## (.*)$", before, re.MULTILINE)[-1] == field.metadata["group"]


@pytest.mark.parametrize("name", attrs.fields_dict(Settings))
def test_a_setting_is_described_with_every_way_to_give_it(name: str) -> None:
    rows = [row for row in (FOLDER / "configuration.md").read_text().splitlines() if row.startswith(f"| `{name}`")]
    assert len(rows) == 1
    assert f"`--{name.replace('_', '-')}`" in rows[0]
    assert f"`WEBSUBHUB_{name.upper()}`" in rows[0]
    assert len(rows[0].split(" | ")[-1]) > len("| x. |")


def test_every_command_and_every_option_is_described() -> None:
    text = (FOLDER / "command-line-websubhub.md").read_text()
    commands = list(command_line.commands())
    assert [name for name, _, _ in commands] == re.findall(r"^## (\S+)$", text, re.MULTILINE)
    for name, summary, parser in commands:
        assert summary
        assert not [action.dest for action in command_line.arguments(parser) if not action.help], name


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_ones_that_the_hub_takes(page: Path) -> None:
    for line in COMMANDS[page]:
        options = vars(build_parser().parse_args(shlex.split(line)[1:]))
        flags = {name: value for name, value in options.items() if name in attrs.fields_dict(Settings)}
        load(flags, {})  # raises when one cannot be used


@pytest.mark.parametrize("page", SETTINGS, ids=lambda page: page.stem)
def test_the_settings_of_a_page_can_be_used(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(SETTINGS[page]):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        assert load({}, {}, str(file)) != Settings()


def test_every_route_of_the_admin_api_is_described() -> None:
    nothing: Any = SimpleNamespace(announcements=None, broker=None, announced=None, verifications=None)
    # The table of routes is made without looking at it.
    operations = Operations(nothing, nothing, nothing, nothing, nothing)
    admin = Admin(nothing, operations, HubMetrics(), access=nothing)
    known = {(route.method, route.path) for route in admin.routes}
    known |= {("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"), ("GET", openapi.PATH)}
    assert set(SECTIONS) == known
    of_messages = {route for route in known if route[1].startswith(("/admin/messages", "/admin/attempts"))}
    assert {*ORDER, ("GET", "/metrics")} == known - of_messages  # whose examples are tried out by tests of their own


async def test_the_examples_of_the_admin_api_are_what_it_takes_and_answers() -> None:
    async with world(retry_delays=(0.02, 600), refused_attempts=2) as hub:
        names = await _prepare(hub)
        for method, path in ORDER:
            *body, answer = [block.content for block in blocks(SECTIONS[method, path]) if block.language == "json"]
            if method == "GET":
                query = json.loads(_replaced(json.dumps(QUERIES.get(path, {})), names))
                found = (await hub.get(path.replace("{id}", names["[17]"][1:-1]), **query)).json()
            else:
                found = await hub.order(path, **json.loads(_replaced(body[0], names)))
            _assert_alike(found, json.loads(answer), path)


async def _prepare(hub: World) -> dict[str, str]:
    """Make a dead letter and a delivery that will be tried again; what the examples call what is there."""
    topic, callback = hub.peers + "/topic", hub.peers + "/callback"
    subscriber = hub.subscriber(secret="s3cret")
    await hub.subscribe(subscriber, topic, secret="s3cret")
    subscriber.statuses = [400, 400, 500, 500]
    await hub.publish(topic, b"given up")
    await hub.publish(topic, b"waits for ten minutes")
    await until(lambda: len(subscriber.deliveries) == 4)
    [letter] = (await hub.get("/admin/dead-letters")).json()["dead_letters"]
    hub.site("/topic").status = 410
    await hub.ping(topic)
    while not (dead := (await hub.get("/admin/announcements", state="dead")).json()["announcements"]):
        pass
    return {
        "https://example.com/feed": topic,
        "https://subscriber.example/callback": callback,
        "subscriber.example": hub.peers.removeprefix("http://"),
        "https://example.com/old": hub.peers + "/old",
        "9c1e6f0a7b2d4e539c1e6f0a7b2d4e53": await _failing_verification(hub),
        "[17]": f"[{letter['id']}]",
        "[4]": f"[{dead[0]['id']}]",
    }


async def _failing_verification(hub: World) -> str:
    """Make a request whose verification is tried again later, and return its id."""
    await hub.order("/admin/topics", url=hub.peers + "/old")
    hub.site("/busy").status = 503
    await hub.ask(mode="subscribe", topic=hub.peers + "/topic", callback=hub.peers + "/busy")
    while not (found := (await hub.get("/admin/verifications", state="failing")).json()["verifications"]):
        pass
    name: str = found[0]["id"]
    return name


def _replaced(text: str, names: dict[str, str]) -> str:
    for name, real in names.items():
        text = text.replace(name, real)
    return text


def _assert_alike(found: Any, told: Any, where: str) -> None:
    """Compare names and kinds in JSON. Nothing may stand for anything, and a list for one of any length."""
    if found is None or told is None or where.endswith("settings value"):  # a setting may be anything
        return
    if isinstance(told, dict):
        assert isinstance(found, dict), where
        if where.rpartition(" ")[2] not in OPEN_FIELDS:
            assert sorted(found) == sorted(told), where
        for name in found.keys() & told.keys():
            _assert_alike(found[name], told[name], f"{where} {name}")
    elif isinstance(told, list):
        assert isinstance(found, list), where
        for each in found[:100] if told else []:
            _assert_alike(each, told[0], where)
    else:
        assert _kind(found) is _kind(told), where


def _kind(value: Any) -> type:
    return type(value) if isinstance(value, bool | str | dict | list) else float


async def test_every_metric_is_described() -> None:
    async with world() as hub:
        exposed = (await hub.get("/metrics")).text
    kinds = dict(re.findall(r"^# TYPE (websubhub_\S+) (\S+)$", exposed, re.MULTILINE))
    assert dict(re.findall(r"^\| `(websubhub_\w+)` \| (\w+) \|", SECTIONS["GET", "/metrics"], re.MULTILINE)) == kinds
    assert "# TYPE process_cpu_seconds_total counter" in exposed
    assert all(
        f"`{outcome}`" in SECTIONS["GET", "/metrics"]
        for outcome in (*Outcome, *FetchOutcome, *RequestOutcome, *IntentVerification)
    )
    assert all(f"`{state}`" in SECTIONS["GET", "/metrics"] for state in AnnouncementState)


def test_what_is_an_announcement_is_told_where_it_is_decided() -> None:
    told = (ROOT / "docs/how-to/publish.md").read_text()
    rows = re.findall(r"^\| .* \|$", str(_publish_request.__doc__), re.MULTILINE)
    assert len(rows) == 7
    for row in rows[1:]:
        words = row.replace("``", "`").split(" | ")
        assert any(all(word in line for word in words[:1] + words[3:]) for line in told.splitlines()), row
