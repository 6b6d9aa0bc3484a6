"""What comes along with this project: every library on the wire has a floor, and there is a place to report to."""

import re
import tomllib
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

from tests.documents import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = {requirement.name.lower(): requirement for requirement in map(Requirement, PROJECT["dependencies"])}


def brought_along(name: str) -> set[str]:
    """What a library needs on this machine, without its extras."""
    found = [Requirement(text) for text in requires(name) or ()]
    return {each.name.lower() for each in found if each.marker is None or each.marker.evaluate({"extra": ""})}


@pytest.mark.parametrize("name", ["h11", "h2", "hpack", "priority", "wsproto", "httpcore", "httptools", "idna"])
def test_what_reads_bytes_of_strangers_has_a_floor(name: str) -> None:
    assert any(clause.operator in {">=", "==", "~="} for clause in DECLARED[name].specifier)


def test_no_library_of_the_servers_and_clients_is_forgotten() -> None:
    on_the_wire = {"h11", "h2", "hpack", "priority", "wsproto", "httpcore", "idna", "anyio"}
    # These neither read bytes from the network nor decide what is sent.
    elsewhere = {
        "certifi",
        "hyperframe",
        "typing-extensions",
        "typing_extensions",
        "taskgroup",
        "exceptiongroup",
        "tomli",
    }
    needed = brought_along("hypercorn") | brought_along("httpx") | brought_along("httpcore") | brought_along("h2")
    assert needed <= on_the_wire | elsewhere
    assert on_the_wire <= set(DECLARED)


def test_security_md_says_how_to_report_and_what_to_expect() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert re.search(r"^## Reporting", text, re.MULTILINE)
    assert "in private" in text
    assert "docs/explanation/security.md" in text


def test_the_build_writes_a_bill_of_materials_and_audits() -> None:
    script = (ROOT / ".ci/build").read_text()
    assert "cyclonedx-py" in script
    assert "pip-audit" in script
