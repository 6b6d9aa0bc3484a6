"""A browser, and a hub with healthy, failing, refusing and paused subscribers to look at with it."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.browser.peers import Peers, Remote, peers
from tests.standalone.process import ADMIN, served
from tests.waiting import PATIENCE, until_in_thread

VIEWER = "viewer-token-of-the-tests"
#: Milliseconds after which something on a page hangs.
DEADLINE = 1_000 * PATIENCE
TOPIC = "https://example.com/feed"
#: Every page of the dashboard that needs no reference.
PAGES = (
    "/", "/topics", "/subscriptions", "/messages", "/attempts", "/retries", "/dead-letters", "/hosts",
    "/verifications", "/announcements", "/settings", "/doctor", "/live",
)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = "there is no browser: apt-get install chromium, and pip install -e '.[dev]'"


def found_browser() -> str | None:
    """The program of a browser on this machine."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _missing() -> None:
    if os.environ.get("BROWSER_NEEDED"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser of this machine, instead of one of playwright's.

    It ends with its module: while playwright runs, this thread has an event loop, and no other test can start one.
    """
    path = found_browser()
    if path is None or find_spec("playwright") is None:
        _missing()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - is it there?

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@attrs.frozen
class Stage:
    """What a test looks at.

    Attributes:
        hub: The hub.
        peers: Its subscribers.
        messages: The ids of what was published.
    """

    hub: Remote
    peers: Peers
    messages: tuple[str, ...]

    @property
    def base(self) -> str:
        """The URL of the dashboard, without the slash."""
        return self.hub.base


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, browser: object) -> Iterator[Stage]:  # noqa: ARG001 - skips first
    """A hub that has something to show: deliveries that arrived, wait for a retry, were given up, and are paused."""
    folder: Path = tmp_path_factory.mktemp("hub")
    arguments = ("--retry-delays", "0.1,3600", "--refused-attempts", "2", "--min-lease-seconds", "1")
    with peers() as world, served(folder, *arguments, environment={"WEBSUBHUB_VIEWER_TOKEN": VIEWER}) as process:
        hub = Remote(process.url)
        yield Stage(hub, world, _filled(hub, world))
        process.stop()


def _filled(hub: Remote, world: Peers) -> tuple[str, ...]:
    """Fill a hub, and return the ids of the messages that were published."""
    callbacks = [
        *(world.callback("ok", number) for number in range(3)),
        *(world.callback("fail", number, "127.0.0.2") for number in range(2)),
        *(world.callback("refuse", number, "127.0.0.3") for number in range(2)),
        world.callback("ok", 1, "127.0.0.5"),
    ]
    for callback in callbacks:
        hub.ask(mode="subscribe", topic=TOPIC, callback=callback, secret="a secret of a subscriber")
    until_in_thread(lambda: hub.get("/admin/statistics")["subscriptions"] == len(callbacks))
    hub.ask(mode="subscribe", topic=TOPIC, callback=world.callback("deaf", 1, "127.0.0.4"))
    hub.order("/admin/hosts/pause", host=f"127.0.0.5:{world.port}")
    messages = tuple(hub.publish(TOPIC, f"content {number}".encode()) for number in range(3))
    until_in_thread(lambda: hub.get("/admin/statistics")["dead_letters"] >= 2)
    until_in_thread(lambda: hub.get("/admin/statistics")["retrying"] >= 2)
    return messages


def sign_in(page: Any, base: str, token: str = ADMIN) -> None:
    """Sign in at a dashboard."""
    page.goto(f"{base}/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{base}/")
