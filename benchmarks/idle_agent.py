"""What an idle agent costs: memory, processor time, processes and disk writes, beside a real remote and a real engine.

    python -m benchmarks idle_agent

Limits: at a poll every 10 s under 0.3 % of a core, its children included, and 80 MB; a poll that finds nothing new is
one `git ls-remote` and no byte written to a disk. The agent is `interlock sync` as users start it, on a node that
verifies signatures and approvals and answers probes, after it has served the living example and while nothing changes.
Processor time is measured in one stretch; what git is started for is written down by a `git` in front of the real one.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.example_node import example_node
from interlock.demo.engine_process import free_port
from interlock.demo.node import agent_running

POLL_SECONDS = 10
IDLE_SECONDS = 60.0
READY_WITHIN = 120.0
_COUNTING_GIT = """#!/bin/sh
echo "$*" >> {log}
exec {git} "$@"
"""


def measure(root: Path) -> dict[str, object]:
    """Serve the example below `root`, wait until it is served, then watch the agent do nothing."""
    with ExitStack() as stack:
        node = example_node(root, stack).node
        text = node.settings.read_text(encoding="utf-8").replace("poll: 1s", f"poll: {POLL_SECONDS}s")
        node.settings.write_text(f"{text}http: {{listen: 127.0.0.1:{free_port()}}}\n", encoding="utf-8")
        started = _count_git(root / "git", stack)
        agent = psutil.Process(stack.enter_context(agent_running(node, root / "agent.log")).pid)
        _wait_until_ready(node.status)
        time.sleep(POLL_SECONDS)
        return _watch(agent, started)


def _watch(agent: psutil.Process, started: Path) -> dict[str, object]:
    processor, written, calls, began = _processor(agent), _written(agent), _calls(started), time.monotonic()
    time.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - began
    new = _calls(started)[len(calls) :]
    return {
        "poll_seconds": POLL_SECONDS,
        "share_of_a_core": round((_processor(agent) - processor) / seconds, 4),
        "limit_share": 0.003,
        "resident_megabytes": round(agent.memory_info().rss / 1e6, 1),
        "limit_megabytes": 80.0,
        "imports_torch": any("torch" in mapped.path for mapped in agent.memory_maps()),
        "git_started": len(new),
        "git_started_for_something_else_than_ls_remote": sum("ls-remote" not in call for call in new),
        "bytes_written_to_disk": _written(agent) - written,
    }


def _processor(process: psutil.Process) -> float:
    """Seconds of processor time, those of ended children included."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _written(process: psutil.Process) -> int:
    """Bytes sent towards a disk by the process and by its ended children, as the kernel counts them."""
    return int(process.io_counters().write_bytes)


def _count_git(directory: Path, stack: ExitStack) -> Path:
    """Put a `git` that writes its arguments down in front of the real one, for the agent started from here."""
    directory.mkdir()
    log = Path("/dev/shm" if Path("/dev/shm").is_dir() else directory) / f"interlock-git-calls-{os.getpid()}"
    stack.callback(log.unlink, missing_ok=True)
    git = directory / "git"
    git.write_text(_COUNTING_GIT.format(log=log, git=shutil.which("git")), encoding="utf-8")
    git.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{directory}{os.pathsep}{before}"
    stack.callback(os.environ.__setitem__, "PATH", before)
    return log


def _calls(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def _wait_until_ready(status: object) -> None:
    assert callable(status)
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        report = status()
        if report and report.condition("Ready").status == "True":
            return
        time.sleep(0.1)
    raise SystemExit("the agent did not become ready")
