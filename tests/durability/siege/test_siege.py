"""A hub that is attacked in all ways at once goes on for everybody else.

How fast is measured by ``python -m tests.durability.siege``, on a machine that does nothing else.
"""

from pathlib import Path

import pytest

from tests.durability.siege.measuring import LONGEST
from tests.durability.siege.run import besiege


@pytest.mark.durability
@pytest.mark.threat("DOS-1", "DOS-2", "DOS-3", "DOS-4", "DOS-5", "DOS-7", "DOS-8", "DOS-9", "DOS-10")
@pytest.mark.threat("DOS-12", "DOS-17", "SLOW-1", "SLOW-2", "SLOW-3", "SLOW-4", "SLOW-5", "SLOW-6")
def test_nobody_is_shut_out_while_a_hub_is_attacked_in_all_ways_at_once(tmp_path: Path) -> None:
    report = besiege(tmp_path, seconds=15.0, warming=8.0)
    assert len(report.sent) >= 15, "there was hardly any attack"
    assert min(report.sent.values()) > 0
    for name in ("health", "ready", "verified", "published", "announced"):
        measured = getattr(report.measures, name)
        assert measured, name
        assert max(measured) < LONGEST, f"{name} was not answered"
    assert report.status == 0
    assert report.complaints == []
