"""What a terminal shows of a delivery goes by its content, as discovery does, and not by its type."""

import gzip
import json
import zlib
from typing import Any

import pytest

from tests.websubsub.test_command_listen import message, shown

RSS = '<rss version="2.0"><channel><title>F</title>{}</channel></rss>'
ITEMS = "".join(f"<item><guid>{number}</guid><title>No. {number}</title></item>" for number in (2, 1))
FEED = RSS.format(ITEMS).encode()
JSON_FEED = {"version": "https://jsonfeed.org/version/1.1", "title": "F", "items": [{"id": "1", "title": "No.\n1"}]}


def summary(capsys: pytest.CaptureFixture[str], **fields: Any) -> str:
    [line] = shown(capsys, message(**fields))
    return "".join(line.split("  ")[4:])


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/json", "", "application/rss+xml"])
def test_a_feed_of_any_type_is_shown_by_its_titles(capsys: pytest.CaptureFixture[str], content_type: str) -> None:
    fields = {"body": b"\xef\xbb\xbf\n" + FEED, "content_type": content_type}
    [line] = shown(capsys, message(**fields))
    assert line.endswith("No. 2; No. 1")


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("gzip", gzip.compress(FEED), "No. 2; No. 1"),
        ("deflate", zlib.compress(FEED), "No. 2; No. 1"),
        ("identity", FEED, "No. 2; No. 1"),
        ("br", b"\x0b\x02\x80abc\x03", ""),
        ("gzip", FEED, ""),
        ("gzip", gzip.compress(b"<rss>" + b" " * 5_000_000), ""),
    ],
)
def test_what_is_packed_is_unpacked_to_be_shown(
    capsys: pytest.CaptureFixture[str], coding: str, body: bytes, said: str
) -> None:
    headers = [("Content-Encoding", coding)]
    assert summary(capsys, body=body, content_type="application/rss+xml", headers=headers) == said


@pytest.mark.parametrize("content_type", ["application/feed+json", "application/json; charset=utf-8"])
def test_a_json_feed_is_shown_by_its_titles(capsys: pytest.CaptureFixture[str], content_type: str) -> None:
    body = json.dumps({**JSON_FEED, "items": [*JSON_FEED["items"], {"id": 2}, 3]}).encode()
    assert summary(capsys, body=body, content_type=content_type) == "No. 1; untitled"


@pytest.mark.parametrize("items", [None, {}, "x", 1])
def test_a_json_feed_without_items_has_no_titles(capsys: pytest.CaptureFixture[str], items: Any) -> None:
    body = json.dumps({**JSON_FEED, "items": items}).encode()
    assert summary(capsys, body=body, content_type="application/feed+json") == ""


def test_json_that_is_no_feed_is_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert summary(capsys, body=b'{"version": 1}', content_type="application/json") == '{"version": 1}'


def test_a_feed_that_cannot_be_read_is_shown_without_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    assert summary(capsys, body=FEED.replace(b"No.", b"&nbsp;"), content_type="text/xml") == ""
