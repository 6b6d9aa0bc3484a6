"""What the package index shows of this distribution, and what the site shows of its documentation."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import websubhub
import websubsub
from _websub.namesake import REPLACED
from docs.generate import site
from tests.documents import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_metadata_says_what_it_is_and_for_whom() -> None:
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(PROJECT["classifiers"])
    assert PROJECT["requires-python"] == ">=3.11"
    assert PROJECT["license"] == "Apache-2.0"
    assert {"websub", "pubsubhubbub", "hub", "asgi"} <= set(PROJECT["keywords"])
    assert PROJECT["authors"] == [{"name": "The websubhub authors"}]
    assert "urls" not in PROJECT  # the repository has no public address yet; links to one may not be invented
    assert "version" in PROJECT["dynamic"]
    assert websubhub.__version__ == websubsub.__version__
    assert f"## [{websubhub.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_package_has_types() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in ("_websub", "websubhub", "websubsub"))


def test_the_site_leads_to_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/-]+\.md)$", nav, re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md"))


def test_names_and_types_of_the_reference_link_to_their_entries() -> None:
    known = site.entries(ROOT / "docs/reference")
    assert "Subscriptions" not in known  # a heading of the configuration
    assert known["Acknowledgement"] == ["messages.md", "subscriber-messages.md"]
    for text, page, link in [
        ("takes a `HubConfig`", "clients.md", "takes a [`HubConfig`](running.md#hubconfig)"),
        ("`RetryPolicy | None`", "clients.md", "[`RetryPolicy | None`](clients.md#retrypolicy)"),
        ("`Acknowledgement`", "subscriber-hooks.md", "[`Acknowledgement`](subscriber-messages.md#acknowledgement)"),
        ("`HubClient.aclose`", "errors.md", "[`HubClient.aclose`](clients.md#hubclientaclose)"),
        ("[`HubConfig`](x.md)", "errors.md", "[`HubConfig`](x.md)"),
        ("## `HubConfig`", "errors.md", "## `HubConfig`"),
        ("```text\n`HubConfig`\n```", "errors.md", "```text\n`HubConfig`\n```"),
        ("`port` and `int`", "errors.md", "`port` and `int`"),
    ]:
        assert site.linked(text, page, known) == link
    assert site.plain_pipes("| `str \\| None` | a \\| b |") == "| `str | None` | a \\| b |"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with a package of another distribution that is named as ours."""
    package = tmp_path / "websubsub"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('no settings')")
    return tmp_path


def run_beside(foreign: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": f"{foreign}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=foreign
    )


def test_the_demo_tells_of_a_foreign_package_in_a_sentence(foreign: Path) -> None:
    done = run_beside(foreign, "-m", "websubhub", "demo")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"websubhub: {REPLACED}\n")


def test_a_program_is_warned_of_a_foreign_package(foreign: Path) -> None:
    done = run_beside(foreign, str(ROOT / "samples/broker_demo.py"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].endswith(f"UserWarning: {REPLACED}")
    assert done.stderr.count(REPLACED) == 1


def test_a_test_run_is_warned_of_a_foreign_package(foreign: Path) -> None:
    (foreign / "test_nothing.py").write_text("def test_nothing(): pass")
    done = run_beside(foreign, "-m", "pytest", "-q", "-p", "websubhub.pytest_plugin", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert REPLACED in done.stdout + done.stderr


def test_what_is_left_of_our_package_tells_of_the_one_that_replaced_it(foreign: Path) -> None:
    (foreign / "websubsub/__init__.py").write_text("")
    for path in (ROOT / "websubsub").iterdir():
        if path.name != "__init__.py":
            (foreign / "websubsub" / path.name).symlink_to(path)
    done = run_beside(foreign, "-m", "websubsub.cli", "--version")
    assert (done.returncode, done.stderr) == (2, f"websubsub: {REPLACED}\n")
    done = run_beside(foreign, "-c", "import websubsub.sync")
    assert done.stderr.splitlines()[-1] == f"_websub.namesake.NamesakeError: {REPLACED}"


def test_the_package_of_this_distribution_is_recognised() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import websubhub, websubsub.sync"], check=True, capture_output=True
    )
    assert done.stderr == b""
