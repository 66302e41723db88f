"""The chart for Helm: Helm renders it, Kubernetes' schemas take it, and it fits server and image.

Nothing here speaks to a cluster.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml
from tests.conftest import RunningServer

from headrace import __version__
from headrace.control.sealing import load_keys
from headrace.core.errors import Unavailable
from headrace.server.setting_fields import variable_of
from headrace.server.settings import Settings
from headrace.wire.routes import HEALTH

CHECKOUT = Path(__file__).resolve().parents[2]
CHART = CHECKOUT / "deploy" / "helm" / "headrace"
IMAGE = {"repository": "registry.example.com/headrace"}
LEAST: dict[str, Any] = {"image": IMAGE}
MOST: dict[str, Any] = {
    "image": {**IMAGE, "tag": "next", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {
        "HEADRACE_MAX_UPLOAD_BYTES": 50_000_000_000,
        "HEADRACE_EXECUTION_MEMORY": "2GiB",
        "HEADRACE_STOP_GRACE_S": 2.5,
        "HEADRACE_DATABASE": "postgresql://headrace@db.example.com/headrace?sslmode=require",
    },
    "existingSecret": "headrace-secrets",
    "masterKey": {"existingSecret": "headrace-key", "key": "key"},
    "extraVolumes": [{"name": "authorities", "configMap": {"name": "authorities"}}],
    "extraVolumeMounts": [{"name": "authorities", "mountPath": "/etc/authorities"}],
    "persistence": {"existingClaim": "kept"},
    "service": {"type": "LoadBalancer", "port": 8471, "annotations": {"a": "b"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "headrace.example.com",
        "tlsSecret": "headrace-tls",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "0"},
    },
    "probes": {"readiness": {"path": "/"}},
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {
        "enabled": True,
        "from": [{"namespaceSelector": {"matchLabels": {"team": "water"}}}],
    },
    "serviceAccount": {"name": "runner", "annotations": {"role": "files"}},
    "podAnnotations": {"c": "d"},
    "podLabels": {"e": "f"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no image": ({}, "image.repository is missing"),
    "two servers": ({**LEAST, "replicas": 2}, "/replicas"),
    "a misspelt key": ({**LEAST, "persistance": {}}, "persistance"),
    "a setting of the chart's own": (
        {**LEAST, "settings": {"HEADRACE_PORT": "80"}},
        "HEADRACE_PORT",
    ),
    **{
        f"the secret {name}": ({**LEAST, "settings": {name: "x"}}, name)
        for name in (variable_of(each.name) for each in fields(Settings) if not each.repr)
    },
    "a password": (
        {**LEAST, "settings": {"HEADRACE_DATABASE": "postgresql://a:secret@host/b"}},
        "/settings/HEADRACE_DATABASE",
    ),
    "a password as a parameter": (
        {**LEAST, "settings": {"HEADRACE_DATABASE": "postgresql://host/b?password=secret"}},
        "/settings/HEADRACE_DATABASE",
    ),
    "an engine that the image does not have": (
        {**LEAST, "settings": {"HEADRACE_ENGINE": "ray"}},
        "HEADRACE_ENGINE",
    ),
    "an ingress without a host": ({**LEAST, "ingress": {"enabled": True}}, "/ingress/host"),
    "a volume for many": ({**LEAST, "persistence": {"accessMode": "ReadWriteMany"}}, "accessMode"),
    "a size in words": ({**LEAST, "persistence": {"size": "large"}}, "/persistence/size"),
}

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="Helm's library is only had for Linux on x86-64 from PyPI",
)


@pytest.fixture(scope="module")
def helm() -> dict[str, Any]:
    """What Helm makes of the values above, in their order, and what its lint says."""
    given = [LEAST, MOST, *(values for values, _ in REFUSED.values())]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("chart_rendering.py"), CHART],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def manifests(rendered: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rendered manifests by their kinds; there is one of each."""
    found = {}
    for name, text in rendered["manifests"].items():
        if not name.endswith(".txt") and (manifest := yaml.safe_load(text)) is not None:
            assert manifest["kind"] not in found
            found[manifest["kind"]] = manifest
    return found


@pytest.fixture(scope="module")
def least(helm: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return manifests(helm["rendered"][0])


@pytest.fixture(scope="module")
def most(helm: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return manifests(helm["rendered"][1])


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return pod


def server_of(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    container: dict[str, Any] = pod_of(found["Deployment"])["containers"][0]
    return container


def environ_of(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


def test_lint_finds_no_fault(helm: dict[str, Any]) -> None:
    # An icon is all that it misses.
    assert helm["lint"]["errors"] == []
    assert [each for each in helm["lint"]["messages"] if each["severity"] > 1] == []


def test_the_kinds_are_those_asked_for(
    least: dict[str, dict[str, Any]], most: dict[str, dict[str, Any]]
) -> None:
    always = {"Deployment", "Service", "ServiceAccount", "Job"}
    assert set(least) == {*always, "PersistentVolumeClaim"}
    assert set(most) == {*always, "Ingress", "PodDisruptionBudget", "NetworkPolicy"}


def test_kubernetes_takes_each_manifest(
    least: dict[str, dict[str, Any]], most: dict[str, dict[str, Any]]
) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    oldest = re.findall(r"\d+\.\d+", chart["kubeVersion"])[0]
    for version in (oldest, kubernetes_validate.latest_version()):
        for manifest in (*least.values(), *most.values()):
            kubernetes_validate.validate(manifest, version, strict=True)
    # The schemas do refuse what is wrong.
    wrong = json.loads(json.dumps(least["Deployment"]).replace('"replicas"', '"replica"'))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, oldest, strict=True)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_by_name(helm: dict[str, Any], case: str) -> None:
    answer = helm["rendered"][2 + list(REFUSED).index(case)]
    assert REFUSED[case][1] in answer["refused"]


def test_one_server_stops_before_the_next_one_starts(least: dict[str, dict[str, Any]]) -> None:
    spec = least["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod_of(least["Deployment"])["terminationGracePeriodSeconds"] > Settings().longest_end_s


def test_ports_and_probes_are_those_of_the_server(
    least: dict[str, dict[str, Any]], most: dict[str, dict[str, Any]], server: RunningServer
) -> None:
    container = server_of(least)
    assert container["ports"] == [{"name": "http", "containerPort": Settings().port}]
    assert container["readinessProbe"]["httpGet"]["path"] == HEALTH.url()
    for found in (least, most):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = server_of(found)[probe]["httpGet"]
            assert asked["port"] == "http"
            assert httpx.get(server.url + asked["path"]).status_code == 200
    schema = json.loads((CHART / "values.schema.json").read_text())
    readiness = schema["properties"]["probes"]["properties"]["readiness"]["properties"]
    assert set(readiness["path"]["enum"]) == {HEALTH.url(), "/"}


def test_the_service_finds_the_server_and_nothing_else(least: dict[str, dict[str, Any]]) -> None:
    selector = least["Service"]["spec"]["selector"].items()
    assert selector <= least["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert not selector <= least["Job"]["spec"]["template"]["metadata"]["labels"].items()
    assert least["Service"]["spec"]["ports"][0]["targetPort"] == "http"


def test_pods_are_the_user_of_the_image_and_write_to_its_volume_and_tmp(
    least: dict[str, dict[str, Any]],
) -> None:
    image = (CHECKOUT / "Containerfile").read_text()
    user, group = re.findall(r"(?m)^USER (\d+):(\d+)$", image)[-1]
    volume = re.findall(r"(?m)^VOLUME (\S+)$", image)[-1]
    for manifest in (least["Deployment"], least["Job"]):
        pod = pod_of(manifest)
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert security["runAsNonRoot"]
        assert (security["runAsUser"], security["fsGroup"]) == (int(user), int(group))
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {volume, "/tmp"} <= {each["mountPath"] for each in container["volumeMounts"]}  # noqa: S108 - the container's


def test_settings_arrive_as_they_were_written(most: dict[str, dict[str, Any]]) -> None:
    for container in (server_of(most), pod_of(most["Job"])["containers"][0]):
        environ = environ_of(container)
        assert environ["HEADRACE_PUBLIC_URL"] == "https://headrace.example.com"
        settings = Settings.read(environ, {})
        assert settings.max_upload_bytes == 50_000_000_000
        assert settings.execution_memory == 2 << 30
        assert settings.stop_grace_s == 2.5
        assert container["envFrom"] == [{"secretRef": {"name": "headrace-secrets"}}]


def test_the_server_gets_a_copy_of_the_key_that_it_takes(
    least: dict[str, dict[str, Any]], most: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    assert "initContainers" not in pod_of(least["Deployment"])
    for kind in ("Deployment", "Job"):
        pod = pod_of(most[kind])
        (copier,) = pod["initContainers"]
        (container,) = pod["containers"]
        program, mode, source, target = copier["command"]
        assert environ_of(container)["HEADRACE_MASTER_KEY_FILE"] == target
        assert str(Path(target).parent) in {m["mountPath"] for m in container["volumeMounts"]}
        secret = {each["name"]: each for each in pod["volumes"]}["master-key-secret"]["secret"]
        assert secret["items"] == [{"key": "key", "path": Path(source).name}]
    kept, copy = tmp_path / "kept", tmp_path / "copy"
    kept.write_bytes(bytes(range(32)))
    # So are files of secrets where a pod has a group for its volumes.
    kept.chmod(0o440)
    with pytest.raises(Unavailable):
        load_keys(kept)
    subprocess.run([program, mode, kept, copy], check=True)
    assert load_keys(copy)


def test_without_an_ingress_callers_use_the_service(
    helm: dict[str, Any], least: dict[str, dict[str, Any]]
) -> None:
    url = environ_of(server_of(least))["HEADRACE_PUBLIC_URL"]
    name = least["Service"]["metadata"]["name"]
    assert url == f"http://{name}.waters.svc"
    notes = helm["rendered"][0]["manifests"]["headrace/templates/NOTES.txt"]
    assert url in notes
    assert f"service/{name} {Settings().port}:80" in notes


def test_an_upgrade_is_preceded_by_a_check_and_an_uninstall_keeps_the_data(
    least: dict[str, dict[str, Any]],
) -> None:
    hooks = least["Job"]["metadata"]["annotations"]["helm.sh/hook"]
    assert hooks == "pre-install,pre-upgrade"
    (container,) = pod_of(least["Job"])["containers"]
    assert container["args"] == ["check"]
    assert container["image"] == server_of(least)["image"]
    claim = least["PersistentVolumeClaim"]["metadata"]
    assert claim["annotations"] == {"helm.sh/resource-policy": "keep"}
    volumes = {each["name"]: each for each in pod_of(least["Deployment"])["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": claim["name"]}


def test_its_version_is_that_of_the_server(least: dict[str, dict[str, Any]]) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    assert server_of(least)["image"] == f"{IMAGE['repository']}:{__version__}"


def test_no_file_to_deploy_by_names_a_setting_that_does_not_exist() -> None:
    known = {variable_of(each.name) for each in fields(Settings)}
    files = [path for path in (CHECKOUT / "deploy").rglob("*") if path.is_file()]
    assert files
    for path in (*files, CHECKOUT / "Containerfile"):
        named = set(re.findall(r"\bHEADRACE_[A-Z][A-Z0-9_]*[A-Z0-9]\b", path.read_text()))
        assert named - {"HEADRACE_NAME"} <= known, path
