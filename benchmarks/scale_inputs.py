"""What one node costs everything around it: the inputs of docs/scale.md, measured in one run.

    python -m benchmarks scale_inputs

A poll (`ls-remote`) and the fetch of one promotion against a git server: bytes on the wire, connections, processor time
on both sides; over HTTP (`git_server`), over `git daemon` and over `file://`, with few refs, with 10,000 more, and
with those hidden. And what a node keeps and shows: status, metrics, receipts, mirror. The node is a real agent on the
living example with a real embedded engine, every commit signed and approved.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.changes import PROMOTE, Changes
from benchmarks.counting_relay import Relay, counting_relay
from benchmarks.example_node import example_node
from benchmarks.git_server import git_server
from interlock.demo.child_process import die_with_parent, stop
from interlock.demo.engine_process import free_port
from interlock.demo.node import DemoNode
from interlock.demo.scratch import Scratch
from interlock.history.attestation_ref import REF
from interlock.history.git_command import Git
from interlock.history.mirror import Mirror, Remote
from interlock.sync.agent import Agent
from interlock.sync.outcome import Done
from interlock.sync.settings import load_settings

POLLS, FETCHES, REFS = 40, 5, 10_000


def measure(root: Path) -> dict[str, object]:
    """Measure below `root`; sizes in bytes, times in milliseconds."""
    with ExitStack() as stack:
        example = example_node(root, stack)
        scratch, changes = example.scratch, Changes(example.scratch, example.people)
        agent, state = _agent(example.node, stack)
        served = root.parent / "served"
        address, server = stack.enter_context(git_server(scratch.remote.parent))
        relay = stack.enter_context(counting_relay(int(address.rpartition(":")[2])))
        url = f"http://127.0.0.1:{relay.port}/{scratch.remote.name}"
        mirrors = _mirrors(served, url)
        before = _receipts(state)
        changes.prepare(PROMOTE)
        changes.push()
        found: dict[str, object] = {"fetch_of_one_promotion": _fetches(mirrors, relay, server)}
        assert isinstance(agent.run_once(), Done)
        found["node"] = _kept(state) | {"receipts_of_one_flip_bytes": _receipts(state) - before}
        found["polls"] = _polls(scratch, root, url, relay, server)
        return found


def _agent(node: DemoNode, stack: ExitStack) -> tuple[Agent, Path]:
    """An agent that serves the example, and its state directory."""
    settings = load_settings(node.settings)
    agent = Agent(settings)
    stack.callback(agent.close)
    assert isinstance(agent.run_once(), Done)
    return agent, settings.state


def _kept(state: Path) -> dict[str, int]:
    """What the node keeps and shows after it has served two revisions."""
    metrics = (state / "metrics.prom").read_text(encoding="ascii")
    return {
        "status_bytes": (state / "status.json").stat().st_size,
        "metrics_bytes": len(metrics),
        "metrics_series": sum(not line.startswith("#") for line in metrics.splitlines()),
        "mirror_bytes": sum(path.stat().st_size for path in (state / "mirror").rglob("*") if path.is_file()),
    }


def _receipts(state: Path) -> int:
    return sum(path.stat().st_size for path in (state / "receipts").rglob("*.jsonl"))


def _mirrors(root: Path, url: str) -> list[tuple[Mirror, str]]:
    """Mirrors of nodes that are up to date."""
    found = []
    for number in range(FETCHES):
        mirror = Mirror(root / f"mirror-{number}", Remote(url, "main"))
        accepted = mirror.fetch(None)
        mirror.fetch_statements(mirror.remote_tips().statements)
        found.append((mirror, accepted))
    return found


def _fetches(mirrors: list[tuple[Mirror, str]], relay: Relay, server: int) -> dict[str, float]:
    def fetch() -> None:
        for mirror, accepted in mirrors:
            mirror.fetch(accepted)
            mirror.fetch_statements(mirror.remote_tips().statements)

    return _costs(fetch, FETCHES, server, relay)


def _polls(scratch: Scratch, root: Path, url: str, relay: Relay, server: int) -> dict[str, object]:
    bare = root / "empty.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True, timeout=30)
    git = Git(bare, transports="file:git:http")

    def polls(remote: str) -> Callable[[], None]:
        words = ("ls-remote", "--quiet", "--end-of-options", remote, "refs/heads/main", REF)

        def poll() -> None:
            for _ in range(POLLS):
                assert git.run(*words, timeout=60)

        return poll

    found: dict[str, object] = {"http": _costs(polls(url), POLLS, server, relay)}
    with git_daemon(scratch.remote.parent) as (port, daemon), counting_relay(port) as counted:
        address = f"git://127.0.0.1:{counted.port}/{scratch.remote.name}"
        found["git_daemon"] = _costs(polls(address), POLLS, daemon, counted)
        found["file"] = _costs(polls(scratch.remote_url), POLLS, None, None)
        _add_refs(scratch.remote)
        found["http_with_10000_more_refs"] = _costs(polls(url), POLLS, server, relay)
        found["git_daemon_with_10000_more_refs"] = _costs(polls(address), POLLS, daemon, counted)
        Git(scratch.remote).run("config", "uploadpack.hideRefs", "refs/interlock/receipts")
        found["http_with_10000_hidden_refs"] = _costs(polls(url), POLLS, server, relay)
    return found


def _add_refs(remote: Path) -> None:
    """As many refs as 10,000 nodes have that push receipts, packed as a server keeps them."""
    git = Git(remote)
    head = git.run("rev-parse", "refs/heads/main").decode().strip()
    lines = "".join(f"create refs/interlock/receipts/node-{number:05d} {head}\n" for number in range(REFS))
    git.run("update-ref", "--stdin", data=lines.encode(), timeout=120)
    git.run("pack-refs", "--all", timeout=120)


def _costs(act: Callable[[], None], times: int, server: int | None, relay: Relay | None) -> dict[str, float]:
    """What one of `times` costs; the client is every process that we start ourselves."""
    process = psutil.Process(server) if server else None
    counted = (relay.sent, relay.received, relay.connections) if relay else (0, 0, 0)
    client, used, began = _children(), _cpu(process), time.monotonic()
    act()
    found = {
        "wall_ms": _milliseconds(time.monotonic() - began, times),
        "client_cpu_ms": _milliseconds(_children() - client, times),
    }
    if process and relay:
        after = (relay.sent, relay.received, relay.connections)
        sent, received, connections = ((now - then) / times for now, then in zip(after, counted, strict=True))
        found |= {"server_cpu_ms": _milliseconds(_cpu(process) - used, times)}
        found |= {"sent_bytes": round(sent), "received_bytes": round(received), "connections": round(connections, 1)}
    return found


def _milliseconds(seconds: float, times: int) -> float:
    return round(seconds * 1000 / times, 1)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def git_daemon(root: Path) -> Iterator[tuple[int, int]]:
    """git's own daemon over the repositories below `root`; yields its port and process id."""
    found = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True, timeout=30)
    port = free_port()
    words = [f"{found.stdout.strip()}/git-daemon", "--reuseaddr", "--export-all", f"--base-path={root}"]
    command = [*words, "--listen=127.0.0.1", f"--port={port}", str(root)]
    process = subprocess.Popen(command, preexec_fn=die_with_parent, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        time.sleep(0.5)
        yield port, process.pid
    finally:
        stop(process)
