"""Each server on each event loop that it runs on: what one keeps, the other keeps as well.

A module of tests takes this by an override of the fixture, and its peers are served so where nothing else is asked for:

    from tests.websub.servers import anyio_backend_and_server as anyio_backend
"""

from typing import Any

import pytest
from trio.testing import MockClock

from tests.clock import QUIET_SECONDS, FakeClockEventLoop
from tests.websub import peers

EVERY_SERVER = [("asyncio", "hypercorn"), ("asyncio", "uvicorn"), ("trio", "hypercorn")]


@pytest.fixture(params=EVERY_SERVER, ids=" ".join)
def anyio_backend_and_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both event loops, with every server."""
    backend: str
    backend, server = request.param
    monkeypatch.setattr(peers, "SERVER", server)
    return backend


@pytest.fixture(params=EVERY_SERVER, ids=" ".join)
def anyio_backend_and_server_with_fake_clock(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, dict[str, Any]]:
    """Both event loops with a fake clock, and every server."""
    backend, server = request.param
    monkeypatch.setattr(peers, "SERVER", server)
    if backend == "asyncio":
        return backend, {"loop_factory": FakeClockEventLoop}
    return backend, {"clock": MockClock(autojump_threshold=QUIET_SECONDS)}
