"""httpx on the engine: the same requests and responses, and the errors that httpx users know."""

import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, hang, open_engine, peer
from websubhub._distribution.transport import DistributionTransport


def client(*, request_bytes: int = 1000, answer_bytes: int = 1000, **options: object) -> httpx.AsyncClient:
    transport = DistributionTransport(open_engine(), request_bytes=request_bytes, answer_bytes=answer_bytes)
    return httpx.AsyncClient(transport=transport, **options)  # type: ignore[arg-type]


async def test_get() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nLink: <a>\r\nLink: <b>\r\nContent-Length: 5\r\n\r\nhello"
    with peer(answering(answer)) as server:
        async with client() as web:
            responses = [await web.get(f"{server.url}/a%20b?c=d") for _ in range(3)]
    for response in responses:
        assert (response.status_code, response.text) == (200, "hello")
        assert response.headers.get_list("link") == ["<a>", "<b>"]
    assert server.connections == 1
    assert server.requests[0].startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
    assert server.requests[0].lower().count(b"host:") == 1
    assert b"content-length" not in server.requests[0].lower()


async def test_post_with_a_streamed_body() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    with peer(answering(NO_CONTENT)) as server:
        async with client() as web:
            assert (await web.post(server.url, content=body())).status_code == 204
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    assert sent == b"one two"
    assert b"Content-Length: 7" in head
    assert b"chunked" not in head.lower()


async def test_redirect_is_left_to_the_client() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        while True:
            request = server.receive(sock)
            if request.startswith(b"GET /new "):
                sock.sendall(NO_CONTENT)
            else:
                sock.sendall(b"HTTP/1.1 307 X\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n")

    with peer(script) as server:
        async with client() as web:
            assert (await web.get(server.url)).status_code == 307
            assert (await web.get(server.url, follow_redirects=True)).status_code == 204


async def test_answer_to_head() -> None:
    with peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")) as server:
        async with client() as web:
            for _ in range(2):
                response = await web.head(server.url)
                assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"nonsense\r\n", httpx.RemoteProtocolError),
        (b"", httpx.ReadError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", httpx.ReadError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, httpx.RemoteProtocolError),
    ],
)
async def test_bad_answer_is_an_error_of_httpx(answer: bytes, error: type[Exception]) -> None:
    with peer(answering(answer, then=socket.socket.close)) as server:
        async with client() as web:
            with pytest.raises(error) as caught:
                await web.get(server.url)
    assert isinstance(caught.value, httpx.RequestError)
    assert str(caught.value.request.url) == server.url


async def test_timeouts() -> None:
    with peer(hang) as server:
        async with client(timeout=httpx.Timeout(0.15)) as web:
            with pytest.raises(httpx.ReadTimeout):
                await web.get(server.url)


async def test_connection_errors() -> None:
    async with client() as web:
        for url in ("http://127.0.0.1:1/", "http://10.0.0.1/", "http://does-not-exist.invalid/"):
            with pytest.raises(httpx.ConnectError):
                await web.get(url)


async def test_other_schemes_are_not_supported() -> None:
    async with client() as web:
        with pytest.raises(httpx.UnsupportedProtocol):
            await web.get("ftp://127.0.0.1/")


async def test_large_request_is_refused() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with client() as web:
            with pytest.raises(httpx.LocalProtocolError):
                await web.post(server.url, content=b"x" * 1001)
    assert server.connections == 0
