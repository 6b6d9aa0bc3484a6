"""Somebody who has only the browser: finds why a callback gets nothing, what became of a message, which host is the
worst, and sends what was given up again.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import DEADLINE, TOPIC, Stage, sign_in
from tests.waiting import until_in_thread


@pytest.fixture
def page(browser: Any, stage: Stage) -> Iterator[Any]:
    """A page that has signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(DEADLINE)
    page = context.new_page()
    sign_in(page, stage.base)
    yield page
    context.close()


def find(page: Any, text: str) -> None:
    """Paste something into the search."""
    page.keyboard.press("/")
    page.locator("#find").fill(text)
    page.locator("#find").press("Enter")


def confirm(page: Any, link: str, button: str) -> None:
    """Ask for an action, and confirm it in the dialog."""
    page.get_by_role("link", name=link).first.click()
    page.get_by_role("dialog").get_by_role("button", name=button).click()


def test_an_operator_finds_out_and_mends(page: Any, stage: Stage) -> None:
    # Why does this callback get nothing?
    find(page, stage.peers.callback("fail", 0, "127.0.0.2"))
    page.wait_for_url("**/subscription?*")
    page.get_by_role("status").filter(has_text="answered 500").wait_for()
    # And this one, of a paused host?
    find(page, stage.peers.callback("ok", 1, "127.0.0.5"))
    page.get_by_role("status").filter(has_text="paused its host").wait_for()
    # What became of this message?
    find(page, stage.messages[0])
    page.wait_for_url("**/message?*")
    page.get_by_text("given up").first.wait_for()
    # Which host is the worst?
    page.get_by_role("link", name="Overview").click()
    worst = page.get_by_role("table").get_by_role("link", name="127.0.0.2")
    worst.first.click()
    page.wait_for_url("**/host?*")
    assert page.get_by_text("answered 500").count() > 0
    # Replay the dead letters of a host that works again.
    stage.peers.statuses["refuse"] = 200
    page.get_by_role("navigation").get_by_role("link", name="Dead letters").click()
    page.get_by_label("Host", exact=True).fill(f"127.0.0.3:{stage.peers.port}")
    page.get_by_role("button", name="Filter").click()
    before = len(stage.peers.received)
    confirm(page, "Replay all", "Replay")
    page.get_by_role("status").filter(has_text="redelivered").wait_for()
    until_in_thread(lambda: len([path for path, _ in stage.peers.received[before:] if "/refuse/" in path]) >= 2)


def test_a_host_is_resumed_and_paused(page: Any, stage: Stage) -> None:
    find(page, f"127.0.0.5:{stage.peers.port}")
    page.wait_for_url("**/host?*")
    before = len(stage.peers.received)
    confirm(page, "Resume", "Resume")
    page.get_by_role("status").filter(has_text="are resumed").wait_for()
    until_in_thread(lambda: len(stage.peers.received) >= before + len(stage.messages))
    confirm(page, "Pause", "Pause")
    page.get_by_role("status").filter(has_text="are paused").wait_for()
    assert "notice=" not in page.url, "the notice would be repeated when the page is loaded again"


def test_a_message_is_delivered_again(page: Any, stage: Stage) -> None:
    find(page, stage.messages[1])
    before = len(stage.peers.received)
    confirm(page, "Redeliver", "Redeliver")
    page.get_by_role("status").filter(has_text="redelivered").wait_for()
    until_in_thread(lambda: any(message == stage.messages[1] for _, message in stage.peers.received[before:]))


def test_a_test_delivery_is_sent_and_a_subscription_denied(page: Any, stage: Stage) -> None:
    callback = stage.peers.callback("ok", 2)
    find(page, callback)
    confirm(page, "Send a test delivery", "Send")
    page.get_by_role("status").filter(has_text="test delivery arrived").wait_for()
    page.get_by_role("link", name="Deny").click()
    page.get_by_label("Reason").fill("moved away")
    page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    page.get_by_role("status").filter(has_text="has ended").wait_for()
    assert page.url.startswith(f"{stage.base}/subscriptions")
    find(page, callback)
    page.get_by_role("heading", name="Nothing found").wait_for()


def test_a_question_can_be_left_unanswered(page: Any, stage: Stage) -> None:
    page.goto(f"{stage.base}/topic?url={TOPIC}")
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    assert page.url == f"{stage.base}/topic?url={TOPIC}"


def test_events_arrive_live(page: Any, stage: Stage) -> None:
    page.goto(f"{stage.base}/live")
    page.get_by_role("status").filter(has_text="live").wait_for()
    message = stage.hub.publish(TOPIC, b"live content")
    page.get_by_text(f"Message {message}").wait_for()
    page.get_by_role("button", name="Pause").click()
    second = stage.hub.publish(TOPIC, b"more live content")
    page.get_by_role("status").filter(has_text="waiting").wait_for()
    assert page.get_by_text(f"Message {second}").count() == 0
    page.get_by_role("button", name="Resume").click()
    page.get_by_text(f"Message {second}").wait_for()


def test_the_plots_are_drawn(page: Any, stage: Stage) -> None:
    page.goto(f"{stage.base}/?hours=24")
    page.wait_for_selector("[data-series='/series?plot=deliveries&hours=24'][data-drawn] canvas")
    page.wait_for_selector("[data-series='/series?plot=latency&hours=24'][data-drawn] canvas")


def test_a_shared_link_shows_one_subscription_and_nothing_else(page: Any, browser: Any, stage: Stage) -> None:
    find(page, stage.peers.callback("fail", 1, "127.0.0.2"))
    confirm(page, "Share", "Create link")
    link = page.get_by_label("Link").input_value()
    context = browser.new_context()
    guest = context.new_page()
    assert guest.goto(link).status == 200
    guest.get_by_text("answered 500").first.wait_for()
    assert "secret-part-of-the-callback" not in guest.content()
    assert guest.locator("main a, header a:not(.brand), form").count() == 0
    guest.goto(stage.base)
    guest.get_by_role("heading", name="Sign in").wait_for()
    context.close()


def test_signing_out_ends_the_session(page: Any, stage: Stage) -> None:
    cookies = page.context.cookies()
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies] == [(True, "Strict")]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.context.add_cookies(cookies)
    page.goto(f"{stage.base}/topics")
    page.get_by_role("heading", name="Sign in").wait_for()


def test_a_link_from_another_site_leads_to_its_page(page: Any, stage: Stage) -> None:
    # The cookie is strict, so that the first request from another site comes without it.
    page.route("http://elsewhere.example/", lambda route: route.fulfill(body=f'<a href="{stage.base}/hosts">here</a>'))
    page.goto("http://elsewhere.example/")
    page.get_by_role("link", name="here").click()
    page.get_by_role("heading", name="Hosts").wait_for()
