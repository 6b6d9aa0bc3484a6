"""samples/deploy: what a container and a service manager are told is what the hub and this repository have."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

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


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def test_the_composed_hub_keeps_its_volume_and_takes_its_settings() -> None:
    hub = services()["hub"]
    settings = load({}, {**environment(), **hub["environment"]})
    assert settings.public_url == "https://hub.example.com/hub"
    [volume] = every("VOLUME")
    assert hub["volumes"] == [f"hub:{volume}"]
    assert "hub" in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["volumes"]
    assert "ports" not in hub  # the proxy alone is reachable
    assert float(hub["stop_grace_period"].removesuffix("s")) > 2 * GRACE_SECONDS
    assert hub["read_only"]
    assert hub["cap_drop"] == ["ALL"]


def test_the_composition_is_built_of_files_that_are_there() -> None:
    build = services()["hub"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    mounted = [volume.split(":")[0] for volume in services()["proxy"]["volumes"] if volume.startswith("./")]
    assert mounted == ["./Caddyfile"]
    assert (DEPLOY / "Caddyfile").exists()


def test_the_proxy_passes_on_the_path_of_the_hub_alone() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    settings = load({}, environment())
    assert re.findall(r"reverse_proxy (\S+)", text) == [f"hub:{settings.port}"]
    assert re.findall(r"handle (/\S+)", text) == ["/hub"]
    assert re.findall(r"max_size (\d+)MB", text) == [str(settings.max_content_bytes // 1_048_576)]
    assert services()["proxy"]["depends_on"]["hub"]["condition"] == "service_healthy"  # by the HEALTHCHECK
    assert every("HEALTHCHECK")


def test_what_is_left_out_of_the_build_is_not_copied() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {source for line in every("COPY") if not line.startswith("--") for source in line.split()[:-1]}


def docker(*arguments: str) -> str:
    program = shutil.which("docker") or "docker"
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def has_engine() -> bool:
    """Return whether this machine can build images: a client alone cannot."""
    try:
        docker("info")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.mark.durability  # it fetches a base image and installs the package, so it is asked for by name
def test_the_image_is_built_and_starts_without_rights() -> None:
    if not has_engine():
        pytest.skip("There is no engine that builds images.")
    image = docker("build", "--quiet", "-f", str(DEPLOY / "Dockerfile"), str(ROOT))
    assert docker("run", "--rm", "--read-only", "--cap-drop", "ALL", image, "--version").startswith("websubhub ")
    assert docker("run", "--rm", "--entrypoint", "id", image, "-u") == every("USER")[0]
