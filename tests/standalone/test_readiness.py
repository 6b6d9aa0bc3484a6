"""Whether a hub is ready is asked of what serves its requests, and answered also while that is full."""

from collections.abc import AsyncIterator

import pytest

from tests.websub.conversation import body_of, converse, scope_of
from websubhub.standalone.assembly import Parts, assembled
from websubhub.standalone.backends import open_store
from websubhub.standalone.reach import Reach
from websubhub.standalone.settings import Settings

HUB = "http://localhost/hub"


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    settings = Settings(store="memory:")
    async with (
        open_store(settings) as store,
        assembled(settings, store, HUB, Reach(HUB, "127.0.0.1")) as assembly,
    ):
        yield assembly


async def status_at(parts: Parts, path: str) -> int:
    return (await converse(parts.operating.admin, scope_of("GET", path, headers=[("host", "localhost")]))).status


async def test_a_hub_that_is_full_is_alive_and_not_ready(parts: Parts) -> None:
    edge = parts.app._edge
    assert [await status_at(parts, path) for path in ("/health", "/ready")] == [200, 200]
    edge._pending = parts.app.load.capacity
    assert (await converse(parts.app, scope_of(headers=[("host", "localhost")]))).status == 503
    assert [await status_at(parts, path) for path in ("/health", "/ready", "/metrics")] == [200, 503, 200]
    edge._pending = 0
    assert await status_at(parts, "/ready") == 200
    assert parts.app.load.refused == 1


@pytest.mark.parametrize("headers", [[("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]])
@pytest.mark.threat("DOS-10")
async def test_a_web_page_cannot_operate_a_hub_on_loopback(parts: Parts, headers: list[tuple[str, str]]) -> None:
    asked = [("host", "localhost"), ("content-type", "application/json")]
    body = body_of(b'{"url": "https://a.example/"}')
    answer = await converse(parts.operating.admin, scope_of(path="/admin/topics", headers=[*asked, *headers]), body)
    assert answer.status == 403
    answer = await converse(parts.operating.admin, scope_of(path="/admin/topics", headers=asked), body)
    assert answer.status == 200
