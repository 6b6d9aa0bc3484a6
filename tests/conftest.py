"""What the whole suite stands on."""

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from tests.ports import held_port, held_ports

# A machine that runs several things at once makes a single example slow, which says nothing about the code. Each run
# draws the same examples, few of them, so that a green one can be repeated; others, and many more, are drawn by
# python -m pytest --hypothesis-profile deep, and by python -m tests.fuzz.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("suite")

_for_this_run = ExitStack()


def pytest_configure() -> None:
    """Give every test, and every process that one starts, an environment that is the same everywhere.

    The settings of a hub of whoever runs the tests are not theirs. One authority is trusted instead of all that the
    machine knows: to read those takes 50 ms for each client, and nobody here calls the internet.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = _for_this_run.enter_context(tempfile.TemporaryDirectory())
        authority = Path(folder) / "authority.pem"
        trustme.CA().cert_pem.write_to_path(str(authority))
        patch = _for_this_run.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith("WEBSUBHUB_")]:
            patch.delenv(name)
        patch.setenv("SSL_CERT_FILE", str(authority))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector pass by what was collected: thousands of tests that all stay until the end.

    It would look at a million objects of theirs again and again, half a second each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


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
