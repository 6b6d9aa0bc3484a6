"""An error of discovery names its real reason, also where a bound was in the way."""

import gzip
from typing import Any

import pytest

from _websub.http import Headers
from websubhub.testing import InMemoryWeb
from websubsub import DiscoveryClient, DiscoveryError, DiscoveryOptions, NoHubError, NoTopicError
from websubsub._discovery.discovery import DiscoveryReader

URL = "https://pub.example/feed"
HUB = '<link rel="hub" href="https://hub.example/"/>'
LONG = "https://hub.example/" + "x" * 2_100
RSS = '<rss xmlns:a="http://www.w3.org/2005/Atom"><channel>{}</channel></rss>'
ITEMS = "<item><title>Rain, again and again and again</title></item>" * 4_900
CUT = "the part of its body that is read"


def discover(body: str | bytes, content_type: str, *, json_feed: bool = False) -> DiscoveryError:
    options = DiscoveryOptions(json_feed=json_feed)
    reader = DiscoveryReader(url=URL, headers=Headers([("Content-Type", content_type)]), options=options)
    content = body if isinstance(body, bytes) else body.encode()
    for start in range(0, len(content), 16_384):
        if reader.feed(content[start : start + 16_384]):
            break
    with pytest.raises(DiscoveryError) as raised:
        reader.finish()
    return raised.value


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (f"<html><head><style>{'x' * 1_100_000}</style>{HUB}", NoHubError, CUT),
        (f"<html><head>{'<meta a>' * 8_000}{HUB}", NoHubError, CUT),
        (RSS.format(ITEMS + HUB.replace("<", "<a:")), NoHubError, CUT),
        (RSS.format(HUB.replace("<", "<a:") + ITEMS), NoTopicError, CUT),
        (RSS.format(f"&nbsp;{'<b/>' * 25_000}{HUB}"), DiscoveryError, "not well-formed"),
        ("<html><head></head><body>" + "x" * 1_100_000, NoHubError, "nor in its body."),
        (f'<html><head><link rel="hub" href="{LONG}">', NoHubError, "longer than 2048 bytes"),
        (f'<html><head><link rel="hub" href="{LONG * 9}">', DiscoveryError, "or too long ones"),
        (f'<html><head>{HUB}<link rel="self" href="{LONG}">', NoTopicError, "longer than 2048 bytes"),
        (RSS.format(f'<a:link rel="hub" href="{LONG}"/>'), NoHubError, "longer than 2048 bytes"),
        (RSS.format(f'&nbsp;<a:link rel="hub" href="{LONG}"/>'), NoHubError, "longer than 2048 bytes"),
        (gzip.compress(RSS.format(HUB).encode()), DiscoveryError, "compressed with gzip"),
        ("", NoHubError, "nor in its body."),
    ],
)
@pytest.mark.parametrize("content_type", ["text/html", "application/rss+xml"])
def test_the_reason_is_the_real_one(
    body: str | bytes, kind: type[DiscoveryError], reason: str, content_type: str
) -> None:
    error = discover(body, content_type)
    assert reason in str(error)
    assert type(error) is kind


def test_hubs_of_json_feeds_are_not_said_to_be_missing_where_they_are_not_read() -> None:
    feed = '{"version": "https://jsonfeed.org/version/1.1", "hubs": []}'
    assert "on request" in str(discover(feed, "application/feed+json"))
    assert "on request" not in str(discover(feed, "application/feed+json", json_feed=True))


async def test_a_page_that_is_longer_than_what_is_read_is_said_to_be() -> None:
    async def page(_: object, __: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": f"<title>{'x' * 50_000}</title>{HUB}".encode()})

    web = InMemoryWeb()
    web["pub.example"] = page
    async with web.client() as inner, DiscoveryClient(client=inner, max_bytes=20_000) as client:
        with pytest.raises(NoHubError, match=CUT):
            await client.discover(URL)
