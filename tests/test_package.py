"""What the package index shows of this distribution, and what the site shows of its documentation."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import websubhub
import websubsub
from tests.documents import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_metadata_says_what_it_is_and_for_whom() -> None:
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(PROJECT["classifiers"])
    assert PROJECT["requires-python"] == ">=3.11"
    assert PROJECT["license"] == "Apache-2.0"
    assert {"websub", "pubsubhubbub", "hub", "asgi"} <= set(PROJECT["keywords"])
    assert "version" in PROJECT["dynamic"]
    assert websubhub.__version__ == websubsub.__version__
    assert f"## [{websubhub.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_package_has_types() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in ("_websub", "websubhub", "websubsub"))


def test_the_site_leads_to_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/-]+\.md)$", nav, re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md"))


def test_a_foreign_package_of_the_same_name_is_told_in_a_sentence(tmp_path: Path) -> None:
    foreign = tmp_path / "websubsub"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("")
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "from websubhub.standalone.command.cli import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "websubhub: Another distribution has replaced the package websubsub of websubhub; "
        "uninstall it, and install websubhub again.\n"
    )
