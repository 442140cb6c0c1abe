"""The Kubernetes manifests, against each other and against our own code: ports, paths, mounts, secrets, settings.

They were never applied to a cluster here; what can be known without one is asserted.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from interlock.routing import settings as routing
from interlock.routing.settings import RoutingSettings
from interlock.sync.http.hook import Hook
from interlock.sync.http.pages import Pages
from interlock.sync.metrics import to_live_metrics
from interlock.sync.settings import NODE_NAME, NodeSettings, load_settings
from interlock.sync.status import CONDITIONS, StoreState
from support.http_site import Watched, status

REPOSITORY = Path(__file__).resolve().parents[2]
MANIFESTS = REPOSITORY / "packaging" / "kubernetes"
NODE = MANIFESTS / "node"
SECRETS = ("INTERLOCK_ADMIN_TOKEN", "INTERLOCK_REMOTE_TOKEN", "INTERLOCK_HOOK_SECRET", "INTERLOCK_ENGINE_API_KEY")
KIBIBYTES = {"Ki": 1, "Mi": 1 << 10, "Gi": 1 << 20}

Manifest = dict[str, Any]


def manifests(folder: Path) -> Iterator[Manifest]:
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if document["kind"] not in ("Kustomization", "Component", "Node"):
                yield document


def one(kind: str, name: str | None = None) -> Manifest:
    found = [one for one in manifests(NODE) if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    assert len(found) == 1, kind
    return found[0]


@pytest.fixture(scope="module")
def stateful_set() -> Manifest:
    return one("StatefulSet")


@pytest.fixture(scope="module")
def pod(stateful_set: Manifest) -> Manifest:
    template: Manifest = stateful_set["spec"]["template"]
    return template


def container(pod: Manifest, name: str) -> Manifest:
    (found,) = [one for one in pod["spec"]["containers"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def settings(pod: Manifest, monkeypatch: pytest.MonkeyPatch) -> NodeSettings:
    """The settings as the agent in the pod reads them, with the variables that it gets."""
    for one in container(pod, "agent")["env"]:
        monkeypatch.setenv(one["name"], one.get("value", "node-0" if one["name"] == NODE_NAME else "a-secret"))
    return load_settings(NODE / "node.yaml")


def mounts(one: Manifest) -> dict[str, Manifest]:
    return {mount["mountPath"]: mount for mount in one["volumeMounts"]}


def beneath(path: Path, one: Manifest) -> Manifest:
    """The mount that a path lies on: the deepest one."""
    return max(
        (mount for at, mount in mounts(one).items() if path.is_relative_to(at)),
        key=lambda mount: len(mount["mountPath"]),
    )


def test_the_settings_are_valid_and_each_pod_has_a_name_of_its_own(settings: NodeSettings) -> None:
    assert settings.node.name == "node-0"
    assert (settings.admin_token, settings.remote_token, settings.hook_secret) == ("a-secret",) * 3
    assert settings.node.trust.root, "a protected environment is served with proof only"


def test_the_agent_finds_its_settings_where_they_are_mounted(pod: Manifest) -> None:
    agent = container(pod, "agent")
    assert agent["args"] == ["sync", "--node", "/etc/interlock/node.yaml"]
    (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == beneath(Path(agent["args"][2]), agent)["name"]]
    (made,) = kustomization(NODE)["configMapGenerator"]
    assert volume["configMap"]["name"] == made["name"]
    assert made["files"] == ["node.yaml"]


def test_agent_and_engine_see_the_bytes_the_base_and_the_routes_at_the_same_paths(
    pod: Manifest, settings: NodeSettings
) -> None:
    agent, engine = container(pod, "agent"), container(pod, "engine")
    assert settings.base_directory
    for path in (settings.store, settings.routes, settings.base_directory):
        ours, theirs = beneath(path, agent), beneath(path, engine)
        assert ours["name"] == theirs["name"], path
        assert theirs.get("readOnly") is True, f"the engine may not write {path}"
        inside = path.relative_to(theirs["mountPath"]), path.relative_to(ours["mountPath"])
        assert Path(theirs.get("subPath", "")) / inside[0] == Path(ours.get("subPath", "")) / inside[1], path
    for path in (settings.state, settings.store, settings.routes):
        assert not beneath(path, agent).get("readOnly"), f"the agent writes {path}"


def test_every_mount_has_its_volume_and_every_volume_its_use(pod: Manifest, stateful_set: Manifest) -> None:
    claims = {one["metadata"]["name"] for one in stateful_set["spec"]["volumeClaimTemplates"]}
    volumes = {one["name"] for one in pod["spec"]["volumes"]} | claims
    everyone = pod["spec"]["containers"] + pod["spec"]["initContainers"]
    assert {mount["name"] for one in everyone for mount in one["volumeMounts"]} == volumes


def test_the_engine_is_told_what_the_middleware_reads_and_the_agent_expects(
    pod: Manifest, settings: NodeSettings
) -> None:
    engine, agent = container(pod, "engine"), container(pod, "agent")
    plain = {one["name"]: one["value"] for one in engine["env"] if "value" in one}
    read = RoutingSettings.from_environment({**plain, routing.ADMIN_TOKEN: "x"})
    assert read.routes == settings.routes
    assert read.agent
    assert read.agent.port == port_of(agent, "agent")
    assert plain["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    assert "--middleware=interlock.routing.middleware.RoutingMiddleware" in engine["args"]
    assert beneath(Path(plain["PYTHONPATH"]), engine)["name"] == "core"
    assert engine["args"][0] == str(settings.base_directory)
    assert settings.node.engine.url == f"http://127.0.0.1:{port_of(engine, 'inference')}"
    assert f"--port={port_of(engine, 'inference')}" in engine["args"]
    secret = [
        one["valueFrom"]
        for name in ("engine", "agent")
        for one in container(pod, name)["env"]
        if one["name"] == routing.ADMIN_TOKEN
    ]
    assert secret[0] == secret[1]


def port_of(one: Manifest, name: str) -> int:
    (found,) = [port["containerPort"] for port in one["ports"] if port["name"] == name]
    return int(found)


def test_the_init_container_copies_what_the_image_has(pod: Manifest, settings: NodeSettings) -> None:
    (first,) = pod["spec"]["initContainers"]
    recipe = (REPOSITORY / "packaging" / "container" / "Containerfile").read_text(encoding="utf-8")
    copied = re.search(r"cp -R (\S+)/\. (\S+)/ ", first["command"][2])
    assert copied
    assert f"COPY tools/interlock {copied[1]}/interlock" in recipe
    assert copied[2] in mounts(first)
    assert f"mkdir -p {settings.store}" in first["command"][2]
    assert first["image"] == container(pod, "agent")["image"]


def test_probes_ask_pages_that_there_are_and_none_takes_a_node_out_for_a_refused_commit(
    pod: Manifest, settings: NodeSettings
) -> None:
    agent = container(pod, "agent")
    probes = {kind: agent[kind]["httpGet"] for kind in ("readinessProbe", "livenessProbe")}
    assert {kind: get["path"] for kind, get in probes.items()} == {
        "readinessProbe": "/available",
        "livenessProbe": "/healthz",
    }
    pages = Pages(Watched(), 1.0).routes()
    assert all(("GET", get["path"]) in pages for get in probes.values())
    assert settings.node.http
    assert settings.node.http.public
    listens = int(settings.node.http.listen.rpartition(":")[2])
    assert {port_of(agent, get["port"]) for get in probes.values()} == {listens}


def test_services_and_policies_name_ports_and_pods_that_there_are(pod: Manifest, stateful_set: Manifest) -> None:
    names = {port["name"] for one in pod["spec"]["containers"] for port in one["ports"]}
    labels = pod["metadata"]["labels"].items()
    for service in (one("Service", "inference"), one("Service", "interlock-node")):
        assert service["spec"]["selector"].items() <= labels
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    assert stateful_set["spec"]["serviceName"] == "interlock-node"
    assert stateful_set["spec"]["selector"]["matchLabels"].items() <= labels
    policy, budget = one("NetworkPolicy")["spec"], one("PodDisruptionBudget")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels
    assert budget["selector"]["matchLabels"].items() <= labels
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} <= names
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}


def test_only_those_who_watch_reach_the_agent(pod: Manifest) -> None:
    rules = [
        rule for rule in one("NetworkPolicy")["spec"]["ingress"] if "agent" in {port["port"] for port in rule["ports"]}
    ]
    assert [list(who) for rule in rules for who in rule["from"]] == [["namespaceSelector"]]


def test_the_secret_holds_everything_that_pods_ask_for_and_the_agent_reads_it(pod: Manifest) -> None:
    (secret,) = yaml.safe_load_all((MANIFESTS / "secret.example.yaml").read_text(encoding="utf-8"))
    asked = {
        entry["name"]: entry["valueFrom"]["secretKeyRef"]
        for each in pod["spec"]["containers"]
        for entry in each["env"]
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    assert {ref["name"] for ref in asked.values()} == {secret["metadata"]["name"]}
    assert {ref["key"] for ref in asked.values()} == set(secret["stringData"])
    assert set(asked) <= set(SECRETS)
    listed = kustomization(NODE)["resources"]
    assert "secret.example.yaml" not in json.dumps(listed), "an example is not applied"


def test_nobody_in_the_pod_is_root_or_can_become_it(pod: Manifest) -> None:
    context = pod["spec"]["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 65532, 65532)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    for each in pod["spec"]["containers"] + pod["spec"]["initContainers"]:
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["limits"]["memory"], each["name"]
    assert container(pod, "agent")["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_pod_has_longer_to_end_than_requests_have_to_drain(pod: Manifest, settings: NodeSettings) -> None:
    assert pod["spec"]["terminationGracePeriodSeconds"] >= settings.drain_times.seconds


def kustomization(folder: Path) -> Manifest:
    document = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("folder", ["node", "monitoring", "example"])
def test_kustomize_lists_exactly_the_files_that_there_are(folder: str) -> None:
    listed = kustomization(MANIFESTS / folder)
    for path in [*listed["resources"], *listed.get("components", [])]:
        assert (MANIFESTS / folder / path).exists(), path
    files = {file.name for file in (MANIFESTS / folder).glob("*.yaml")} - {"kustomization.yaml", "node.yaml"}
    assert {path for path in listed["resources"] if path.endswith(".yaml")} == files


def test_the_example_changes_names_that_the_base_has(pod: Manifest, stateful_set: Manifest) -> None:
    example = kustomization(MANIFESTS / "example")
    images = {one["image"].rpartition(":")[0] for one in pod["spec"]["containers"]}
    assert {one["name"] for one in example["images"]} <= images
    assert {one["name"] for one in example["replicas"]} == {stateful_set["metadata"]["name"]}


def test_prometheus_scrapes_a_port_and_a_page_that_there_are() -> None:
    (monitor,) = [one for one in manifests(MANIFESTS / "monitoring") if one["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert ("GET", endpoint["path"]) in Pages(Watched(), 1.0).routes()
    service = one("Service", "interlock-node")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert service["spec"]["publishNotReadyAddresses"], "a node that is not available is watched above all"


def test_alerts_are_about_metrics_conditions_and_pages_that_there_are() -> None:
    (rules,) = [one for one in manifests(MANIFESTS / "monitoring") if one["kind"] == "PrometheusRule"]
    alerts = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    told = (
        to_live_metrics(replace(status(), store=StoreState(1, 1, 1, 1)), 1.0)
        + Hook("x", lambda: None, lambda *_: None, time.monotonic).metrics()
    )
    operations = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in operations.splitlines()
        if line.startswith("#")
    }
    for alert in alerts:
        for metric in re.findall(r"\binterlock_\w+", alert["expr"]):
            assert f"# TYPE {metric} " in told, alert
        for kind in re.findall(r'type="(\w+)"', alert["expr"]):
            assert kind in CONDITIONS, alert
        page, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert (page, anchor in anchors) == ("docs/operations.md", True), alert
    assert {"InterlockNodeNotFresh", "InterlockEmergency", "InterlockNodeStalled"} <= {one["alert"] for one in alerts}


def test_every_condition_has_its_line_in_the_operators_page() -> None:
    operations = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \|", operations.partition("| Condition |")[2].partition("\n\n")[0], flags=re.M)
    assert sorted(table) == sorted(CONDITIONS)
