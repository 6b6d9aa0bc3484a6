"""What the whole suite stands on."""

import pytest
from hypothesis import settings

# A machine that runs several things at once makes a single example slow, which says nothing about the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every asynchronous test runs on both event loops; a module that cannot overrides this fixture and says why."""
    backend: str = request.param
    return backend
