"""packaging/kubernetes: valid manifests, whose arguments and probes are those of our server."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from logsrv.kit.testing import TWISTD
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT

FOLDER = ROOT / "packaging/kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
# Each Kubernetes that still gets fixes, and a few before.
VERSIONS = ("1.31", "1.33", "1.35", "1.37")


def documents(kind: str) -> list[dict[str, Any]]:
    found = [each for file in FILES for each in yaml.safe_load_all(file.read_text())]
    return [each for each in found if each["kind"] == kind]


def pod(kind: str) -> dict[str, Any]:
    [one] = documents(kind)
    return dict(one["spec"]["template"]["spec"])


def container(kind: str) -> dict[str, Any]:
    [one] = pod(kind)["containers"]
    return dict(one)


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_containers_can_change_nothing_but_their_volumes(kind):
    context = container(kind)["securityContext"]
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert pod(kind)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    resources = container(kind)["resources"]
    assert resources["requests"].keys() == {"cpu", "memory"} and "memory" in resources["limits"]
    volumes = {each["name"] for each in pod(kind)["volumes"]}
    for claim in documents("StatefulSet")[0]["spec"]["volumeClaimTemplates"]:
        volumes.add(claim["metadata"]["name"])
    assert {each["name"] for each in container(kind)["volumeMounts"]} <= volumes


def test_the_centre_is_the_user_of_the_image_and_no_probe_ends_it():
    context = pod("StatefulSet")["securityContext"]
    assert context["runAsNonRoot"] is True
    assert "\nUSER 10001:10001\n" in (ROOT / "packaging/Containerfile").read_text()
    assert {context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {10001}
    # docs/monitoring.md: a restart loses the lines in memory.
    assert "livenessProbe" not in container("StatefulSet")


def test_services_lead_to_ports_of_the_centre():
    ports = {each["name"]: each["containerPort"] for each in container("StatefulSet")["ports"]}
    listed = [port for each in documents("Service") for port in each["spec"]["ports"]]
    assert {each["targetPort"] for each in listed} == set(ports)
    assert all(ports[each["targetPort"]] == each["port"] for each in listed)
    labels = documents("StatefulSet")[0]["spec"]["template"]["metadata"]["labels"]
    for each in documents("Service"):
        assert each["spec"]["selector"].items() <= labels.items()
        # docs/monitoring.md: with one server, new senders wait while it is not ready.
        assert each["spec"]["publishNotReadyAddresses"] is True


def test_only_senders_and_prometheus_reach_the_centre():
    [policy] = documents("NetworkPolicy")
    labels = documents("StatefulSet")[0]["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    ports = {each["name"]: each["containerPort"] for each in container("StatefulSet")["ports"]}
    peers = {one["ports"][0]["port"]: one["from"] for one in policy["spec"]["ingress"]}
    assert peers.keys() == {ports["forward"], ports["lines"], ports["metrics"]}
    sender = documents("DaemonSet")[0]["spec"]["template"]["metadata"]["labels"]
    assert peers[ports["forward"]] == [{"podSelector": {"matchLabels": sender}}]


def test_a_node_keeps_a_part_of_its_disk_while_the_centre_is_away():
    [config] = (each for each in documents("ConfigMap") if "fluent-bit.conf" in each["data"])
    assert re.search(
        r"\[OUTPUT\](?s:.*)storage\.total_limit_size", config["data"]["fluent-bit.conf"]
    )


def test_the_namespace_lets_the_sender_in():
    """A stricter level refuses its hostPath, so the DaemonSet had no pod."""
    [namespace] = documents("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    [binding] = documents("ClusterRoleBinding")
    assert binding["subjects"][0]["namespace"] == namespace["metadata"]["name"]


def command(folder: Path, secrets: dict[str, str]) -> list[str]:
    """Return what the container of the centre runs: with these secrets, on other ports."""
    for name, text in secrets.items():
        (folder / name).write_text(text)
    [config] = (each for each in documents("ConfigMap") if "logsrv.toml" in each["data"])
    text = config["data"]["logsrv.toml"].replace("/run/logsrv", str(folder))
    (folder / "logsrv.toml").write_text(re.sub(r"tcp:\d+", "tcp:0:interface=127.0.0.1", text))
    text = (ROOT / "packaging/Containerfile").read_text()
    [entry] = re.findall(r'^ENTRYPOINT \["twistd", (.*)\]$', text, re.MULTILINE)
    variables = re.findall(r"LOGSRV_([A-Z]+)=(\S+)", text)
    image = [f"--{name.lower()}={value}" for name, value in variables]
    words = [*re.findall(r'"([^"]*)"', entry), *image, *container("StatefulSet")["args"]]
    words = [word.replace("/etc/logsrv", str(folder)) for word in words]
    words = [word.replace("/var/lib/logsrv", str(folder)) for word in words]
    return [re.sub(r"tcp:\d+", "tcp:0:interface=127.0.0.1", word) for word in words]


@pytest.mark.slow
def test_the_centre_starts_and_its_probe_is_answered(tmp_path):
    secrets = dict.fromkeys(documents("Secret")[0]["stringData"], "a-long-enough-secret")
    server = subprocess.Popen(
        [*TWISTD, *command(tmp_path, secrets)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        printed = ""
        for line in server.stdout:
            printed += line
            if "logsrv is ready" in line:
                break
        [figures] = re.findall(r"metrics at (http://\S+)/metrics", printed)
        path = container("StatefulSet")["readinessProbe"]["httpGet"]["path"]
        with urllib.request.urlopen(figures + path, timeout=PATIENCE) as answer:
            assert answer.status == 200
        [page] = re.findall(r"page and API at (http://\S+)", printed)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{page}api/search", timeout=PATIENCE)
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE)


@pytest.mark.slow
def test_the_secret_as_it_stands_lets_nobody_in(tmp_path):
    done = subprocess.run(
        [*TWISTD, *command(tmp_path, documents("Secret")[0]["stringData"])],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert "has no token in it" in done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.minutes(10)
def test_manifests_are_valid_by_the_published_schemas(tmp_path):
    """Those of kubernetes-validate, which are 140 MB: so in an environment of its own."""
    subprocess.run(
        [sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=5 * PATIENCE
    )
    pip = (tmp_path / "venv/bin/pip", "install", "--quiet", "kubernetes-validate==1.37.0")
    subprocess.run(pip, check=True, timeout=20 * PATIENCE)
    for version in VERSIONS:
        words = (tmp_path / "venv/bin/kubernetes-validate", "--strict", "-k", version, *FILES)
        done = subprocess.run(words, capture_output=True, text=True, timeout=5 * PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(" passed ") == 12, done.stdout + done.stderr
