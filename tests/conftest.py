"""What the whole suite stands on."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.ports import held_port, held_ports

# A machine that runs several things at once makes a single example slow, which says nothing about the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every asynchronous test runs on both event loops; a module that cannot overrides this fixture and says why."""
    backend: str = request.param
    return backend


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port of loopback that nobody listens on, and that nobody else is given while the test runs."""
    with held_port() as port:
        yield port


@pytest.fixture
def free_ports() -> Iterator[list[int]]:
    """Three such ports."""
    with held_ports(3) as ports:
        yield ports
