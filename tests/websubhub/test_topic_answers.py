"""What a topic may answer over a real socket, and what of it is content."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from tests.waiting import PATIENCE
from tests.websub.peers import Behaviour, Peer, peer, saying
from websubhub import TopicClient, TopicContent, TopicFetchError, TopicHead

CONTENT = b"<feed>new</feed>"
PART = gzip.compress(CONTENT, mtime=0)[:-4]


def answer(status: str = "200 OK", body: bytes = CONTENT, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ending_with(data: bytes) -> Behaviour:
    """Answer with some bytes and end the connection."""

    async def say(stream: SocketStream) -> None:
        await stream.send(data)
        await stream.aclose()

    return say


@asynccontextmanager
async def topic(behaviour: Behaviour | bytes, **settings: Any) -> AsyncIterator[tuple[TopicClient, Peer]]:
    behaving = saying(behaviour) if isinstance(behaviour, bytes) else behaviour
    with anyio.fail_after(PATIENCE):
        async with peer(behaving) as site, TopicClient("http://127.0.0.1/hub", **settings) as client:
            yield client, site


async def fetched(behaviour: Behaviour | bytes, **settings: Any) -> TopicContent:
    async with topic(behaviour, **settings) as (client, site):
        content = await client.fetch(site.url)
    assert content is not None
    return content


async def failed(behaviour: Behaviour | bytes, **settings: Any) -> TopicFetchError:
    async with topic(behaviour, **settings) as (client, site):
        with pytest.raises(TopicFetchError) as caught:
            await client.fetch(site.url)
    assert str(caught.value)
    return caught.value


# --- statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "200", "203 Non-Authoritative Information"])
@pytest.mark.parametrize("body", [CONTENT, b""])
async def test_content_is_content_an_empty_one_too(status: str, body: bytes) -> None:
    assert (await fetched(answer(status, body))).body == body


@pytest.mark.parametrize("status", [201, 202, 204, 205, 206, 207, 208, 226, 299])
async def test_a_success_without_the_content_is_an_error(status: int) -> None:
    body = b"" if status in {204, 205} else CONTENT
    error = await failed(answer(f"{status} X", body, "Content-Range: bytes 0-15/999"))
    assert error.status == status
    assert str(status) in error.reason


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 306, 307, 308, 399])
async def test_a_redirect_that_leads_nowhere_is_an_error(status: int) -> None:
    assert (await failed(answer(f"{status} X", b""))).status == status


async def test_a_choice_is_no_content() -> None:
    assert (await failed(answer("300 X", CONTENT, "Location: /other"))).status == 300


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
async def test_an_error_brings_its_status_and_its_headers(status: int) -> None:
    error = await failed(answer(f"{status} X", CONTENT, "Retry-After: 200"))
    assert error.status == status
    assert error.headers["retry-after"] == "200"


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints\r\nLink: </x>; rel=hub"])
async def test_interim_answers_are_passed_over(interim: str) -> None:
    content = await fetched(f"HTTP/1.1 {interim}\r\n\r\n".encode() + answer())
    assert (content.body, content.hubs) == (CONTENT, ())


async def test_another_protocol_is_an_error() -> None:
    assert (await failed(b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")).status in {0, 101}


# --- bodies -----------------------------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(answer(length=len(CONTENT) + 1), id="shorter than its length"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n", id="without the last chunk"),
        pytest.param(CHUNKED + b"5\r\nhel", id="in the middle of a chunk"),
        pytest.param(CHUNKED + b"5\r\nhelloX", id="a chunk that does not end"),
        pytest.param(CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", id="a chunk of no size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="in the middle of the head"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="no head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", id="two lengths"),
        pytest.param(answer("200 OK", PART, "Content-Encoding: gzip"), id="part of a gzip"),
    ],
)
@pytest.mark.threat("BODY-2", "GZ-4")
async def test_a_part_of_the_content_is_an_error(data: bytes) -> None:
    """BODY-2, GZ-4"""
    assert (await failed(ending_with(data))).status in {0, 200}


async def test_content_may_end_with_its_connection() -> None:
    content = await fetched(ending_with(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT))
    assert content.body == CONTENT


@pytest.mark.parametrize("limit", [len(CONTENT) - 1, len(CONTENT)])
async def test_the_limit_counts_unpacked_bytes(limit: int) -> None:
    packed = answer("200 OK", gzip.compress(CONTENT, mtime=0), "Content-Encoding: gzip")
    if limit < len(CONTENT):
        assert "too large" in (await failed(packed, body_limit=limit)).reason
    else:
        assert (await fetched(packed, body_limit=limit)).body == CONTENT


@pytest.mark.threat("BODY-2")
async def test_a_length_beyond_the_limit_is_not_waited_for() -> None:
    error = await failed(answer("200 OK", b"the first bytes", length=10_000_000), body_limit=1_000)
    assert "too large" in error.reason


# --- compressed content -----------------------------------------------------------------------------------------------


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("coding", PACK)
@pytest.mark.threat("GZ-3")
async def test_compressed_content_is_unpacked_although_nobody_asked_for_it(coding: str) -> None:
    """GZ-3"""
    body = PACK[coding](CONTENT)
    async with topic(answer("200 OK", body, f"Content-Encoding: {coding}")) as (client, site):
        content = await client.fetch(site.url)
    assert content is not None
    assert content.body == CONTENT
    assert b"accept-encoding: identity\r\n" in site.requests[0].lower()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip\r\nContent-Encoding: gzip"])
@pytest.mark.threat("GZ-2", "GZ-5")
async def test_content_that_cannot_be_unpacked_is_an_error_that_says_so(coding: str) -> None:
    """GZ-2, GZ-5"""
    error = await failed(answer("200 OK", gzip.compress(CONTENT, mtime=0), f"Content-Encoding: {coding}"))
    assert error.status == 200
    assert "compressed" in error.reason
    assert coding not in {"br", "zstd"} or coding in error.reason


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.threat("GZ-1")
async def test_a_bomb_is_not_unpacked(coding: str) -> None:
    """GZ-1"""
    bomb = PACK[coding](b"\0" * 100_000_000)
    tracemalloc.start()
    try:
        error = await failed(answer("200 OK", bomb, f"Content-Encoding: {coding}"), body_limit=100_000)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert "too large" in error.reason


# --- what goes on to subscribers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("good", ["text/plain", 'Text/X; charset="Y"', "application/atom+xml;type=feed", "a/b ;c=d"])
async def test_the_type_is_kept_to_the_letter(good: str) -> None:
    assert (await fetched(answer("200 OK", CONTENT, f"Content-Type: {good}"))).content_type == good


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "text",
        "text/",
        "\xe2\x82\xac",
        "text/plain; charset=\xe4",
        f"text/plain; x={'x' * 60_000}",
        "text/plain, text/html",
        "text/plain\r\nContent-Type: text/html",
        "te xt/plain",
    ],
)
@pytest.mark.threat("HI-4", "HI-5", "HI-8", "DOS-12")
async def test_a_type_that_cannot_be_sent_on_is_replaced(bad: str) -> None:
    content = await fetched(answer("200 OK", CONTENT, f"Content-Type: {bad}"))
    assert content.content_type == "application/octet-stream"


async def test_a_type_that_comes_twice_is_one() -> None:
    content = await fetched(answer("200 OK", CONTENT, "Content-Type: text/html", "Content-Type: text/html"))
    assert content.content_type == "text/html"


@pytest.mark.threat("HI-7", "DOS-12")
async def test_links_are_bounded_and_the_own_hub_stays() -> None:
    others = ", ".join(f"<https://hub.example/{number}/{'x' * 500}>; rel=hub" for number in range(50))
    content = await fetched(answer("200 OK", CONTENT, f"Link: {others}, <http://127.0.0.1/hub>; rel=hub"))
    assert content.hubs[-1] == "http://127.0.0.1/hub"
    assert 5 < len(content.hubs) < 10


@pytest.mark.parametrize(
    "target", ["ftp://a.example/", "https://a.example/#top", "http://", f"https://a.example/{'x' * 3000}"]
)
@pytest.mark.threat("HI-7")
async def test_links_that_are_no_topics_and_hubs_are_left_out(target: str) -> None:
    links = f'Link: <{target}>; rel="self hub", <https://b.example/>; rel="self hub"'
    content = await fetched(answer("200 OK", CONTENT, links))
    assert (content.topic, content.hubs) == ("https://b.example/", ("https://b.example/",))


# --- redirects --------------------------------------------------------------------------------------------------------


def redirecting(location: str) -> Behaviour:
    async def say(stream: SocketStream) -> None:
        await stream.send(answer("302 Found", b"", f"Location: {location}", "Connection: close"))
        await stream.aclose()

    return say


@pytest.mark.parametrize("location", ["{url}/x#frag", "/x#frag", "x#", "{url}/x#a?b"])
async def test_a_redirect_is_followed_without_its_fragment(location: str) -> None:
    async with topic(answer()) as (client, last), peer(redirecting(location.format(url=last.url))) as first:
        if location.startswith("{url}"):
            content = await client.fetch(first.url)
            assert content is not None
            assert (content.body, content.url) == (CONTENT, f"{last.url}/x")
            assert last.requests[0].startswith(b"GET /x HTTP/1.1\r\n")
        else:
            with pytest.raises(TopicFetchError, match="too often"):
                await client.fetch(first.url)
            assert first.requests[1].startswith(b"GET /x HTTP/1.1\r\n")


async def test_what_another_url_said_is_no_condition_for_this_one() -> None:
    """An entity tag belongs to one URL, and another one may use the same for something else."""
    async with topic(answer()) as (client, last), peer(redirecting(f"{last.url}/2")) as first:
        content = await client.fetch(first.url, etag='"1"', found_at=f"{last.url}/1")
    assert content is not None
    assert b"if-none-match" not in (first.requests[0] + last.requests[0]).lower()


async def test_conditions_go_to_the_url_that_they_come_from() -> None:
    async with topic(answer("304 Not Modified", b"")) as (client, last), peer(redirecting(f"{last.url}/1")) as first:
        assert await client.fetch(first.url, etag='"1"', found_at=f"{last.url}/1") is None
    assert b"if-none-match" not in first.requests[0].lower()
    assert b'if-none-match: "1"' in last.requests[0].lower()


# --- only the head ----------------------------------------------------------------------------------------------------


async def test_a_look_reads_no_more_than_the_head() -> None:
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\nLink: </hub>; rel=hub, </self>; rel="self"\r\n\r\n'
    async with topic(head) as (client, site):
        seen = await client.look(site.url)
        await site.closed.wait()
    assert seen == TopicHead(
        url=site.url, content_type="application/octet-stream", hubs=(f"{site.url}/hub",), topic=f"{site.url}/self"
    )


@pytest.mark.parametrize("data", [answer("204 X", b""), answer("404 X"), answer("200 X", b"", "Content-Encoding: br")])
async def test_a_look_finds_what_a_fetch_would_fail_of(data: bytes) -> None:
    async with topic(data) as (client, site):
        with pytest.raises(TopicFetchError):
            await client.look(site.url)
