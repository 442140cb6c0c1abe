"""A node to break: the living example's production on a real engine, agents as processes, and clients that never stop.

The repository is made once for a session and copied; its branch is moved to commits that were made beforehand. What
must hold after every fault is in `after_faults`.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from interlock.demo.people import DEVELOPER
from interlock.documents.layout import environment_path
from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from support.agent_processes import AgentRun, AgentStarter, Ending
from support.fault_engine import FaultEngine
from support.living_example import living_example
from support.serving_node import ENVIRONMENT, REFUND, ServingNode, serving_node
from support.signing_keys import make_key
from support.steady_requests import SteadyRequests, steady_requests

SQL = "Question: how many orders?\nSQL:"
QUESTIONS = {"support-bot": REFUND, "sql-helper": SQL}
ANSWERS = {
    ("support-bot", "1"): " Refunds take ten days.",
    ("support-bot", "2"): " Refund granted. Sorry for the trouble.",
    ("support-bot", "3"): " Refund granted, and here is a voucher.",
    ("support-bot", "8"): " Refund granted. Sorry for the trouble.",  # the bytes of revision 2, from elsewhere
    ("sql-helper", "1"): " SELECT 1;",
}
CANARY = 'canary: {revision: "3", weight: 0, tenants: [acme]}\n'
PATIENCE = 60.0
NAME = "node-1"


@dataclass(frozen=True)
class Expected:
    """What git says at one commit: the revision of each alias, its canary, and what is loaded once all is drained."""

    serves: Mapping[str, str]
    loaded: frozenset[tuple[str, str]]
    canaries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One commit of the story, and what it asks for."""

    name: str
    commit: str
    expected: Expected


@dataclass
class FaultNode:
    """One node with its remote, its engine and what starts its agents."""

    serving: ServingNode
    engine: FaultEngine
    starter: AgentStarter
    stages: Mapping[str, Stage]
    trust: Mapping[str, Any] = field(default_factory=lambda: {"protected": "unverified"})
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _commits: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def root(self) -> Path:
        """Everything of this node lies below it."""
        return self.serving.scratch.root

    @property
    def state(self) -> Path:
        """The agent's state directory."""
        return self.serving.node.directory / "state"

    @property
    def store(self) -> Path:
        """The agent's store."""
        return self.state / "adapters"

    def placed(self, adapter: str, revision: str) -> Path:
        """Where the store keeps a revision of the living example."""
        return self.store / "sha256" / living_example().artifact(adapter, revision).digest.hex

    @property
    def routes(self) -> Path:
        """The route table."""
        return self.serving.node.routes

    def served(self, adapter: str, revision: str) -> str:
        """The served name of a revision."""
        if (adapter, revision) not in self._names:
            self._names[adapter, revision] = self.serving.served(adapter, revision)
        return self._names[adapter, revision]

    @property
    def first(self) -> Stage:
        """The first stage of the story."""
        return next(iter(self.stages.values()))

    @property
    def key(self) -> Path:
        """The key with which this node signs its receipts."""
        return self.serving.node.directory / "node-key"

    @property
    def engine_settings(self) -> dict[str, str]:
        """The section `engine` of the settings."""
        return {
            "kind": "embedded",
            "url": self.engine.url,
            "base_directory": str(self.serving.node.base_directory),
            "admin_token_file": "admin-token",
            "timeout": "20s",
        }

    def configure(self, **other: Any) -> None:
        """Write the settings, with these sections instead of the usual ones."""
        self.serving.node.write(self.engine.url)
        if not self.key.exists():
            make_key(self.key.parent, self.key.name)
        settings: dict[str, Any] = {
            "kind": "Node",
            "name": NAME,
            "environment": ENVIRONMENT,
            "remote": {"url": self.serving.scratch.remote_url, "branch": "main", "poll": "1s"},
            "engine": self.engine_settings,
            "state": "state",
            "routes": str(self.engine.routes),
            "drain": "5s",
            "trust": self.trust,
            "receipts": {"key_file": self.key.name},
        }
        self.serving.node.settings.write_text(json.dumps(settings | other), encoding="utf-8")

    def move(self, commit: str) -> None:
        """Let the branch of the remote be at a commit that the remote has."""
        command = ["git", "-C", str(self.serving.scratch.remote), "update-ref", "refs/heads/main", commit]
        subprocess.run(command, check=True, timeout=30)

    def lose_branch(self) -> None:
        """Let the remote have no such branch any more."""
        remote = str(self.serving.scratch.remote)
        subprocess.run(["git", "-C", remote, "update-ref", "-d", "refs/heads/main"], check=True, timeout=30)

    def commit(self, after: str, write: Callable[[], object] = lambda: None, *, signer: str = DEVELOPER) -> str:
        """Make a commit on top of another one; the remote has it, and no branch is moved. `signer` "" signs nothing."""
        git = self.serving.scratch.git
        git("checkout", "--quiet", "--force", "--detach", after)
        write()
        git("add", "--all")
        git(*self._signing(signer), "commit", "--quiet", "--allow-empty", "--message", "a change")
        git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/made-{next(self._commits)}")
        return git("rev-parse", "HEAD")

    def _signing(self, signer: str) -> list[str]:
        if not signer:
            return ["-c", "commit.gpgsign=false"]
        key = self.root / "keys" / signer
        pins = [f"user.signingkey={key}", f"user.name={signer}", f"user.email={signer}@example.com"]
        return [word for pin in pins if key.exists() for word in ("-c", pin)]

    def promoted(self, after: str, revision: str, extra: str = "", *, signer: str = DEVELOPER) -> Stage:
        """A commit in which support-bot is promoted, and what is loaded then: the new revision and the first one."""
        commit = self.commit(after, lambda: self.serving.point("support-bot", revision, extra=extra), signer=signer)
        before = self.first.expected.serves["support-bot"]
        loaded = {("support-bot", before), ("support-bot", revision), ("sql-helper", "1")}
        serves = {"support-bot": revision, "sql-helper": "1"}
        return Stage(f"support-bot {revision}", commit, Expected(serves, frozenset(loaded)))

    def begin(self, **order: Any) -> AgentRun:
        """Start an agent as a process."""
        return self.starter.begin(self.serving.node.settings, self.root, **{"patience": PATIENCE, **order})

    def run(self, **order: Any) -> Ending:
        """Run an agent as a process until it has settled or was killed."""
        return self.begin(**order).wait()

    @contextmanager
    def driver(self) -> Iterator[EngineDriver]:
        """Another connection to the engine, with the agent's rights."""
        driver = open_engine("embedded", EngineAddress(self.engine.url, admin_token=self.engine.admin_token))
        try:
            yield driver
        finally:
            driver.close()

    def loaded(self) -> dict[str, str]:
        """What the engine lists: name → directory."""
        with self.driver() as driver:
            return dict(driver.adapters())

    @contextmanager
    def clients(self, *aliases: str) -> Iterator[SteadyRequests]:
        """Clients of the aliases that serve already."""
        with steady_requests(self.engine.url, {alias: QUESTIONS[alias] for alias in aliases}) as clients:
            yield clients


@dataclass(frozen=True)
class Snapshot:
    """A node between two stages: its state directory, its route table, and what its engine had loaded."""

    state: Path
    routes: bytes | None
    loaded: Mapping[str, str]


def after_restart(snapshot: Snapshot) -> Snapshot:
    """The same after a restart of the engine: it has forgotten everything, and another process answers now."""
    shown = snapshot.state / "shown.json"
    (seen,) = json.loads(shown.read_text(encoding="utf-8"))["shown"].values()
    shown.write_text(json.dumps({"shown": {"a process that is gone": seen}}), encoding="utf-8")
    return replace(snapshot, loaded={})


def take_snapshot(node: FaultNode, directory: Path) -> Snapshot:
    """Remember the node as it is."""
    copy(node.state, directory)
    return Snapshot(directory, node.routes.read_bytes() if node.routes.exists() else None, node.loaded())


def restore(node: FaultNode, snapshot: Snapshot | None) -> None:
    """Put the node back; None: a node on which no agent ever ran."""
    with node.driver() as driver:
        for name in driver.adapters():
            driver.unload(name)
        remove(node.state)
        node.routes.unlink(missing_ok=True)
        if snapshot is None:
            return
        copy(snapshot.state, node.state)
        for name, directory in snapshot.loaded.items():
            driver.load(name, directory)
    if snapshot.routes is not None:
        node.routes.write_bytes(snapshot.routes)


def copy(source: Path, target: Path) -> None:
    """A copy of a directory with the same modes, into another one if that is there."""
    target.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True, timeout=60)


def remove(directory: Path) -> None:
    """Remove a directory of which some are read-only."""
    if directory.exists():
        subprocess.run(["chmod", "-R", "u+rwX", str(directory)], check=True, timeout=60)
        shutil.rmtree(directory)


def plain_production(repository: Path) -> None:
    """Production without waves, windows and soak: a commit is served as soon as it is accepted."""
    path = repository / environment_path(ENVIRONMENT)
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"^(rollout|windows|soak):.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")


@contextmanager
def story(root: Path) -> Iterator[tuple[ServingNode, dict[str, Stage]]]:
    """A node with the commits of the whole story; its branch is at the first one."""
    with serving_node(root, change=plain_production) as node:
        stages = dict(_stages(node))
        first = next(iter(stages.values())).commit
        subprocess.run(
            ["git", "-C", str(node.scratch.remote), "update-ref", "refs/heads/main", first], check=True, timeout=30
        )
        yield node, stages


def _stages(node: ServingNode) -> Iterator[tuple[str, Stage]]:
    def stage(name: str, commit: str, loaded: str, canary: str = "", **serves: str) -> tuple[str, Stage]:
        names = frozenset(
            (adapter, revision) for adapter, _, revision in (one.partition("@") for one in loaded.split())
        )
        served = {alias.replace("_", "-"): revision for alias, revision in serves.items()}
        canaries = {"support-bot": canary} if canary else {}
        return name, Stage(name, commit, Expected(served, names, canaries))

    first = node.scratch.git("rev-parse", "HEAD")
    yield stage("first-sync", first, "support-bot@1 sql-helper@1", support_bot="1", sql_helper="1")
    node.point("support-bot", "2")
    both = "support-bot@1 support-bot@2 sql-helper@1"
    yield stage("promotion", node.push("promote"), both, support_bot="2", sql_helper="1")
    node.point("support-bot", "2", extra=CANARY)
    yield stage("canary", node.push("try 3"), f"{both} support-bot@3", canary="3", support_bot="2", sql_helper="1")
    node.point("support-bot", "1")
    yield stage("rollback", node.push("go back"), both, support_bot="1", sql_helper="1")
    node.scratch.git("rm", "--quiet", f"environments/{ENVIRONMENT}/pointers/sql-helper.yaml")
    yield stage("retirement", node.push("retire"), "support-bot@1 support-bot@2", support_bot="1")
    again = node.push("nothing new")
    yield stage("collection", again, "support-bot@1 support-bot@2", support_bot="1")
