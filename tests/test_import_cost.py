"""What is imported when: a program that uses one half, or asks for help, loads nothing of the other libraries."""

import argparse
import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import websubhub
import websubsub
from websubhub.standalone.command.cli import CommandParser, build_parser

#: What takes long to import, and is not used by every program.
LIBRARIES = {
    "anyio",
    "asyncio",
    "attr",
    "defusedxml",
    "h11",
    "h2",
    "html5lib",
    "httpcore",
    "httptools",
    "httpx",
    "hypercorn",
    "inspect",
    "logging",
    "prometheus_client",
    "sqlite3",
    "ssl",
    "stamina",
    "trio",
    "typing",
    "uvicorn",
    "wsproto",
}
PACKAGES = {"hub": websubhub, "subscriber": websubsub}
ASKING = ["topics", "subscriptions", "deliveries", "dead-letters", "verifications", "announcements"]
COMMANDS = ["serve", "demo", "publish", "doctor", *ASKING]


def loaded(code: str) -> set[str]:
    """The modules that a program has loaded at its end, beyond those that every program has."""
    # Whoever measures the coverage of processes loads modules of their own.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    program = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=alone)
    return set(done.stdout.splitlines()[-1].split())


def helped(*words: str, module: str = "websubhub.standalone.command.cli") -> str:
    return f"from {module} import main\ntry: main({list(words)})\nexcept SystemExit: pass"


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in {"_websub", "websubhub", "websubsub"}}


@pytest.mark.parametrize("module", ["websubhub.standalone.command.cli", "websubsub.cli"])
def test_help_loads_the_parser_of_arguments_and_little_else(module: str) -> None:
    parser = loaded("import argparse, collections.abc, importlib; argparse.ArgumentParser().print_help()")
    modules = loaded(helped("--help", module=module))
    assert not modules - ours(modules) - parser
    assert len(ours(modules)) < 8


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_what_its_arguments_need(command: str) -> None:
    needed = {"attr", "inspect", "typing"} | ({"ssl"} if command in ASKING else set())
    assert not loaded(helped(command, "--help")) & (LIBRARIES - needed)


def test_a_mistake_is_told_before_the_hub_is_loaded() -> None:
    assert not loaded(helped("serve", "--port", "x")) & {"anyio", "hypercorn", "httpx", "sqlite3"}


@pytest.mark.parametrize("package", ["websubhub", "websubsub"])
def test_a_package_loads_nothing_before_a_name_of_it_is_used(package: str) -> None:
    asks = {"_websub.namesake"} if package == "websubhub" else set()  # whether websubsub is ours
    assert ours(loaded(f"import {package}")) == {"_websub", "_websub.lazy", package, *asks}


@pytest.mark.parametrize(
    ("name", "unused"),
    [
        ("websubhub.HubService", "httpx hypercorn h2 h11 stamina httptools anyio asyncio"),
        ("websubhub.ContentDistributor", "httpx httpcore hypercorn stamina prometheus_client sqlite3"),
        ("websubhub.HubApplication", "httpx httpcore stamina prometheus_client sqlite3"),
        ("websubhub.TopicClient", "httpx httpcore hypercorn prometheus_client sqlite3"),
        ("websubhub.PublisherClient", "hypercorn wsproto httptools prometheus_client sqlite3 html5lib"),
        ("websubsub.SubscriberService", "httpx hypercorn h2 h11 html5lib sqlite3 anyio asyncio"),
        ("websubsub.SubscriptionClient", "hypercorn wsproto stamina prometheus_client html5lib sqlite3"),
        ("websubsub.serve", "prometheus_client stamina"),
    ],
)
def test_a_name_loads_what_it_stands_for_and_no_more(name: str, unused: str) -> None:
    package, _, own = name.partition(".")
    other = "websubhub" if package == "websubsub" else "websubsub"
    modules = loaded(f"from {package} import {own}")
    assert not modules & set(unused.split())
    assert not {module for module in modules if module.startswith(other)}


def test_a_hub_that_serves_has_not_loaded_what_only_fetches() -> None:
    modules = loaded("import websubhub.standalone.runtime, websubhub.standalone.adapters.sqlite.store")
    assert not modules & {"httpx", "httpcore", "h2", "stamina", "trio"}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_what_is_loaded_is_what_type_checkers_are_told(package: ModuleType) -> None:
    told = set()
    for node in ast.walk(ast.parse(Path(str(package.__file__)).read_text())):
        if isinstance(node, ast.ImportFrom):
            told |= {(alias.asname or alias.name, node.module, alias.name) for alias in node.names}
    told -= {
        ("_lazily", "_websub.lazy", "lazily"),
        ("__version__", "_websub", "__version__"),
        ("_warn_of_foreign_subscriber", "_websub.namesake", "warn_of_foreign_subscriber"),
    }
    found = {
        (public, module, own)
        for public, _, _ in told
        for module, own in [next((module, own) for name, module, own in told if name == public)]
        if getattr(package, public) is getattr(sys.modules[str(module)], own)
    }
    assert found == told
    assert {public for public, _, _ in told} == set(package.__all__)


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_name_is_one_thing_however_it_is_reached(package: ModuleType) -> None:
    for name in package.__all__:
        value = getattr(package, name)
        assert vars(package)[name] is value
        if isinstance(value, type):
            assert pickle.loads(pickle.dumps(value)) is value  # noqa: S301 - of this program


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_all_names_are_listed_and_no_other_is_found(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        _ = package.nothing


def test_what_comes_along_says_too_that_it_comes_from_the_package() -> None:
    code = (
        "from websubhub import PublisherClient\nimport websubhub._errors as errors\n"
        "assert repr(errors.UpdateMessageError) == \"<class 'websubhub.UpdateMessageError'>\"\n"
        "import pickle, websubhub\n"
        "assert websubhub.UpdateMessageError is pickle.loads(pickle.dumps(errors.UpdateMessageError))"
    )
    assert "websubhub._errors" in loaded(code)


def test_every_command_adds_its_arguments_once() -> None:
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for parser in action.choices.values():
                assert isinstance(parser, CommandParser)
                parser.load()
                parser.load()
                assert parser.get_default("run")
