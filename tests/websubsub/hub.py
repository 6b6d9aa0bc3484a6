"""A hub that does as a test tells it: verifies inside or after the request, redirects, refuses, denies, delivers."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
import httpx


@attrs.define
class Asked:
    """One request that a hub got."""

    path: str
    fields: dict[str, str]
    headers: dict[str, str]

    @property
    def mode(self) -> str:
        return self.fields.get("hub.mode", "")

    @property
    def callback(self) -> str:
        return self.fields["hub.callback"]


@attrs.define
class ScriptedHub:
    """An ASGI application; what it does with the next requests is in its attributes."""

    client: httpx.AsyncClient
    lease_seconds: int = 864_000
    verifies: bool = True
    pages: dict[str, tuple[int, dict[str, str]]] = attrs.field(factory=dict)
    answers: list[tuple[int, dict[str, str]]] = attrs.field(factory=list)
    asked: list[Asked] = attrs.field(factory=list)
    verifications: list[httpx.Response] = attrs.field(factory=list)

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["path"] in self.pages:
            await self._respond(send, *self.pages[scope["path"]])
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(scope["path"], dict(parse_qsl(body.decode())), headers))
        status, extra = self.answers.pop(0) if self.answers else (202, {})
        if status == 202 and self.verifies:
            await self.verify(self.asked[-1])
        await self._respond(send, status, extra)

    @staticmethod
    async def _respond(send: Any, status: int, extra: dict[str, str]) -> None:
        pairs = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": b"said the hub" if status >= 400 else b""})

    async def verify(self, asked: Asked, **changes: str) -> httpx.Response:
        fields = {"hub.mode": asked.mode, "hub.topic": asked.fields["hub.topic"], "hub.challenge": "Zk3_w-81Q.b+/="}
        if asked.mode == "subscribe":
            fields["hub.lease_seconds"] = str(self.lease_seconds)
        response = await self.tell(asked.callback, fields | changes)
        self.verifications.append(response)
        return response

    async def tell(self, callback: str, fields: dict[str, str]) -> httpx.Response:
        joint = "&" if "?" in callback else "?"
        return await self.client.get(f"{callback}{joint}{urlencode(fields)}")

    async def deliver(
        self, callback: str, body: bytes, *, secret: str | None = None, method: str = "sha256", **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if secret is not None:
            digest = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
            named["X-Hub-Signature"] = f"{method}={digest}"
        return await self.client.post(callback, content=body, headers={"Content-Type": "text/plain", **named})
