"""One ASGI request, event by event, as a server would bring it."""

from collections.abc import Iterable
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from _websub.asgi.edge import AsgiApp
from _websub.asgi.events import Scope


def scope_of(method: str = "POST", path: str = "/hub", **rest: Any) -> Scope:
    """Make an HTTP scope; headers are given as pairs of text."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in rest.pop("headers", [("host", "hub.test")])]
    return {"type": "http", "method": method, "path": path, "headers": headers, "http_version": "1.1"} | rest


def body_of(*chunks: bytes) -> list[dict[str, Any]]:
    """Bring a body in these chunks."""
    last = len(chunks) - 1
    return [{"type": "http.request", "body": chunk, "more_body": n < last} for n, chunk in enumerate(chunks)]


@attrs.define
class Conversation:
    """What a server said to an application, and what it heard."""

    scope: Scope
    coming: list[dict[str, Any]]
    sent: list[dict[str, Any]] = attrs.field(factory=list)
    answered: anyio.Event = attrs.field(factory=anyio.Event)
    taken: int = 0

    async def receive(self) -> dict[str, Any]:
        """Bring the next event; after the last, wait for the answer and say that the client has gone."""
        await anyio.lowlevel.checkpoint()
        if self.taken < len(self.coming):
            self.taken += 1
            event = self.coming[self.taken - 1]
            await anyio.sleep(event.get("after", 0))
            return event
        await self.answered.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Any) -> None:
        """Take an event of the answer."""
        await anyio.lowlevel.checkpoint()
        self.sent.append(event)
        if event["type"] == "http.response.body" and not event.get("more_body", False):
            self.answered.set()

    @property
    def status(self) -> int:
        """The status of the answer."""
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {name.decode(): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return b"".join(event["body"] for event in self.sent[1:])


async def converse(app: AsgiApp, scope: Scope | None = None, coming: Iterable[dict[str, Any]] = ()) -> Conversation:
    """Bring a request to an application, and wait until it is through with it."""
    conversation = Conversation(scope or scope_of(), list(coming) or body_of(b""))
    await app(conversation.scope, conversation.receive, conversation.send)
    return conversation
