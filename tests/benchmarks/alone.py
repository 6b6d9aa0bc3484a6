"""An application without a server: ``python -m tests.benchmarks.alone KIND NUMBER`` says how long its requests take."""

import logging
import sys
import time
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import anyio
import anyio.lowlevel

from _websub.grammar.signature import sign
from tests.benchmarks.inbound import CONTENT, PUBLISH, SUBSCRIBE
from tests.benchmarks.server import SECRET, application
from websubhub import HubApplication, SharedContent

_KINDS = {
    "subscribe": ("hub", SUBSCRIBE, ""),
    "publish": ("hub", CONTENT, PUBLISH),
    "callback": ("subscriber", CONTENT, ""),
}
_TOGETHER = 32  # requests before what they left to do has its turn


def _scope(path: str, query: str, content: SharedContent, secret: str | None) -> dict[str, Any]:
    """What hypercorn makes of such a request."""
    signature = [] if secret is None else [("X-Hub-Signature", sign("sha256", secret, content.body))]
    fields = [("Host", "127.0.0.1:8080"), *content.headers, *signature, ("Content-Length", str(len(content.body)))]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.removeprefix("?").encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in fields],
    }


async def main(kind: str, number: int) -> None:
    """Make so many requests, each of which is there whole, and print the CPU seconds that they took."""
    name, content, query = _KINDS[kind]
    statuses = set()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": content.body, "more_body": False}

    async def send(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            statuses.add(event["status"])

    async with application(name) as (app, path), AsyncExitStack() as stack:
        if isinstance(app, HubApplication):  # a server would start it
            await stack.enter_async_context(app)
        scope = _scope(path, query, content, SECRET if kind == "callback" else None)
        started = time.process_time()
        for index in range(number):
            await app(scope.copy(), receive, send)
            if index % _TOGETHER == 0:
                await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        sys.stdout.write(f"{time.process_time() - started}\n")
    assert statuses <= {200, 202}, statuses


if __name__ == "__main__":
    logging.disable()
    anyio.run(main, sys.argv[1], int(sys.argv[2]), backend_options={"use_uvloop": True})
