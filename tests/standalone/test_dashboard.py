"""The dashboard over HTTP: who is let in, which changes count, and what addresses give away."""

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standalone.hub import ADMIN, World, world
from websubhub import Headers
from websubhub.standalone.admin.dashboard import site
from websubhub.standalone.admin.dashboard.access.references import References, SharedLink
from websubhub.standalone.admin.dashboard.access.sealing import Sealing
from websubhub.standalone.admin.dashboard.access.sessions import Role, Sessions
from websubhub.standalone.admin.dashboard.rendering import Rendering
from websubhub.standalone.admin.dashboard.visits import address
from websubhub.standalone.admin.events import shown_event
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind

VIEWER = "viewer-token-of-the-tests"
TOPIC = "https://example.com/feed"
TEMPLATES = Path(site.__file__).parent / "templates"
KEY = b"a key of a test, and of nobody else"
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


@pytest.fixture
async def hub() -> AsyncIterator[World]:
    """A hub with tokens."""
    async with world(viewer_token=VIEWER) as hub:
        yield hub


def base(hub: World) -> str:
    """The URL of the dashboard, without the slash."""
    return hub.hub.removesuffix("/hub")


def own(hub: World) -> dict[str, str]:
    """The headers that a browser adds to a form of the hub's own pages."""
    return {"Origin": base(hub), "Sec-Fetch-Site": "same-origin"}


async def sign_in(hub: World, token: str = ADMIN, **headers: str) -> httpx.Response:
    """Send the form to sign in. The client keeps the cookie."""
    form = {"token": token, "next": "/topics"}
    return await hub.client.post(f"{base(hub)}/sign-in", data=form, headers={**own(hub), **headers})


async def form_token(hub: World) -> str:
    """The token of the forms of this session."""
    found = FORM_TOKEN.search((await hub.client.get(f"{base(hub)}/")).text)
    assert found is not None
    return found[1]


async def test_nobody_looks_without_signing_in(hub: World) -> None:
    for path in ("/", "/topics", "/subscriptions", "/do/pause-host?host=a.example", "/series"):
        answer = await hub.client.get(base(hub) + path)
        assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/sign-in")
    assert (await hub.client.get(f"{base(hub)}/live/stream")).status_code == 401
    assert (await hub.client.get(f"{base(hub)}/do/pause-host", headers={"Cookie": "websubhub=1"})).status_code == 303


async def test_a_token_becomes_a_cookie_that_only_this_site_sends(hub: World) -> None:
    answer = await sign_in(hub)
    assert (answer.status_code, answer.headers["location"]) == (303, "/topics")
    flags = {part.strip().partition("=")[0] for part in answer.headers["set-cookie"].split(";")[1:]}
    assert flags == {"Path", "Max-Age", "HttpOnly", "SameSite"}
    assert ADMIN not in answer.headers["set-cookie"]
    page = await hub.client.get(f"{base(hub)}/topics")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_form_of_another_page_signs_nobody_in(hub: World, headers: dict[str, str]) -> None:
    answer = await hub.client.post(f"{base(hub)}/sign-in", data={"token": ADMIN}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_wrong_tokens_are_slowed_down(hub: World) -> None:
    statuses = [(await sign_in(hub, f"a wrong token, number {number}")).status_code for number in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert (await sign_in(hub)).status_code == 303


@pytest.mark.parametrize(
    "after", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
)
async def test_signing_in_leads_to_this_hub_only(hub: World, after: str) -> None:
    form = {"token": ADMIN, "next": after}
    answer = await hub.client.post(f"{base(hub)}/sign-in", data=form, headers=own(hub))
    assert answer.headers["location"] == "/"


async def test_a_change_needs_its_own_page_its_token_and_an_operator(hub: World) -> None:
    await sign_in(hub)
    token, url = await form_token(hub), f"{base(hub)}/do/pause-host"
    form = {"host": "a.example", "form_token": token, "back": "/hosts"}
    for headers, changes in (
        ({}, {}),
        ({**own(hub), "Origin": "https://evil.example"}, {}),
        ({**own(hub), "Origin": "null"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}),
        (own(hub), {"form_token": ""}),
        (own(hub), {"form_token": token[:-1] + ("0" if token[-1] != "0" else "1")}),
    ):
        answer = await hub.client.post(url, data={**form, **changes}, headers=headers)
        assert answer.status_code == 403, (headers, changes)
    assert (await hub.get("/admin/hosts")).json()["hosts"] == []
    assert (await hub.client.get(url, params=form)).status_code == 200, "the question changes nothing"
    assert (await hub.get("/admin/hosts")).json()["hosts"] == []
    answer = await hub.client.post(url, data=form, headers=own(hub))
    assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/hosts")
    assert [host["paused"] for host in (await hub.get("/admin/hosts")).json()["hosts"]] == [True]


async def test_a_form_token_is_of_one_session(hub: World) -> None:
    await sign_in(hub)
    first = await form_token(hub)
    await sign_in(hub)
    answer = await hub.client.post(
        f"{base(hub)}/do/pause-host", data={"host": "a.example", "form_token": first}, headers=own(hub)
    )
    assert answer.status_code == 403


async def test_a_viewer_changes_nothing(hub: World) -> None:
    await sign_in(hub, VIEWER)
    form = {"host": "a.example", "form_token": await form_token(hub)}
    for path in ("/do/pause-host", "/do/share", "/do/replay-letters"):
        assert (await hub.client.post(base(hub) + path, data=form, headers=own(hub))).status_code == 403
        assert (await hub.client.get(base(hub) + path, params=form)).status_code == 403
    for path in ("/message/content?id=1", "/dead-letter/content?id=1"):
        assert (await hub.client.get(base(hub) + path)).status_code == 403


async def test_a_shared_link_shows_what_it_was_made_for(hub: World) -> None:
    subscriber = hub.subscriber("/callback-with-a-secret")
    await hub.subscribe(subscriber, TOPIC, "/callback-with-a-secret")
    await sign_in(hub)
    page = await hub.client.get(f"{base(hub)}/subscriptions")
    found = re.search(r'href="(/subscription\?ref=[\w-]+)"', page.text)
    assert found is not None
    assert "callback-with-a-secret" not in page.text
    reference = parse_qs(urlsplit(found[1]).query)["ref"][0]
    form = {"ref": reference, "hours": "1", "form_token": await form_token(hub)}
    made = await hub.client.post(f"{base(hub)}/do/share", data=form, headers=own(hub))
    link = parse_qs(urlsplit(made.headers["location"]).query)["link"][0]
    hub.client.cookies.clear()
    shown = await hub.client.get(f"{base(hub)}/shared", params={"link": link})
    assert shown.status_code == 200
    assert TOPIC in shown.text
    assert "callback-with-a-secret" not in shown.text
    assert "set-cookie" not in shown.headers
    for other in (link[:-2] + "AA", reference, "", "x" * 4_000, "ü"):
        assert (await hub.client.get(f"{base(hub)}/shared", params={"link": other})).status_code == 404
    await hub.order("/admin/subscriptions/remove", topic=TOPIC, callback=f"{hub.peers}/callback-with-a-secret")
    assert (await hub.client.get(f"{base(hub)}/shared", params={"link": link})).status_code == 404


async def test_a_hub_for_its_own_machine_lets_in_its_own_machine() -> None:
    async with world(admin_token=None) as hub:
        assert (await hub.client.get(f"{base(hub)}/topics")).status_code == 200
        for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "192.0.2.1"}):
            answer = await hub.client.get(f"{base(hub)}/topics", headers=headers)
            assert answer.status_code == 303, headers
        token = await form_token(hub)
        form = {"host": "a.example", "form_token": token}
        refused = await hub.client.post(
            f"{base(hub)}/do/pause-host", data=form, headers={**own(hub), "Host": "evil.example"}
        )
        assert refused.status_code == 303
        done = await hub.client.post(f"{base(hub)}/do/pause-host", data=form, headers=own(hub))
        assert done.status_code == 303
        assert "notice=" in done.headers["location"]


@pytest.mark.parametrize(
    "path", ["/static/x/../../settings.py", "/static/0/vendor/htmx.LICENSE", "/static/", "/static/x"]
)
async def test_only_files_of_the_pages_are_served(hub: World, path: str) -> None:
    assert (await hub.client.get(base(hub) + path)).status_code in {303, 404}


async def test_a_browser_gets_a_page_at_the_hub_and_programs_do_not(hub: World) -> None:
    page = await hub.client.get(hub.hub, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert hub.hub in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert (await hub.client.get(hub.hub)).status_code == 405
    assert (await hub.client.get(f"{base(hub)}/nowhere")).json() == {"error": "There is nothing here."}


@pytest.mark.parametrize("path", ["/nowhere", "/topics/more", "/host", "/host?host=a.example", "/subscription"])
async def test_a_browser_at_an_unknown_address_gets_a_page_and_programs_do_not(hub: World, path: str) -> None:
    await sign_in(hub)
    page = await hub.client.get(base(hub) + path, headers={"Accept": "text/html,*/*"})
    assert page.status_code in {400, 404}
    assert page.headers["content-type"].startswith("text/html")
    assert 'href="/topics"' in page.text, "it leads back"
    answer = await hub.client.get(f"{base(hub)}/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


@pytest.mark.parametrize("path", ["/admin/nowhere", "/health", "/ready"])
async def test_what_is_for_programs_stays_json_in_a_browser(hub: World, path: str) -> None:
    answer = await hub.client.get(base(hub) + path, headers={"Accept": "text/html,*/*"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("size", "is_linked"), [(10, True), (1_500, False)])
def test_an_event_links_only_to_a_topic_that_it_names_in_full(size: int, *, is_linked: bool) -> None:
    events = Events()
    events.record(Kind.ANNOUNCED, topic=f"https://example.com/{'x' * size}")
    [event] = events.after(0)
    page = Rendering(lambda: 0.0).text("event.html", "", event=shown_event(event), url=partial(address, ""))
    assert (b"/topic?" in page) is is_linked


async def test_without_the_extra_there_is_a_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "is_installed", lambda: False)
    async with world() as hub:
        page = await hub.client.get(f"{base(hub)}/")
        assert page.status_code == 200
        assert "This is a WebSub hub" in page.text
        assert "websubhub[dashboard]" in page.text
        assert (await hub.client.get(f"{base(hub)}/topics")).status_code == 404


@given(value=st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_what_was_sealed_is_opened_by_its_own_key_and_purpose_only(value: object) -> None:
    sealed = Sealing(KEY, "one").seal(value)
    assert Sealing(KEY, "one").open(sealed) == value
    assert Sealing(KEY, "two").open(sealed) is None
    assert Sealing(KEY + b"!", "one").open(sealed) is None


@given(text=st.text())
def test_any_other_text_opens_to_nothing(text: str) -> None:
    assert Sealing(KEY, "one").open(text) is None


def test_a_sealed_text_tells_nothing_and_cannot_be_changed() -> None:
    sealing = Sealing(KEY, "one")
    sealed = sealing.seal(["https://example.com/", "https://subscriber.example/secret"])
    assert re.fullmatch(r"[\w-]+", sealed)
    # The last character carries bits that belong to no byte.
    for place in range(len(sealed) - 1):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        assert sealing.open(changed) is None


def test_sessions_end() -> None:
    now = [1_000.0]
    sessions = Sessions(KEY, secure=True, clock=lambda: now[0])
    session = sessions.begin(Role.OPERATOR)
    cookie = sessions.cookie(session, "/mount")
    assert "; Secure" in cookie
    assert "Path=/mount/;" in cookie
    shown = Headers([("Cookie", cookie.partition(";")[0])])
    assert sessions.read(shown) == session
    now[0] += 1_800
    renewed = sessions.renewed(session)
    assert renewed is not None
    assert renewed.until == now[0] + 3_600
    now[0] += 1_800
    assert sessions.read(shown) is None
    now[0] = session.since + 12 * 3_600 - 1
    longest = sessions.renewed(renewed)
    assert longest is not None
    assert longest.until == session.since + 12 * 3_600
    fresh = sessions.begin(Role.VIEWER)
    text = Headers([("Cookie", sessions.cookie(fresh, "").partition(";")[0])])
    sessions.end(fresh)
    assert sessions.read(text) is None


def test_a_shared_link_ends() -> None:
    now = [0.0]
    references = References(KEY, lambda: now[0])
    link = SharedLink(topic=TOPIC, callback="https://subscriber.example/secret", until=60.0)
    text = references.to_shared(link)
    assert references.shared(text) == link
    assert references.subscription(text) is None
    now[0] = 60.0
    assert references.shared(text) is None


async def test_the_counts_of_a_message_lead_to_the_subscriptions_behind_them(hub: World) -> None:
    subscriber = hub.subscriber()
    await hub.subscribe(subscriber, TOPIC)
    subscriber.statuses = [500] * 9
    await hub.publish(TOPIC)
    await subscriber.wait_until(lambda: bool(subscriber.deliveries))
    assert (await sign_in(hub, ADMIN)).status_code == 303
    page = (await hub.client.get(f"{base(hub)}/messages")).text
    [waiting] = set(re.findall(r'href="([^"]*/message/recipients[^"]*state=waiting)"', page))
    found = await hub.client.get(base(hub) + waiting.replace("&amp;", "&"))
    assert found.status_code == 200
    assert 'class="mark warn">waiting<' in found.text
    assert hub.peers + "/callback" not in found.text  # callbacks are masked


#: Numbers that measure one thing, and so have no rows behind them.
MEASURES = {"Size", "Took", "Attempt"}


@pytest.mark.parametrize(
    "template",
    # The pages of a shared link show their owner one subscription or one topic, and nothing behind it.
    [path for path in sorted(TEMPLATES.glob("*.html")) if not path.name.startswith("shared_")],
    ids=lambda path: path.name,
)
def test_every_number_leads_to_the_rows_behind_it(template: Path) -> None:
    cells = re.findall(r'<td data-label="([^"]*)" class="number[^"]*">(.*?)</td>', template.read_text(), re.DOTALL)
    assert [label for label, cell in cells if "<a href=" not in cell and label not in MEASURES] == []


async def test_the_retries_of_a_host_are_found_behind_those_of_others(hub: World) -> None:
    other = hub.subscriber("/callback")
    await hub.subscribe(other, TOPIC)
    other.statuses = [503] * 9
    await hub.publish(TOPIC)
    while not (failing := (await hub.get("/admin/deliveries")).json()["failing"]):
        pass
    assert (await sign_in(hub, ADMIN)).status_code == 303
    host = failing[0]["host"]
    assert TOPIC in (await hub.client.get(f"{base(hub)}/retries", params={"host": host})).text
    assert TOPIC not in (await hub.client.get(f"{base(hub)}/retries", params={"host": "other.example"})).text
    assert (await hub.client.get(f"{base(hub)}/verifications", params={"host": "other.example"})).status_code == 200
