"""A plugin of pytest for a run over NATS, whose client works on asyncio only."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is to run on trio."""
    left_out = [item for item in items if "trio" in item.nodeid]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
