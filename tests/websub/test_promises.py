"""What a server promises is not waited for a second time, and what it does not promise still has its deadlines."""

import math
from collections.abc import MutableMapping
from typing import Any

import anyio
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.asgi.promises import EXTENSION, Promises, promises_of
from _websub.http import Answer, Request, plain
from _websub.limits import EdgeLimits
from tests.waiting import PATIENCE
from tests.websub.peers import exchange, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

SECONDS = 0.05
NOTHING = Promises(whole=False, send_seconds=math.inf)


class Server:
    """Sends a body and takes an answer when the test says so.

    Args:
        promises: Its promises, if it makes any.
    """

    def __init__(self, promises: Promises | None) -> None:
        self.scope: MutableMapping[str, Any] = {
            "type": "http", "method": "POST", "path": "/", "headers": [], "client": ("192.0.2.1", 1),
        }  # fmt: skip
        if promises is not None:
            self.scope["extensions"] = {EXTENSION: promises}
        self.arrived, self.taken = anyio.Event(), anyio.Event()
        self.statuses = list[int]()

    async def receive(self) -> MutableMapping[str, Any]:
        await self.arrived.wait()
        return {"type": "http.request", "body": b"body"}

    async def send(self, event: MutableMapping[str, Any]) -> None:
        self.statuses += [event["status"]] if "status" in event else []
        await self.taken.wait()


class Edge(AsgiEdge):
    """Answers with 200 and remembers what came."""

    def __init__(self) -> None:
        super().__init__(self._reply, limits=EdgeLimits(body_seconds=SECONDS, send_seconds=SECONDS))
        self.scopes = list[Any]()
        self.bodies = list[bytes]()

    async def _reply(self, request: Request) -> Answer:
        self.bodies.append(request.body)
        return Answer(plain(200, "ok"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Remember the scope."""
        self.scopes.append(scope)
        await super().__call__(scope, receive, send)


@pytest.mark.parametrize("promises", [None, NOTHING, Promises(whole=False, send_seconds=SECONDS)])
async def test_a_body_that_was_not_promised_has_a_deadline(promises: Promises | None) -> None:
    server, edge = Server(promises), Edge()
    server.taken.set()
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(edge, server.scope, server.receive, server.send)
            while not server.statuses:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.01)
            server.arrived.set()
    assert server.statuses == [408]


@pytest.mark.parametrize("promises", [None, NOTHING, Promises(whole=True, send_seconds=SECONDS * 2)])
async def test_an_answer_without_an_early_enough_promise_has_a_deadline(promises: Promises | None) -> None:
    server, edge = Server(promises), Edge()
    server.arrived.set()
    with anyio.fail_after(PATIENCE):
        await edge(server.scope, server.receive, server.send)
    assert edge.load.pending == 0


async def test_what_is_promised_is_left_to_the_server() -> None:
    server, edge = Server(Promises(whole=True, send_seconds=SECONDS)), Edge()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(edge, server.scope, server.receive, server.send)
        await anyio.sleep(SECONDS * 3)
        assert not edge.bodies
        assert not server.statuses, "it has not given up"
        server.arrived.set()
        await anyio.sleep(SECONDS * 3)
        assert server.statuses == [200]
        assert edge.load.pending == 1, "it has not given up"
        server.taken.set()
    assert edge.bodies == [b"body"]


@pytest.mark.parametrize("foreign", [{}, {EXTENSION: {"whole": True}}, {"http.response.push": {}}, None])
def test_what_others_say_is_no_promise(foreign: object) -> None:
    assert promises_of({"extensions": foreign}) == NOTHING
    assert promises_of({}) == NOTHING


async def test_a_server_promises_a_body_only_when_it_is_there() -> None:
    edge, head = Edge(), b"POST / HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 4\r\n\r\n"
    async with served(edge) as url:
        assert status_of(await exchange(url, head + b"body")) == 200
        assert status_of(await exchange(url, head + b"bo")) == 408
    assert edge.bodies == [b"body"]
    *_, there, cut = (promises_of(scope) for scope in edge.scopes if scope["type"] == "http")
    assert not cut.whole
    assert there.whole == (there.send_seconds != math.inf), "if it promises anything"
