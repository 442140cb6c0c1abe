"""A whole serving node for tests: a real bare remote, a developer's clone, a real engine, and agents to start on it.

The repository is a copy of the living example at the root of this project, as it is in the working directory.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from interlock.demo.engine_process import EngineProcess, start_engine
from interlock.demo.node import DemoNode, make_node
from interlock.demo.scratch import PERSON, Scratch
from interlock.demo.traffic import Answer, ask, open_client
from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import EngineLimits
from interlock.documents.layout import environment_path, pointer_path
from interlock.engines.address import EngineAddress
from interlock.engines.registry import open_engine
from interlock.sync.agent import Agent
from interlock.sync.settings import load_settings
from support.living_example import living_example

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = ("adapters", "artifacts", "bases", "environments", "policies")
REFUND = "Customer: I want my money back.\nAgent:"
ENVIRONMENT = "production"
LIMITS = EngineLimits(kind="embedded", max_loras=4, max_cpu_loras=8, max_lora_rank=16)


@dataclass
class TestClock:
    """Monotonic seconds that move only when a test moves them."""

    __test__ = False
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class SharedEngine:
    """An embedded engine on the living example's base, for all tests of one worker that do not restart it."""

    process: EngineProcess
    routes: Path
    admin_token: str

    def clear(self) -> None:
        """Unload everything and forget the routes."""
        driver = open_engine("embedded", EngineAddress(self.process.url, admin_token=self.admin_token))
        for name in driver.adapters():
            driver.unload(name)
        driver.close()
        self.routes.unlink(missing_ok=True)


@contextmanager
def shared_engine(root: Path, environment: Mapping[str, str] | None = None) -> Iterator[SharedEngine]:
    """Start the engine that tests of one worker share; `environment` is added to its variables."""
    example = living_example()
    routes, token = root / "routes.json", "a-token-for-tests-only"
    with start_engine(
        "embedded",
        example.base,
        served_name=example.base_revision.name,
        limits=LIMITS,
        routes=routes,
        admin_token=token,
        log=root / "engine.log",
        environment=environment,
    ) as process:
        yield SharedEngine(process, routes, token)


@dataclass
class ServingNode:
    """One node in the environment `production`; see the functions of the same names in `demo`."""

    scratch: Scratch
    node: DemoNode
    base: BaseRevision
    clock: TestClock = field(default_factory=TestClock)
    engine: EngineProcess | None = None
    _engine: ExitStack = field(default_factory=ExitStack)
    _agents: ExitStack = field(default_factory=ExitStack)

    def start_engine(self, *, middleware: bool = True, base: Path | None = None, port: int = 0) -> EngineProcess:
        """Start the engine, as its operator would; the settings then point to it."""
        self.engine = self._engine.enter_context(
            start_engine(
                self.node.kind,
                base or self.node.base_directory,
                served_name=self.base.name,
                limits=LIMITS,
                routes=self.node.routes,
                admin_token=self.node.admin_token,
                log=self.scratch.root / "engine.log",
                middleware=middleware,
                port=port,
            )
        )
        self.node.write(self.engine.url)
        return self.engine

    def share(self, shared: SharedEngine) -> None:
        """Use an engine that other tests use too; it is left without adapters and routes."""
        self.engine = shared.process
        self.stand_before(shared.process.url, shared.routes, shared.admin_token)
        self._engine.callback(shared.clear)

    def stand_before(self, url: str, routes: Path, admin_token: str) -> None:
        """Let the settings name an engine that somebody else has started."""
        self.node = replace(self.node, routes=routes, admin_token=admin_token)
        self.node.write(url)

    def stop_engine(self) -> int:
        """Stop the engine; returns its port, so that another can take its place."""
        assert self.engine
        self._engine.close()
        return int(self.engine.url.rsplit(":", 1)[1])

    def agent(self) -> Agent:
        """A new agent process's worth of agent: nothing remembered but what is on disk."""
        agent = Agent(load_settings(self.node.settings), clock=self.clock)
        self._agents.callback(agent.close)
        return agent

    def ask(self, alias: str, prompt: str = REFUND) -> Answer:
        """One greedy question to the engine."""
        with self.client() as client:
            return ask(client, alias, prompt)

    def client(self) -> httpx.Client:
        """An HTTP client for the engine."""
        assert self.engine
        return open_client(self.engine.url)

    def point(self, adapter: str, revision: str, *, extra: str = "") -> None:
        """Write the pointer of an adapter in production."""
        path = self.scratch.clone / pointer_path(ENVIRONMENT, adapter)
        path.write_text(f'kind: Pointer\nadapter: {adapter}\nactive: "{revision}"\n{extra}', encoding="utf-8")

    def push(self, message: str = "a change", *, force: bool = False) -> str:
        """Commit everything and push it to main; returns the commit."""
        self.scratch.git("add", "--all")
        self.scratch.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.scratch.git("push", "--quiet", *(["--force"] if force else []), "origin", "HEAD:main")
        return self.scratch.git("rev-parse", "HEAD")

    def served(self, adapter: str, revision: str) -> str:
        """The served name of a revision in the clone."""
        document = self.scratch.snapshot().revisions[RevisionId(adapter, revision)].document
        return str(ServedName.of(adapter, revision, document.artifact.digest))

    def loads(self) -> int:
        """How many adapters the engine has loaded since it started, by its own count."""
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        counts = [
            line.rsplit(" ", 1)[1] for line in lines if "adapter_loads_total{" in line and 'outcome="loaded"' in line
        ]
        assert counts, "the engine counts its loads"
        return int(sum(float(count) for count in counts))

    def interlock(self, *words: str) -> None:
        """Run a command of Interlock in the clone."""
        self.printed(*words)

    def printed(self, *words: str) -> str:
        """Run a command of Interlock in the clone and return what it prints."""
        command = [sys.executable, "-m", "interlock.cli.main", *words]
        finished = subprocess.run(
            command, cwd=self.scratch.clone, capture_output=True, text=True, timeout=60, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def close(self) -> None:
        """Stop everything."""
        self._agents.close()
        self._engine.close()


def committed_copy(root: Path) -> Path:
    """A git repository of its own with the living example in one commit; returns its directory."""
    for folder in EXAMPLE:
        shutil.copytree(REPOSITORY / folder, root / folder)
    scratch = Scratch(root, root, root)
    scratch.git("init", "--quiet", "--initial-branch=main")
    for key, value in PERSON.items():
        scratch.git("config", key, value)
    scratch.git("add", "--all")
    scratch.git("commit", "--quiet", "--message", "the living example")
    return root


def serve_with(repository: Path, kind: str) -> None:
    """Let the environment name the kind of engine that serves it here, and let every node follow at once."""
    path = repository / environment_path(ENVIRONMENT)
    text = re.sub(r"(?m)^rollout: .*\n", "", path.read_text(encoding="utf-8"))
    path.write_text(re.sub(r"kind: vllm, version: [^,]*,[^,]*,", f"kind: {kind},", text), encoding="utf-8")


@contextmanager
def serving_node(
    root: Path, *, kind: str = "embedded", change: Callable[[Path], None] | None = None
) -> Iterator[ServingNode]:
    """Lay out remote, clone and node below `root`; `change` may edit the repository before its first commit."""
    scratch = Scratch(root, root / "remote.git", root / "clone")
    scratch.clone.mkdir(parents=True)
    for folder in EXAMPLE:
        shutil.copytree(REPOSITORY / folder, scratch.clone / folder)
    serve_with(scratch.clone, kind)
    if change:
        change(scratch.clone)
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(scratch.remote)], check=True, timeout=30)
    scratch.git("init", "--quiet", "--initial-branch=main")
    for key, value in PERSON.items():
        scratch.git("config", key, value)
    scratch.git("remote", "add", "origin", scratch.remote_url)
    base = next(iter(scratch.snapshot().bases.values())).document
    assert base.source.uri
    node = ServingNode(
        scratch, make_node(scratch, kind, ENVIRONMENT, scratch.artifact_directory(base.source.uri)), base
    )
    node.push("the living example")
    try:
        yield node
    finally:
        node.close()
