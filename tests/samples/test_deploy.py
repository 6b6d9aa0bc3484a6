"""samples/deploy: what a container and a service manager are told is what the hub and this repository have."""

import configparser
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import anyio

from tests.documents import ROOT
from tests.standalone.hub import world
from websubhub import EngineLimits
from websubhub.standalone.command.cli import build_parser
from websubhub.standalone.running import GRACE_SECONDS
from websubhub.standalone.setting_sources import load

DEPLOY = ROOT / "samples/deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in their order."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    lines = [line for line in text.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def every(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def unit() -> configparser.SectionProxy:
    """The service section of the unit."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DEPLOY / "websubhub.service")
    return parser["Service"]


def environment() -> dict[str, str]:
    return dict(line.split("=", 1) for line in every("ENV"))


def test_the_settings_of_the_file_can_be_used() -> None:
    settings = load({}, {}, str(DEPLOY / "websubhub.toml"))
    assert settings.public_url == "https://hub.example.com/hub"
    assert not settings.publisher_token
    assert settings.admin_token is None


def test_the_unit_starts_the_hub_with_a_command_that_it_has() -> None:
    program, *arguments = shlex.split(unit()["ExecStart"])
    assert Path(program).name in PROJECT["project"]["scripts"]
    options = build_parser().parse_args(arguments)
    assert Path(options.config).name == "websubhub.toml"
    assert Path(options.config).parent == Path(unit()["EnvironmentFile"].removeprefix("-")).parent


def test_the_unit_lets_the_hub_write_where_its_database_is_and_finish() -> None:
    settings = load({}, {}, str(DEPLOY / "websubhub.toml"))
    assert Path(settings.store.removeprefix("sqlite:///")).parent == Path("/var/lib", unit()["StateDirectory"])
    assert float(unit()["TimeoutStopSec"].removesuffix("s")) > 2 * GRACE_SECONDS
    assert int(unit()["LimitNOFILE"]) > 2 * load({}, {}).concurrency


def test_the_unit_bounds_what_the_hub_may_take_of_the_machine() -> None:
    assert unit()["MemoryMax"] == "1G"
    assert int(unit()["TasksMax"]) > 2 * EngineLimits().lookups  # a thread for each
    assert "link-local" in unit()["IPAddressDeny"].split()
    assert unit()["CapabilityBoundingSet"] == ""
    assert unit()["ProtectSystem"] == "strict"


def test_the_container_runs_without_rights_and_writes_to_its_volume_alone() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert every("USER") == ["10001"]
    for flag in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--memory", "--pids-limit"):
        assert flag in text
    bases = [line.split()[0] for line in every("FROM")]
    assert bases == ["${PYTHON}", "${PYTHON}"]
    [base] = every("ARG")
    assert "@sha256:" in base or "not by a digest, so that" in text


def test_the_container_has_settings_and_a_command_that_the_hub_takes() -> None:
    [entry], [command], [port], [volume] = (every(name) for name in ("ENTRYPOINT", "CMD", "EXPOSE", "VOLUME"))
    program, *arguments = json.loads(entry) + json.loads(command)
    assert program in PROJECT["project"]["scripts"]
    assert build_parser().parse_args(arguments).config is None
    settings = load({}, environment())
    assert settings.host == "0.0.0.0"  # noqa: S104 - a container's own addresses
    assert settings.port == int(port)
    assert Path(settings.store.removeprefix("sqlite:///")).parent == Path(volume)
    assert environment()["PATH"] == "/opt/websubhub/bin:$PATH"


def test_the_container_is_built_from_all_that_the_package_needs() -> None:
    copied = {source for line in every("COPY") if not line.startswith("--") for source in shlex.split(line)[:-1]}
    project = PROJECT["project"]
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    readme = [part["path"] for part in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]]
    assert copied == {"pyproject.toml", *readme, *project["license-files"], *packages}
    assert all((ROOT / source).exists() for source in copied)
    [install] = [line for line in every("RUN") if "pip install" in line]
    [extras] = re.findall(r'"\.\[([\w,]+)\]"', install)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


async def test_the_health_check_of_the_container_tells_a_hub_from_none() -> None:
    [check] = every("HEALTHCHECK")
    _, *arguments = json.loads(check.removeprefix("CMD "))
    async with world() as hub:
        command = [sys.executable, *(word.replace("http://127.0.0.1:8080", hub.hub[:-4]) for word in arguments)]
        assert (await anyio.run_process(command, check=False)).returncode == 0
    assert (await anyio.run_process(command, check=False)).returncode == 1
