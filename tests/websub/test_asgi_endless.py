"""What never ends on its own, and so leaves no time for a fake clock to jump."""

import anyio
import pytest

from _websub.asgi import events as asgi_events
from _websub.asgi.edge import AsgiEdge, AsgiSend, Receive, Scope
from _websub.http import Answer, Request, plain
from _websub.limits import EdgeLimits
from tests.waiting import PATIENCE
from tests.websub.peers import connected, served
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module


async def echo(request: Request) -> Answer:
    return Answer(plain(200, f"{request.method} {request.path} {len(request.body)}"))


async def test_a_client_that_never_stops_sending_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_events, "_LINGER_SECONDS", 0.05)
    edge = AsgiEdge(echo, limits=EdgeLimits(body_bytes=1000, body_seconds=PATIENCE))
    through = anyio.Event()

    async def watched(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        await edge(scope, receive, send)
        if scope["type"] == "http":
            through.set()

    async with served(watched) as url, connected(url) as stream:
        await stream.send(b"POST /hub HTTP/1.1\r\nHost: hub.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(anyio.BrokenResourceError), anyio.fail_after(PATIENCE):  # noqa: PT012 - some send fails
            while True:
                await stream.send(b"10000\r\n%b\r\n" % (b"x" * 65536))
        with anyio.fail_after(PATIENCE):
            await through.wait()
