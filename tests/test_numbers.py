"""The numbers in the explanations are those of the code."""

import re
from pathlib import Path

import pytest

from _websub.limits import EdgeLimits
from tests.test_sizes import MODULES_OF_A_ROOM
from websubhub import EngineLimits, HubConfig
from websubhub.standalone.adapters.sqlite.file import files, thread
from websubhub.standalone.broker import flusher, publish_keys
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.hub import requests
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.retry import LONGEST_DELAY_SECONDS, REFUSED_ATTEMPTS, RETRY_DELAYS
from websubhub.standalone.settings import Settings
from websubhub.standalone.tokens import _WRONG_MOST
from websubhub.standalone.work import delivery, fetching, pacing, upkeep, verification
from websubsub._discovery import client, discovery, feed, feed_head, html, html_tags

PAGES = Path(__file__).parent.parent / "docs/explanation"
MEBIBYTE, KIBIBYTE = 1_048_576, 1024
WORDS = dict(enumerate("no one two three four five six seven eight nine ten eleven twelve".split()))
WORDS |= {16: "sixteen", 20: "twenty", 60: "sixty"}

DELIVERY, SETTINGS, EDGE, ENGINE, HUB = DeliveryLimits(), Settings(), EdgeLimits(), EngineLimits(), HubConfig()
HUB_PAGE, PROMISES, SECURITY = "architecture-of-the-hub.md", "delivery-guarantees.md", "security.md"


def whole(number: float) -> int:
    assert number == int(number)
    return int(number)


def word(number: float) -> str:
    return WORDS[whole(number)]


def time(seconds: float) -> str:
    """So many seconds as a table says it: in the largest unit that has no fraction."""
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            return f"{whole(seconds / size)} {unit}"
    raise ValueError(seconds)


def hours(seconds: float) -> str:
    return {1: "an hour", 24: "a day"}[whole(seconds / 3600)]


CLAIMS = [
    ("architecture.md", f"at most {word(MODULES_OF_A_ROOM)} modules"),
    (HUB_PAGE, f"up to {thread._TOGETHER} of them"),
    (HUB_PAGE, f"a file of {whole(files._RESERVE_BYTES / MEBIBYTE)} MiB"),
    (HUB_PAGE, f"After {word(DELIVERY.failures)} failures in a row"),
    (HUB_PAGE, f"after {whole(DELIVERY.probe_seconds)} seconds and then after pauses that double"),
    (HUB_PAGE, f"up to {hours(DELIVERY.probe_seconds_most)}"),
    (HUB_PAGE, f"{word(DELIVERY.early_seconds)} seconds after the last attempt or later"),
    (HUB_PAGE, f"up to {delivery._CLAIM_AT_ONCE} at a time"),
    (HUB_PAGE, f"**The journal**, with {word(sum(not name.startswith('_') for name in vars(Journal)))} methods"),
    (PROMISES, f"`delivery_timeout`, {whole(SETTINGS.delivery_timeout)} seconds by default"),
    (PROMISES, f"for {hours(publish_keys.WINDOW_SECONDS)}, and at most the last {publish_keys.KEYS_LIMIT} ids"),
    (PROMISES, f"After {word(REFUSED_ATTEMPTS)} attempts in total (`refused_attempts`)"),
    (PROMISES, f"| wait | {' | '.join(map(time, RETRY_DELAYS))} |"),
    (PROMISES, f"{word(len(RETRY_DELAYS) + 1)} attempts in about {word(round(sum(RETRY_DELAYS) / 86_400))} days"),
    (PROMISES, f"up to {whole(LONGEST_DELAY_SECONDS / 3600)} hours, and never shortens it"),
    (PROMISES, f"after {word(DELIVERY.failures)} failed deliveries in a row"),
    (PROMISES, f"with its content for {whole(SETTINGS.dead_letter_days)} days"),
    (PROMISES, f"- {SETTINGS.concurrency} deliveries in progress at a time"),
    (PROMISES, f"{SETTINGS.concurrency_per_host} to one host"),
    (
        PROMISES,
        f"- {whole(ENGINE.connect_seconds)} seconds to connect and {whole(SETTINGS.delivery_timeout)} for",
    ),
    (PROMISES, f"- {whole(ENGINE.lookup_seconds)} seconds to resolve a name"),
    ("discovery.md", f"| {whole(html.MAX_HTML_BYTES / MEBIBYTE)} MiB (`max_bytes`)"),
    ("discovery.md", f"| {whole(feed.MAX_FEED_BYTES / KIBIBYTE)} KiB, {feed_head.MAX_ELEMENTS:,} elements before"),
    ("discovery.md", f"{feed_head.MAX_ELEMENTS_IN_ALL:,} in total"),
    ("discovery.md", f"| {html_tags.MAX_MARKUP:,} tags, comments and attributes |"),
    ("discovery.md", f"| hub and self links | {discovery.MAX_LINKS} |"),
    ("discovery.md", f"more than {html_tags.MAX_ATTRIBUTES} attributes"),
    ("discovery.md", f"in pieces of {whole(client._SLICE_BYTES / KIBIBYTE)} KiB"),
    (SECURITY, f"{word(HUB.verification_budget.at_once)} at a time"),
    (SECURITY, f"{word(HUB.verification_budget.burst)} a minute that it does not confirm"),
    (SECURITY, f"After {word(HUB.verification_budget.failures)} verifications in a row"),
    (SECURITY, f"sends it none for {hours(HUB.verification_budget.pause_seconds)}"),
    (
        SECURITY,
        f"after {whole(verification._DELAYS[0])} seconds and after {whole(verification._DELAYS[1] / 60)} minutes",
    ),
    (SECURITY, f"At most {requests._PENDING_LIMIT:,} new subscriptions can wait"),
    (SECURITY, f"{word(HUB.fetch_budget.at_once)} at a time, {whole(HUB.fetch_budget.per_minute)} failures a minute"),
    (SECURITY, f"and {word(fetching._CONTENTS)} times `max_content_bytes`"),
    (SECURITY, f"of the {HUB.fetches_at_once} places"),
    (SECURITY, f"from {word(fetching._INTERVAL_SECONDS)} second up to {word(pacing._LONGEST_SECONDS / 60)} minute"),
    (SECURITY, f"followed or registered for {hours(upkeep._UNUSED_SECONDS)}"),
    (SECURITY, f"After {word(_WRONG_MOST)} within a minute"),
    (SECURITY, f"(`max_content_bytes`) and must arrive within {whole(EDGE.body_seconds)} seconds"),
    (SECURITY, f"and {whole(EDGE.memory_bytes / MEBIBYTE)} MiB in total"),
    (SECURITY, f"A client must take its answer within {whole(EDGE.send_seconds)} seconds"),
]


@pytest.mark.parametrize(("page", "claim"), CLAIMS, ids=[claim for _, claim in CLAIMS])
def test_an_explanation_says_the_number_of_the_code(page: str, claim: str) -> None:
    assert claim in (PAGES / page).read_text()


def test_what_stays_open_counts_as_the_page_says() -> None:
    assert "Up to four times `concurrency` deliveries can be set aside" in (PAGES / PROMISES).read_text()
    assert EngineLimits(connections=10).unanswered == 4 * 10


def test_outcomes_wait_as_long_as_the_page_says() -> None:
    page = (PAGES / HUB_PAGE).read_text()
    assert pytest.approx(1 / 5) == flusher._LOOKS * flusher._TOGETHER_SECONDS
    assert "a fifth of a second" in page
    assert f"{flusher._FEW} of them" in page
    assert f"{whole(flusher._TOGETHER_SECONDS * 1000)} milliseconds" in page
    assert f"takes more than {whole(flusher._QUICK_SECONDS * 1000)} milliseconds" in page


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_the_comparison_has_the_figures_of_the_performance_page(server: str) -> None:
    measured = (PAGES.parent / "reference/performance.md").read_text().partition("<!-- callback -->")[2]
    row = re.search(rf"^\| {server}, subscriber \| ([0-9.]+) \|", measured, re.MULTILINE)
    assert row is not None
    cost = f"{float(row[1]):.2f}"
    assert re.search(
        rf"^\| \*\*websubsub\*\* \| {server}.* \| {cost} \|$", (PAGES / "how-it-compares.md").read_text(), re.MULTILINE
    )
