"""A serving node of the demonstration: its settings file, its secret, and the agent as a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interlock.demo.child_process import die_with_parent, stop
from interlock.demo.scratch import Scratch
from interlock.sync.status import Status, from_json
from interlock.sync.status_files import STATUS_FILE

POLL_SECONDS = 1


@dataclass(frozen=True)
class DemoNode:
    """Paths and secrets of the node; the settings file is written once the engine's address is known.

    `routes` is the route table between agent and middleware, `trust` what stands below `trust:` in the settings.
    """

    directory: Path
    kind: str
    environment: str
    remote_url: str
    base_directory: Path
    admin_token: str
    routes: Path
    trust: str

    @property
    def settings(self) -> Path:
        """What `interlock sync --node` gets."""
        return self.directory / "node.yaml"

    def write(self, engine_url: str) -> None:
        """Write the settings and the token file."""
        token = self.directory / "admin-token"
        token.touch(mode=0o600)
        token.write_text(self.admin_token + "\n", encoding="ascii")
        self.settings.write_text(
            "kind: Node\n"
            "name: demo-node\n"
            f"environment: {self.environment}\n"
            f"remote: {{url: {json.dumps(self.remote_url)}, branch: main, poll: {POLL_SECONDS}s}}\n"
            "engine:\n"
            f"  kind: {self.kind}\n"
            f"  url: {json.dumps(engine_url)}\n"
            f"  base_directory: {json.dumps(str(self.base_directory))}\n"
            "  admin_token_file: admin-token\n"
            "state: state\n"
            f"routes: {json.dumps(str(self.routes))}\n"
            "drain: 5s\n"
            f"trust: {self.trust}\n",
            encoding="utf-8",
        )

    def status(self) -> Status | None:
        """What the agent last said, or None before its first report."""
        try:
            return from_json((self.directory / "state" / STATUS_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None


def make_node(scratch: Scratch, kind: str, environment: str, base_directory: Path, root: str = "") -> DemoNode:
    """Lay out the node's directory; nothing is started. `root` is the commit that it pins, "" for a node that does not
    verify who stands behind a commit.
    """
    directory = scratch.root / "node"
    directory.mkdir()
    token = secrets.token_urlsafe(24)
    routes = directory / "state" / "routes.json"
    trust = f"{{root: {{commit: {root}}}}}" if root else "{protected: unverified}"
    return DemoNode(directory, kind, environment, scratch.remote_url, base_directory, token, routes, trust)


@contextmanager
def agent_running(node: DemoNode, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `interlock sync` for the node until the block ends."""
    command = [sys.executable, "-m", "interlock.cli.main", "sync", "--node", str(node.settings)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=_without_secrets(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        stop(process)


def _without_secrets() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
