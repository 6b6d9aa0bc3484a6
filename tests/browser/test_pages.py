"""Every page of the dashboard in a browser: without an error, readable by everybody, on a phone, in the dark."""

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.conftest import DEADLINE, PAGES, TOPIC, VIEWER, Stage, sign_in
from tests.waiting import until_in_thread

SECRET = "secret-part-of-the-callback"
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
#: What strangers may put into a topic, a callback, a message and an answer.
ALLOWED = "'()*!$&=;:/,"  # in URLs as they are
MARKUP = (
    '"><script>window.pwned = 1</script>',
    "'><img src=x onerror='window.pwned = 1'>",
    "</title></textarea><svg onload=window.pwned=1>",
    "{{ 7 * 7 }}${window.pwned = 1}",
    "javascript:window.pwned=1//",
)


@pytest.fixture
def look(request: pytest.FixtureRequest) -> tuple[int, str]:
    """The width of the window, and the colours that its user likes."""
    chosen: tuple[int, str] = getattr(request, "param", (1280, "light"))
    return chosen


@pytest.fixture
def page(look: tuple[int, str], browser: Any, stage: Stage) -> Iterator[Any]:
    """A page that has signed in."""
    context = browser.new_context(viewport={"width": look[0], "height": 800}, color_scheme=look[1])
    context.set_default_timeout(DEADLINE)
    page = context.new_page()
    sign_in(page, stage.base)
    yield page
    context.close()


@pytest.fixture
def complaints(page: Any) -> list[str]:
    """What the browser complains about: errors of scripts, of the network, and of the content policy."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("response", lambda answer: found.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    return found


def addresses(page: Any, base: str) -> list[str]:
    """The address of every page, also those of one subscription, topic, message and host."""
    found = [base + path for path in PAGES]
    for path, link in (("/subscriptions", "/subscription?"), ("/topics", "/topic?"), ("/hosts", "/host?")):
        page.goto(base + path)
        found.append(base + page.locator(f'main a[href^="{link}"]').first.get_attribute("href"))
    page.goto(f"{base}/messages")
    found.append(base + page.locator('main a[href^="/message?"]').first.get_attribute("href"))
    page.goto(found[-4])
    found += [base + each.get_attribute("href") for each in page.locator("a[data-question]").all()]
    return found


@pytest.mark.parametrize("look", [(1280, "light"), (360, "dark")], indirect=True, ids=["wide, light", "narrow, dark"])
def test_every_page_is_whole(page: Any, stage: Stage, complaints: list[str]) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    for address in addresses(page, stage.base):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{address} is too wide"
        assert page.locator("h1, h2").count() >= 1, address
        assert SECRET not in page.content(), address
        page.evaluate(axe)
        violations = page.evaluate("rules => axe.run(rules).then(found => found.violations)", AXE_RULES)
        serious = [
            (each["id"], each["nodes"][0]["html"]) for each in violations if each["impact"] in {"serious", "critical"}
        ]
        assert serious == [], address
        assert complaints == [], address


def test_a_callback_is_shown_whole_when_asked_for(page: Any, stage: Stage) -> None:
    page.goto(f"{stage.base}/subscriptions")
    page.locator('main a[href^="/subscription?"]').first.click()
    page.get_by_role("link", name="Show in full").click()
    page.get_by_text(SECRET).wait_for()
    assert SECRET not in page.url


def test_markup_of_strangers_is_text(page: Any, stage: Stage) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for number, markup in enumerate(MARKUP):
        topic = f"https://example.com/{number}?{quote(markup, safe=ALLOWED)}"
        callback = f"{stage.peers.callback('fail', 7)}?{quote(markup, safe=ALLOWED)}"
        stage.hub.order("/admin/topics", url=topic, registered=True)
        stage.hub.ask(mode="subscribe", topic=topic, callback=callback)
        page.goto(f"{stage.base}/topics?search={number}")
        assert page.get_by_text(topic).count() == 1
        page.get_by_role("link", name=topic).click()
        assert page.locator("h1").inner_text() == topic
        for path in ("/live", "/verifications", "/attempts", "/retries"):
            page.goto(stage.base + path)
        page.locator("#find").fill(markup)
        page.locator("#find").press("Enter")
        page.get_by_role("heading", name="Nothing found").wait_for()
        assert page.evaluate("window.pwned") is None, markup
    page.goto(f"{stage.base}/attempts")
    for answer in page.locator("main summary").all():
        answer.click()
        assert "window.pwned" in page.locator("details[open] pre").last.inner_text()
    assert page.evaluate("window.pwned") is None


def test_a_viewer_looks_and_changes_nothing(browser: Any, stage: Stage) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, stage.base, VIEWER)
    for path in PAGES:
        page.goto(stage.base + path)
        assert page.locator("[data-question]").count() == 0, path
    page.goto(f"{stage.base}/subscriptions")
    page.locator('main a[href^="/subscription?"]').first.click()
    assert page.get_by_text("Show in full").count() == 0
    assert page.goto(f"{page.url}&callback=shown").status == 200
    assert SECRET not in page.content()
    assert page.goto(f"{stage.base}/do/pause-host?host=127.0.0.1").status == 403
    context.close()


def test_pages_work_without_scripts(browser: Any, stage: Stage) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, stage.base)
    for path in PAGES:
        assert page.goto(stage.base + path).status == 200
    page.goto(f"{stage.base}/hosts")
    page.get_by_role("row", name="127.0.0.2").get_by_role("link", name="Pause").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("status").filter(has_text="are paused").wait_for()
    page.get_by_role("row", name="127.0.0.2").get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("status").filter(has_text="are resumed").wait_for()
    context.close()


def test_it_can_be_used_by_keyboard(page: Any) -> None:
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/hosts")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/host?*")
    page.keyboard.press("/")
    page.keyboard.type(TOPIC)
    page.keyboard.press("Enter")
    page.wait_for_url("**/topic?*")
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keyboard shortcuts").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Keyboard shortcuts").wait_for(state="hidden")


def test_the_first_page_says_what_this_is(browser: Any, stage: Stage) -> None:
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    assert page.goto(f"{stage.base}/hub").status == 200
    page.get_by_role("heading", name="This is a WebSub hub").wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none", "its style is refused"
    assert said == []
    page.get_by_role("link", name="The dashboard").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    context.close()


def _goes_on(stage: Stage) -> bool:
    """Publish, and return whether there are points enough for a plot."""
    stage.hub.publish(TOPIC, b"something for the plots")
    return len(stage.hub.get("/admin/series")["series"]["at"]) >= 5


#: The pictures of the documents: the page, the width of the window, and its colours.
PICTURES = {
    "overview": ("/", 1280, "light"),
    "overview-dark": ("/", 1280, "dark"),
    "dead-letters": ("/dead-letters", 1280, "light"),
    "live": ("/live", 1280, "dark"),
    "phone": ("/hosts", 360, "light"),
}
DOCUMENTS = Path(__file__).parents[2] / "docs/how-to"


def test_the_documents_have_their_pictures(browser: Any, stage: Stage, tmp_path: Path) -> None:
    """With ``TAKE_PICTURES=1`` in the environment, the pictures of the documents are taken again."""
    guide = (DOCUMENTS / "watch-a-hub-in-a-browser.md").read_text()
    folder = tmp_path
    if os.environ.get("TAKE_PICTURES"):
        folder = DOCUMENTS / "dashboard"
        until_in_thread(lambda: _goes_on(stage))
    for name, (path, width, colours) in PICTURES.items():
        context = browser.new_context(viewport={"width": width, "height": 760}, color_scheme=colours)
        page = context.new_page()
        sign_in(page, stage.base)
        page.goto(stage.base + path, wait_until="networkidle" if path != "/live" else "load")
        page.screenshot(path=folder / f"{name}.png")
        context.close()
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"](dashboard/{name}.png)" in guide
        assert (DOCUMENTS / "dashboard" / f"{name}.png").exists()
