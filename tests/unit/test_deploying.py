"""The files by which it is deployed: who reads them finds no mistake, and they fit each other."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dockerfile import instructions

from modelmesh.check import check
from modelmesh.config.schema import Proxy
from modelmesh.connectors import registry

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "deploy/kubernetes"
COMPOSE = ("docker-compose.yaml", "docker-compose.redis.yaml")
NGINX = (ROOT / "deploy/nginx.conf").read_text()
KEYS = (ROOT / ".env.example").read_text()
IMAGE = {one.word: one for one in instructions((ROOT / "Dockerfile").read_text())}
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for file in sorted(CLUSTER.glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
    if "metadata" in manifest
]
# There is no schema here of what the Prometheus operator adds.
OURS = [one for one in MANIFESTS if one["kind"] != "ServiceMonitor"]
WORKLOADS = [one for one in MANIFESTS if "template" in one.get("spec", {})]


def named(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def vendors() -> Iterator[Any]:
    return (registry.find("providers", id_) for id_ in registry.available("providers"))


def composed(tmp_path: Path, *written: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Have Compose itself read files: with its schema, and all that is interpolated."""
    files = [tmp_path / f"{number}.yaml" for number in range(len(written))]
    for file, text in zip(files, written, strict=True):
        file.write_text(text)
    (tmp_path / ".env").write_text(KEYS)
    program = Path(sys.executable).with_name("docker-compose")
    named = [word for file in files for word in ("-f", file)]
    command = (program, *named, "config", "--format", "json")
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the services of both files as Compose reads them."""
    found = {}
    for name in COMPOSE:
        done = composed(tmp_path_factory.mktemp("compose"), (ROOT / name).read_text())
        assert (done.returncode, done.stderr) == (0, "")
        found[name] = json.loads(done.stdout)["services"]
    return found


@pytest.fixture(params=COMPOSE)
def services(request: pytest.FixtureRequest, read: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return read[request.param]


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_the_example_of_an_env_file_has_every_variable_that_is_looked_for() -> None:
    named = set(re.findall(r"^(\w+)=$", KEYS, re.MULTILINE))
    keys = {vendor.key_names[0] for vendor in vendors() if vendor.key_names}
    places = {vendor.url_names[0] for vendor in vendors() if vendor.local}
    # Without these their vendors cannot be asked.
    needed = {"AZURE_OPENAI_ENDPOINT", "AZURE_SPEECH_REGION", "CLOUDFLARE_ACCOUNT_ID"}
    ours = {"MODELMESH_TOKEN", "MODELMESH_ADMIN_TOKEN"}
    assert named == keys | places | needed | ours
    known = {
        name for vendor in vendors() for name in (*vendor.url_names, *vendor.option_names.values())
    }
    assert needed <= known
    assert len(re.findall(r"^\w+=", KEYS, re.MULTILINE)) == len(named), (
        "each stands once, and empty"
    )


def test_compose_would_find_a_mistake(tmp_path: Path) -> None:
    written = (ROOT / COMPOSE[0]).read_text()
    assert composed(tmp_path, written.replace("cap_drop", "cap_dorp")).returncode != 0
    assert composed(tmp_path, written.replace("state:/var", "stat:/var")).returncode != 0


def test_compose_takes_another_port_and_file(tmp_path: Path) -> None:
    env = {"MODELMESH_PORT": "9090", "MODELMESH_CONFIG": "/somewhere/ours.yaml"}
    for name in COMPOSE:
        written = composed(tmp_path, (ROOT / name).read_text(), **env).stdout
        assert '"published": "9090"' in written
        assert '"source": "/somewhere/ours.yaml"' in written


def test_compose_serves_by_the_keys_alone_where_it_is_told_so(
    tmp_path: Path, read: dict[str, dict[str, Any]]
) -> None:
    written = [(ROOT / name).read_text() for name in (COMPOSE[0], "docker-compose.keys.yaml")]
    done = composed(tmp_path, *written)
    assert (done.returncode, done.stderr) == (0, "")
    with_file = read[COMPOSE[0]]["modelmesh-proxy"]
    alone = json.loads(done.stdout)["services"]["modelmesh-proxy"]
    assert alone["command"] == list(IMAGE["CMD"].words)
    assert [mount["target"] for mount in alone["volumes"]] == [*IMAGE["VOLUME"].words]
    differ = {key for key in with_file if alone[key] != with_file[key]}
    assert differ == {"command", "volumes", "build"}  # which says in which folder


def test_no_service_has_more_rights_than_it_takes(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_compose_starts_the_image_as_the_guide_says(services: dict[str, Any]) -> None:
    service = services["modelmesh-proxy"]
    assert service["command"] == ["--config", "/app/modelmesh.yaml", *IMAGE["CMD"].words]
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    assert mounts["/app/modelmesh.yaml"]["read_only"] is True
    (place,) = IMAGE["VOLUME"].words
    assert place in {*mounts, *service.get("tmpfs", ())}
    published = {
        port["published"]: port["target"]
        for one in services.values()
        for port in one.get("ports", ())
    }
    assert published == {"8080": int(IMAGE["EXPOSE"].rest)}
    assert service["environment"].keys() >= {"OPENAI_API_KEY", "GROQ_API_KEY"}


def test_compose_waits_for_requests_in_flight(services: dict[str, Any]) -> None:
    for service in services.values():
        if "ports" in service or "build" in service:
            assert seconds(service["stop_grace_period"]) > Proxy().drain_timeout


def test_compose_of_replicas_has_two_behind_nginx_and_a_redis_that_remembers(
    read: dict[str, dict[str, Any]],
) -> None:
    found = read[COMPOSE[1]]
    assert found["modelmesh-proxy"]["deploy"]["replicas"] == 2
    assert "ports" not in found["modelmesh-proxy"]
    assert "ports" not in found["redis"]
    assert found["nginx"]["volumes"][0]["target"] == "/etc/nginx/nginx.conf"
    assert "--appendonly" in found["redis"]["command"]
    storage = yaml.safe_load((CLUSTER / "modelmesh.yaml").read_text())["storage"]
    assert storage == {"connector": "redis.redis.v1", "url": "redis://redis:6379/0"}


def test_replicas_serve_a_configuration_with_nothing_to_find_fault_with() -> None:
    environ = dict.fromkeys(re.findall(r"^(\w+)=", KEYS, re.MULTILINE), "k")
    checked = check(CLUSTER / "modelmesh.yaml", environ=environ, wall=0.0)
    assert list(checked.problems) == []
    assert list(checked.findings) == []


def nginx(directive: str) -> str:
    found = re.findall(rf"^\s*{directive} (.+);", NGINX, re.MULTILINE)
    assert len(found) == 1, directive
    return str(found[0])


def test_nginx_lets_through_what_the_proxy_takes_and_waits_as_long() -> None:
    assert nginx("client_max_body_size") == f"{Proxy().max_body // 2**20}m"
    assert nginx("proxy_buffering") == "off"
    assert seconds(nginx("proxy_read_timeout")) > 600 > Proxy().heartbeat
    assert nginx("proxy_next_upstream") == "error"
    (port,) = (one.rest for one in [IMAGE["EXPOSE"]])
    assert nginx("server") == f"modelmesh-proxy:{port} resolve"


@pytest.mark.parametrize("manifest", OURS, ids=named)
def test_kubernetes_takes_the_manifest(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.37.0", strict=True)


def test_kubernetes_would_not_take_a_mistake() -> None:
    (deployment,) = (one for one in WORKLOADS if one["kind"] == "Deployment")
    wrong = json.loads(json.dumps(deployment).replace("readinessProbe", "readynessProbe"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37.0", strict=True)


def kustomization() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CLUSTER / "kustomization.yaml").read_text())
    return found


def test_the_kustomization_names_every_file_but_those_that_not_every_cluster_takes() -> None:
    optional = {"autoscaler.yaml", "service-monitor.yaml"}
    config = {name for one in kustomization()["configMapGenerator"] for name in one["files"]}
    there = {file.name for file in CLUSTER.iterdir()}
    named = {*kustomization()["resources"], *config, *optional}
    assert named == there - {"kustomization.yaml", "secret.example.yaml"}
    for name in optional:
        assert f"# - {name}" in (CLUSTER / "kustomization.yaml").read_text()


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl")
def test_kubectl_puts_the_files_together() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", CLUSTER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}
    deployment = made["Deployment", "modelmesh"]["spec"]["template"]["spec"]
    (config,) = (one["configMap"]["name"] for one in deployment["volumes"] if "configMap" in one)
    assert re.fullmatch("modelmesh-config-[a-z0-9]+", config)
    text = made["ConfigMap", config]["data"]["modelmesh.yaml"]
    assert text == (CLUSTER / "modelmesh.yaml").read_text()
    assert deployment["containers"][0]["image"] == "modelmesh-lite:latest"


@pytest.mark.parametrize("manifest", WORKLOADS, ids=named)
def test_pods_have_no_more_rights_than_they_take(manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def deployed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CLUSTER / "deployment.yaml").read_text())["spec"]
    return found


def test_the_deployment_runs_the_image_as_it_is_made() -> None:
    pod = deployed()["template"]["spec"]
    (container,) = pod["containers"]
    rights = pod["securityContext"]
    assert f"{rights['runAsUser']}:{rights['runAsGroup']}" == IMAGE["USER"].rest
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"config": "/app", "state": IMAGE["VOLUME"].rest}
    assert container["args"] == ["--config", "/app/modelmesh.yaml", *IMAGE["CMD"].words]
    assert str(container["ports"][0]["containerPort"]) == IMAGE["EXPOSE"].rest
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_pod_has_the_time_to_drain() -> None:
    pod = deployed()["template"]["spec"]
    drain = Proxy().drain_timeout
    written = yaml.safe_load((CLUSTER / "modelmesh.yaml").read_text())
    assert written["proxy"]["drain_timeout"] == f"{drain:.0f}s"
    _, pause = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert pod["terminationGracePeriodSeconds"] > drain + float(pause)


def test_a_rollout_and_a_disruption_leave_one_there() -> None:
    assert deployed()["replicas"] == 2
    assert deployed()["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = yaml.safe_load((CLUSTER / "disruption-budget.yaml").read_text())
    assert budget["spec"]["minAvailable"] < deployed()["replicas"]


def test_what_selects_pods_selects_those_there_are() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in WORKLOADS]
    seen = 0
    for manifest in MANIFESTS:
        spec = manifest.get("spec", {})
        wanted = spec.get("podSelector") or spec.get("selector") or {}
        wanted = wanted.get("matchLabels", wanted)
        if wanted:
            assert any(wanted.items() <= had.items() for had in labels), manifest
            seen += 1
    assert seen >= 6


def test_the_secret_has_what_the_configuration_asks_for() -> None:
    secret = yaml.safe_load((CLUSTER / "secret.example.yaml").read_text())
    asked = set(re.findall(r"\$\{secrets:(\w+)\}", (CLUSTER / "modelmesh.yaml").read_text()))
    assert set(secret["stringData"]) == asked
    assert set(secret["stringData"].values()) == {""}, "no key is in a file"
    (container,) = deployed()["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]


def test_prometheus_is_let_in_by_the_token_of_those_who_look_inside() -> None:
    monitor = yaml.safe_load((CLUSTER / "service-monitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["endpoints"]
    service = yaml.safe_load((CLUSTER / "service.yaml").read_text())
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    token = endpoint["authorization"]["credentials"]
    written = (CLUSTER / "modelmesh.yaml").read_text()
    assert f'admin_tokens: ["${{secrets:{token["key"]}}}"]' in written
    assert token["name"] == "modelmesh-keys"
