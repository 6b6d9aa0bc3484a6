"""TopicClient fetches what a publisher announced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from tests.conformance.hubs import HUB, TOPIC, RawCallback, served
from websubhub import TopicClient, TopicContent, TopicFetchError
from websubhub.testing import InMemoryWeb

LINK = '<https://hub.example/>; rel="hub", </other>; rel=hub, <https://publisher.example/canonical>; rel="self"'


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Any:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda _: (status, pairs, body)


@asynccontextmanager
async def topics(*answers: Any, **settings: Any) -> AsyncIterator[tuple[TopicClient, RawCallback, InMemoryWeb]]:
    site, web = RawCallback(*answers), InMemoryWeb()
    web["publisher.example"] = site
    async with web.client() as http, TopicClient(HUB, client=http, **settings) as client:
        yield client, site, web


@pytest.mark.spec("H-43", "H-44", "H-59")
@pytest.mark.parametrize(
    "content_type", ["text/html;charset=UTF-8", "application/atom+xml; charset=utf-8", "IMAGE/png"]
)
async def test_a_fetch_brings_the_exact_content_with_its_type_and_links(content_type: str) -> None:
    body = bytes(range(256))
    dates = {"Last_Modified": "Sun, 22 Nov 2026 08:00:00 GMT", "Date": "Sun, 22 Nov 2026 09:00:00 GMT"}
    told = answer(200, body, Content_Type=content_type, Link=LINK, ETag='"e"', **dates)
    async with topics(told) as (client, site, _):
        content = await client.fetch(TOPIC)
    assert content == TopicContent(
        url=TOPIC,
        body=body,
        content_type=content_type,
        hubs=("https://hub.example/", "https://publisher.example/other"),
        topic="https://publisher.example/canonical",
        etag='"e"',
        last_modified="Sun, 22 Nov 2026 08:00:00 GMT",
    )
    ((method, target, headers, sent),) = site.requests
    assert (method, target, sent) == ("GET", "/feed?tag=a&b=1", b"")
    assert headers["accept"] == "*/*"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("websubhub/")
    assert "if-none-match" not in headers


async def test_a_topic_without_links_names_neither_hub_nor_self() -> None:
    async with topics(answer(200, b"x", Content_Type="text/plain")) as (client, _, _web):
        content = await client.fetch(TOPIC)
    assert content is not None
    assert (content.hubs, content.topic, content.etag, content.last_modified) == ((), None, None, None)


async def test_what_did_not_change_is_not_fetched_again() -> None:
    async with topics(answer(304)) as (client, site, _):
        assert await client.fetch(TOPIC, etag='W/"e"', last_modified="Sun, 22 Nov 2026 08:00:00 GMT") is None
    ((_, _, headers, _),) = site.requests
    assert headers["if-none-match"] == 'W/"e"'
    assert headers["if-modified-since"] == "Sun, 22 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_and_the_links_of_the_last_answer_count(status: int) -> None:
    moved = answer(status, b"", Location="../new?a=1", Link='<https://wrong.example/>; rel="self"')
    final = answer(200, b"new", Content_Type="text/plain", Link='<self>; rel="self"')
    async with topics(moved, final) as (client, site, _):
        content = await client.fetch("https://publisher.example/old/feed")
    assert content is not None
    assert (content.body, content.topic) == (b"new", "https://publisher.example/self")
    assert site.targets == ["/old/feed", "/new?a=1"]


@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-14")
async def test_redirects_are_bounded() -> None:
    async with topics(answer(302, Location="/feed"), redirects=3) as (client, site, _):
        with pytest.raises(TopicFetchError):
            await client.fetch(TOPIC)
    assert len(site.requests) == 4


@pytest.mark.spec("SEC-15")
@pytest.mark.parametrize(
    "location", ["ftp://publisher.example/", "file:///etc/passwd", "javascript:1", "http://", "ws://a.example/"]
)
@pytest.mark.threat("SSRF-15")
async def test_a_redirect_to_what_is_no_web_page_is_an_error(location: str) -> None:
    async with topics(answer(302, Location=location)) as (client, _, web):
        with pytest.raises(TopicFetchError):
            await client.fetch(TOPIC)
    assert len(web.requests) == 1


@pytest.mark.spec("SEC-01")
@pytest.mark.threat("SSRF-14")
async def test_a_redirect_does_not_leave_https() -> None:
    async with topics(answer(302, Location="http://publisher.example/")) as (client, _, web):
        with pytest.raises(TopicFetchError):
            await client.fetch(TOPIC)
    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 500, 503])
async def test_any_other_answer_is_an_error_with_its_status(status: int) -> None:
    async with topics(answer(status, b"not the topic")) as (client, _, _web):
        with pytest.raises(TopicFetchError) as caught:
            await client.fetch(TOPIC)
    assert caught.value.status == status
    assert str(caught.value)


async def test_a_304_that_was_not_asked_for_is_an_error() -> None:
    async with topics(answer(304)) as (client, _, _web):
        with pytest.raises(TopicFetchError, match="304"):
            await client.fetch(TOPIC)


async def test_a_topic_that_does_not_answer_is_an_error_without_a_status() -> None:
    async with topics() as (client, _, web):
        web.down.add("publisher.example")
        with pytest.raises(TopicFetchError) as caught:
            await client.fetch(TOPIC)
    assert caught.value.status == 0


@pytest.mark.parametrize("url", ["feed", "ftp://publisher.example/", "https://user:word@publisher.example/"])
async def test_a_topic_that_cannot_be_called_is_an_error(url: str) -> None:
    async with topics() as (client, _, web):
        with pytest.raises(TopicFetchError):
            await client.fetch(url)
    assert not web.requests


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
@pytest.mark.threat("BODY-1")
async def test_content_beyond_the_limit_is_an_error(size: int, fits: bool) -> None:  # noqa: FBT001  one of a pair
    async with topics(answer(200, b"x" * size), body_limit=1000) as (client, _, _web):
        if fits:
            content = await client.fetch(TOPIC)
            assert content is not None
            assert len(content.body) == size
        else:
            with pytest.raises(TopicFetchError):
                await client.fetch(TOPIC)


@pytest.mark.spec("SEC-15")
async def test_a_public_hub_fetches_nothing_from_this_machine_not_even_by_redirect() -> None:
    canary = RawCallback()
    async with served(canary) as base, TopicClient("https://hub.example/hub") as client:
        for url in (base, base.replace("127.0.0.1", "localhost"), f"http://[::ffff:127.0.0.1]:{urlsplit(base).port}/"):
            with pytest.raises(TopicFetchError) as caught:
                await client.fetch(url)
            assert caught.value.status == 0
    assert not canary.requests


@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-13")
async def test_each_redirect_is_checked_anew() -> None:
    canary = RawCallback()
    async with served(canary) as hidden:
        away = RawCallback(answer(302, Location=hidden.replace("127.0.0.1", "127.0.0.2")))
        async with served(away) as base, TopicClient(HUB, allow_networks=("127.0.0.1/32",)) as client:
            with pytest.raises(TopicFetchError):
                await client.fetch(base)
    assert len(away.requests) == 1
    assert not canary.requests


async def test_a_hub_on_loopback_fetches_from_loopback() -> None:
    site = RawCallback(answer(200, b"x", Content_Type="text/plain"))
    async with served(site) as base, TopicClient("http://localhost:8080/hub") as client:
        content = await client.fetch(f"{base}/a/../b//c?x=[1]|{{2}}")
    assert content is not None
    assert content.body == b"x"
    assert site.targets == ["/a/../b//c?x=[1]|{2}"]


def test_content_is_frozen_and_does_not_show_its_body() -> None:
    content = TopicContent(body=b"swordfish", content_type="text/plain")
    assert "swordfish" not in repr(content)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        content.body = b""  # type: ignore[misc]  # is what is tried
