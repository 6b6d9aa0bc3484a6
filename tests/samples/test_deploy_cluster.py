"""samples/deploy/cluster: what a composition and Kubernetes are told is what the hub and its servers have."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.servers import PROGRAM, WHY_NOT
from tests.documents import ROOT
from websubhub.standalone.adapters.nats.wire.address import parse_address
from websubhub.standalone.adapters.nats.wire.connection import OLDEST_SERVER
from websubhub.standalone.running import GRACE_SECONDS
from websubhub.standalone.setting_sources import load
from websubhub.standalone.settings import Settings

CLUSTER = ROOT / "samples/deploy/cluster"
TOKENS = {"WEBSUBHUB_PUBLISHER_TOKEN": "a-publisher-token-1234", "WEBSUBHUB_ADMIN_TOKEN": "an-admin-token-1234"}


def manifests() -> list[dict[str, Any]]:
    """Everything in the manifests."""
    files = sorted((CLUSTER / "kubernetes").glob("*.yaml"))
    assert len(files) == 2
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


def the(kind: str, name: str) -> dict[str, Any]:
    [found] = [each for each in manifests() if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def container(kind: str, name: str) -> dict[str, Any]:
    [found] = the(kind, name)["spec"]["template"]["spec"]["containers"]
    container: dict[str, Any] = found
    return container


def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CLUSTER / "compose.yaml").read_text())
    return found


def hosts_of(store: str) -> list[str]:
    return [server.removeprefix("nats://") for server in parse_address(store.removeprefix("nats://")).servers]


def composed_settings() -> Settings:
    return load({}, composition()["services"]["hub-1"]["environment"] | TOKENS)


def settings() -> Settings:
    given = {
        each["name"]: each.get("value", "a-token-of-the-secret") for each in container("Deployment", "websubhub")["env"]
    }
    return load({}, given)


def test_every_selector_finds_what_it_is_for() -> None:
    templates = [
        each["spec"]["template"]["metadata"]["labels"] for each in manifests() if "template" in each.get("spec", {})
    ]
    for each in manifests():
        selector = each.get("spec", {}).get("selector")
        if selector is not None:
            assert selector.get("matchLabels", selector) in templates, each["kind"]


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "nats"), ("Deployment", "websubhub")])
def test_probes_and_mounts_are_of_what_is_there(kind: str, name: str) -> None:
    pod, of = the(kind, name)["spec"]["template"]["spec"], container(kind, name)
    ports = {port["name"] for port in of["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert of[probe]["httpGet"]["port"] in ports
    claims = the(kind, name)["spec"].get("volumeClaimTemplates", ())
    volumes = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in claims}
    assert {mount["name"] for mount in of["volumeMounts"]} == volumes
    assert of["securityContext"]["readOnlyRootFilesystem"]
    assert of["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"]
    assert "memory" in of["resources"]["limits"]
    for port in (port for each in manifests() if each["kind"] == "Service" for port in each["spec"]["ports"]):
        assert port.get("targetPort", port["name"]) in {"client", "cluster", "http"}


def test_the_hub_is_given_settings_that_it_takes_and_time_to_end() -> None:
    pod, of = the("Deployment", "websubhub")["spec"]["template"]["spec"], container("Deployment", "websubhub")
    assert settings().public_url == "https://hub.example.com/hub"
    assert settings().port == of["ports"][0]["containerPort"]
    assert pod["terminationGracePeriodSeconds"] > 2 * GRACE_SECONDS
    assert of["livenessProbe"]["httpGet"]["path"] == "/health"
    assert of["readinessProbe"]["httpGet"]["path"] == "/ready"
    secret = [each["valueFrom"]["secretKeyRef"] for each in of["env"] if "valueFrom" in each]
    told = (CLUSTER / "kubernetes/hub.yaml").read_text()
    assert all(f"--from-literal={each['key']}=" in told and each["name"] == "websubhub" for each in secret)
    assert the("Deployment", "websubhub")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_hub_and_the_servers_name_each_other() -> None:
    nats = the("StatefulSet", "nats")["spec"]
    pods = [f"nats-{number}.{nats['serviceName']}" for number in range(nats["replicas"])]
    assert hosts_of(settings().store) == [f"{pod}:4222" for pod in pods]
    assert re.findall(r"nats-route://([\w.-]+):6222", the("ConfigMap", "nats")["data"]["nats.conf"]) == pods
    services = composition()["services"]
    composed = [name for name in services if name.startswith("nats-")]
    assert hosts_of(composed_settings().store) == [f"{name}:4222" for name in composed]
    assert re.findall(r"nats-route://([\w.-]+):6222", (CLUSTER / "nats.conf").read_text()) == composed
    upstreams = re.findall(r"hub-\d:8080", (CLUSTER / "Caddyfile").read_text())
    assert upstreams == [f"{name}:{composed_settings().port}" for name in services if name.startswith("hub-")]


def test_the_servers_are_new_enough() -> None:
    images = {service["image"] for service in composition()["services"].values() if "nats:" in service.get("image", "")}
    images.add(container("StatefulSet", "nats")["image"])
    [image] = images
    assert tuple(map(int, image.removeprefix("nats:").split("."))) >= OLDEST_SERVER


def test_a_stream_needs_no_more_space_than_there_is() -> None:
    gib = parse_address(settings().store.removeprefix("nats://")).gib
    [claim] = the("StatefulSet", "nats")["spec"]["volumeClaimTemplates"]
    space = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
    [most] = re.findall(r"max_file_store: (\d+)GB", the("ConfigMap", "nats")["data"]["nats.conf"])
    assert 2.9 * gib * 1.1 <= int(most) <= space * 1.073


@pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)
@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_the_servers_take_their_configuration_and_write_at_once(where: str, tmp_path: Path) -> None:
    kept = the("ConfigMap", "nats")["data"]["nats.conf"]
    text = (CLUSTER / "nats.conf").read_text() if where == "compose" else kept
    assert "sync_interval: always" in text
    config = tmp_path / "nats.conf"
    config.write_text(text)
    assert PROGRAM is not None
    done = subprocess.run(
        [PROGRAM, "-t", "-c", str(config)], env={"NAME": "nats-1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.durability  # it needs the schemas of Kubernetes, from a program that few have
def test_kubernetes_would_take_the_manifests() -> None:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("There is no kubectl.")
    arguments = ("apply", "--dry-run=client", "-o", "json", "-f", str(CLUSTER / "kubernetes"))
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if "refused" in done.stderr or "was refused" in done.stderr:
        pytest.skip("There is no cluster to ask.")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kind"] == "List"
