"""What the whole suite stands on."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from tests.ports import held_port, held_ports

# A machine that runs several things at once makes a single example slow, which says nothing about the code. Each run
# draws the same examples, so that a green one can be repeated; python -m tests.fuzz looks for new ones.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

_for_this_run = ExitStack()


def pytest_configure() -> None:
    """Trust one authority instead of all that the machine does: to read those takes 50 ms for each client.

    Nobody here calls the internet. Processes that tests start, and the workers of this run, take it over.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = _for_this_run.enter_context(tempfile.TemporaryDirectory())
        authority = Path(folder) / "authority.pem"
        trustme.CA().cert_pem.write_to_path(str(authority))
        patch = _for_this_run.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SSL_CERT_FILE", str(authority))


def pytest_unconfigure() -> None:
    """Leave the environment as it was."""
    _for_this_run.close()


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
