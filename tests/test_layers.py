"""Who may import whom: the contracts in pyproject.toml hold, each can be broken, and no package is used unsaid."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("_websub", "websubhub", "websubsub")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]

# What an extra brings may be imported where the program lives without it.
OPTIONAL = {
    "cryptography": {"websubhub.standalone.transfer.sealing"},
    "jinja2": {"websubhub.standalone.admin.dashboard.rendering"},
    "nats-py": {"websubhub.standalone.adapters.nats.wire.client"},
    "opentelemetry": {  # several distributions share its name
        "_websub.tracing",
        *(
            f"websubhub.standalone.tracing.{name}"
            for name in "deliveries exporting fetches intake spans traced".split()
        ),
    },
    "pytest": {"websubhub.pytest_plugin"},
    "uvloop": {"_websub.server.serving"},
    "trio": set[str](),
    "uvicorn": {f"_websub.server.plain.{name}" for name in ("choice", "connection", "exchange", "protocol", "shared")},
}

# For each contract a module, an import that has no place in it, and what the linter says about it.
FORBIDDEN = {
    "layers-websub": (
        "_websub/grammar/forms.py",
        "import _websub.calls.client",
        "_websub.grammar.forms -> _websub.calls.client",
    ),
    "layers-server": (
        "_websub/server/rounds.py",
        "import _websub.server.connections",
        "_websub.server.rounds -> _websub.server.connections",
    ),
    "layers-streams": (
        "_websub/server/streams/strict.py",
        "import _websub.server.streams.connection",
        "_websub.server.streams.strict -> _websub.server.streams.connection",
    ),
    "layers-plain": (
        "_websub/server/plain/framing.py",
        "import _websub.server.plain.protocol",
        "_websub.server.plain.framing -> _websub.server.plain.protocol",
    ),
    "layers-calls": (
        "_websub/calls/exchange.py",
        "import _websub.calls.client",
        "_websub.calls.exchange -> _websub.calls.client",
    ),
    "layers-websubhub": (
        "websubhub/_messages.py",
        "import websubhub._protocol",
        "websubhub._messages -> websubhub._protocol",
    ),
    "layers-dispatch": (
        "websubhub/_dispatch/pairs.py",
        "import websubhub._dispatch.dispatcher",
        "websubhub._dispatch.pairs -> websubhub._dispatch.dispatcher",
    ),
    "layers-distribution": (
        "websubhub/_distribution/wire/channel.py",
        "import websubhub._distribution.turns.lines",
        "websubhub._distribution.wire.channel -> websubhub._distribution.turns.lines",
    ),
    "layers-standalone": (
        "websubhub/standalone/settings.py",
        "import websubhub.standalone.command.cli",
        "websubhub.standalone.settings -> websubhub.standalone.command.cli",
    ),
    "layers-dashboard": (
        "websubhub/standalone/admin/dashboard/formats.py",
        "import websubhub.standalone.admin.dashboard.showing",
        "websubhub.standalone.admin.dashboard.formats ->",  # long names are wrapped after the arrow
    ),
    "dashboard": (
        "websubhub/standalone/admin/dashboard/pages/topics.py",
        "import websubhub.standalone.adapters.memory.store",
        "websubhub.standalone.admin.dashboard.pages.topics ->",
    ),
    "adapters": (
        "websubhub/standalone/adapters/memory/state.py",
        "import websubhub.standalone.adapters.sqlite.rows",
        "websubhub.standalone.adapters.memory.state ->",
    ),
    "layers-websubsub": (
        "websubsub/_messages.py",
        "import websubsub._protocol",
        "websubsub._messages -> websubsub._protocol",
    ),
    "no-cycles": ("_websub/grammar/vocabulary.py", "import _websub.grammar.forms", ".vocabulary -> .forms"),
    "two-packages": (
        "websubsub/_service.py",
        "from websubhub._errors import WebSubError",
        "websubsub._service -> websubhub._errors",
    ),
    "demo": ("websubhub/__init__.py", "from websubhub import demo", "websubhub -> websubhub.demo"),
    "shared-below": ("_websub/grammar/urls.py", "import websubsub", "_websub.grammar.urls -> websubsub"),
    "public-names": (
        "websubhub/standalone/command/cli.py",
        "def late():\n    from websubhub._dispatch import dispatcher",
        "websubhub.standalone.command.cli -> websubhub._dispatch.dispatcher",
    ),
    "no-facade": (
        "websubhub/_dispatch/dispatcher.py",
        "from websubhub import HubService",
        "websubhub._dispatch.dispatcher -> websubhub",
    ),
    "no-io": ("websubhub/_protocol.py", "import secrets", "websubhub._protocol -> secrets"),
    "one-door": ("websubhub/_dispatch/dispatcher.py", "import httpx", "websubhub._dispatch.dispatcher -> httpx"),
}


def lint_imports(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # In a process of its own: here the packages are imported already, from where they were installed.
    command = Path(sysconfig.get_path("scripts"), "lint-imports")
    return subprocess.run(
        [command, "--no-cache", "--no-logo", *arguments], cwd=tree, capture_output=True, text=True, check=False
    )


def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def test_the_layers_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_where_there_are_layers_every_module_is_in_one() -> None:
    assert all(contract["exhaustive"] for contract in CONTRACTS if contract["type"] == "layers")


def test_a_forbidden_import_is_known_for_every_contract() -> None:
    assert sorted(FORBIDDEN) == sorted(contract["id"] for contract in CONTRACTS)


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter says about each contract, by its name, where all of them are broken at once."""
    tree = copied(tmp_path_factory)
    for name, statement, _ in FORBIDDEN.values():
        with (tree / name).open("a") as module:
            module.write(f"\n\n{statement}\n")
    result = lint_imports(tree)
    assert result.returncode == 1
    assert f"0 kept, {len(CONTRACTS)} broken" in result.stdout
    _, _, complaints = result.stdout.partition("\nBroken contracts\n")
    parts = re.split(r"^(.+)\n-+\n", complaints, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["id"])
def test_a_forbidden_import_breaks_its_contract(broken: dict[str, str], contract: dict[str, str]) -> None:
    assert FORBIDDEN[contract["id"]][2] in broken[contract["name"]]


def test_the_copy_without_a_forbidden_import_holds(tmp_path_factory: pytest.TempPathFactory) -> None:
    result = lint_imports(copied(tmp_path_factory))
    assert result.returncode == 0, result.stdout + result.stderr


def rooms() -> dict[str, str]:
    folders = {path.parent for package in PACKAGES for path in ROOT.glob(f"{package}/**/__init__.py")}
    return {
        folder.relative_to(ROOT).as_posix(): (folder / "__init__.py").read_text().split('"""')[1].splitlines()[0]
        for folder in sorted(folders)
    }


def test_the_architecture_says_of_every_room_what_the_room_says_of_itself() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    assert re.findall(r"^\| `([\w/]+)` \| (.+) \|$", page, re.MULTILINE) == list(rooms().items())


def canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_outside_import_is_a_declared_dependency() -> None:
    declared = {canonical(re.split(r"[^\w-]", text)[0]) for text in PYPROJECT["project"]["dependencies"]}
    distributions = packages_distributions()
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    undeclared = {
        (importer, outside)
        for outside in graph.modules
        if outside.partition(".")[0] not in {*PACKAGES, *sys.stdlib_module_names}
        for importer in graph.find_modules_that_directly_import(outside)
        for distribution in map(canonical, distributions[outside])
        if distribution not in declared
        and importer not in OPTIONAL.get(re.sub("^opentelemetry-.*", "opentelemetry", distribution), ())
    }
    assert not undeclared
