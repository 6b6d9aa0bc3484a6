"""What the SQL of the product must not contain."""

import re
from pathlib import Path

import pytest

import websubhub.standalone.adapters.sqlite
import websubsub

PACKAGES = [Path(package.__file__ or "").parent for package in (websubhub.standalone.adapters.sqlite, websubsub)]
MODULES = [path for package in PACKAGES for path in sorted(package.glob("*.py"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_placeholder_has_a_number(path: Path) -> None:
    # Python 3.12.0 to 3.12.3 take ?1 for a name, and warn of a sequence of values.
    assert not re.findall(r"\?\d", path.read_text())
