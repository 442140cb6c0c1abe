"""A thousand agents and one git server on this machine, for ten minutes: how late is a rollback, how far behind is one.

    TMPDIR=/dev/shm python -m benchmarks.fleet.measure [--agents 1000] [--poll 30] [--minutes 10] [--processes 20]

Limits: the 95th percentile of a rollback, from its push to the moved route, is at most one poll interval and a second;
no agent asks less often than every second interval. Each agent is the real loop with a state directory and a store of
its own, and asks the server by itself over HTTP. Those of one process share the judging of commits, as the agents of
one machine may. What they write lies in memory where TMPDIR says so: a thousand nodes have a thousand disks, and this
machine has one. The engines are replicas of one real embedded engine (`replica`). Every change is signed and approved.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from benchmarks.changes import ADAPTER, PROMOTE, ROLL_BACK, Changes
from benchmarks.example_node import REPOSITORY, example_node
from benchmarks.git_server import git_server
from interlock.demo.child_process import die_with_parent
from interlock.demo.node import DemoNode

SETTLE_WITHIN = 300.0


def measure(
    root: Path, *, agents: int = 1000, processes: int = 20, poll: int = 30, minutes: float = 10.0
) -> dict[str, object]:
    """Run the fleet below `root`; times in seconds."""
    with ExitStack() as stack:
        example = example_node(root, stack, middleware=False)
        scratch, node = example.scratch, example.node
        address, server = stack.enter_context(git_server(scratch.remote.parent))
        _settings(node, f"{address}/{scratch.remote.name}", poll)
        fleet = Fleet(root, node, agents, processes, minutes * 60)
        stack.callback(fleet.stop)
        return _play(fleet, Changes(scratch, example.people), server, poll, minutes * 60)


def _play(fleet: Fleet, changes: Changes, server: int, poll: int, seconds: float) -> dict[str, object]:
    began, clients = time.time(), psutil.Process(server)
    fleet.wait_for(lambda served: served, since=began)
    started = time.time() - began
    used = _cpu(clients)
    lateness: list[list[float]] = []
    promotions: list[list[float]] = []
    while time.time() - began < seconds - 4 * poll:
        for words, into in ((PROMOTE, promotions), (ROLL_BACK, lateness)):
            wanted = changes.prepare(words)
            changes.push()
            pushed = time.time()
            into.append(fleet.wait_for(lambda served, wanted=wanted: served == wanted, since=pushed))
    share = (_cpu(clients) - used) / (time.time() - began - started)
    longest = fleet.longest_between_polls()
    rollbacks = [seconds for one in lateness for seconds in one]
    return {
        "agents": fleet.agents,
        "processes": fleet.processes,
        "poll_seconds": poll,
        "minutes": round((time.time() - began) / 60, 1),
        "first_sync_seconds": round(started, 1),
        "rollbacks": len(lateness),
        "rollback_median_seconds": round(statistics.median(rollbacks), 1),
        "rollback_p95_seconds": round(statistics.quantiles(rollbacks, n=20)[-1], 1),
        "rollback_longest_seconds": round(max(rollbacks), 1),
        "rollback_p95_limit_seconds": poll + 1.0,
        "promotion_longest_seconds": round(max(seconds for one in promotions for seconds in one), 1),
        "longest_between_polls_seconds": round(max(longest), 1),
        "between_polls_limit_seconds": 2.0 * poll,
        "server_share_of_a_core": round(share, 2),
    }


def _settings(node: DemoNode, remote: str, poll: int) -> None:
    text = node.settings.read_text(encoding="utf-8")
    text = re.sub(r"remote: .*", f"remote: {{url: {json.dumps(remote)}, branch: main, poll: {poll}s}}", text)
    node.settings.write_text(text, encoding="utf-8")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


class Fleet:
    """The processes, and what their agents have reported so far."""

    def __init__(self, root: Path, node: DemoNode, agents: int, processes: int, seconds: float) -> None:
        self.agents, self.processes = agents, processes
        self._moved: dict[str, tuple[str, float]] = {}
        self._longest: list[float] = []
        (root / "fleet").mkdir()
        each = -(-agents // processes)
        self._running: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._read: dict[Path, int] = {}
        for first in range(0, agents, each):
            count = min(each, agents - first)
            words = (str(node.settings), str(root / "fleet"), str(first), str(count), ADAPTER, str(seconds))
            said = root / f"said-{first}"
            with said.open("wb") as output, (root / f"errors-{first}").open("wb") as errors:
                command = [sys.executable, "-m", "benchmarks.fleet.many_agents", *words]
                process = subprocess.Popen(
                    command, cwd=REPOSITORY, stdout=output, stderr=errors, preexec_fn=die_with_parent
                )
            self._running.append((process, said))

    def wait_for(self, holds: Any, *, since: float) -> list[float]:
        """Wait until every alias leads to what `holds` accepts; returns how many seconds after `since` each moved."""
        deadline = time.time() + SETTLE_WITHIN
        while True:
            self._listen()
            if len(self._moved) == self.agents and all(holds(served) for served, _ in self._moved.values()):
                return [at - since for _, at in self._moved.values()]
            if time.time() > deadline:
                behind = [name for name, (served, _) in self._moved.items() if not holds(served)]
                raise SystemExit(f"{self.agents - len(self._moved)} agents silent, {len(behind)} behind: {behind[:5]}")
            time.sleep(0.25)

    def longest_between_polls(self) -> list[float]:
        """Wait for the end; returns for each agent the longest time between two of its polls."""
        for process, _ in self._running:
            process.wait(SETTLE_WITHIN)
        self._listen()
        return self._longest

    def stop(self) -> None:
        """End every process that still runs."""
        for process, _ in self._running:
            process.kill()
            process.wait()

    def _listen(self) -> None:
        for _, said in self._running:
            with said.open("rb") as stream:
                stream.seek(self._read.get(said, 0))
                whole, newline, _ = stream.read().rpartition(b"\n")
            self._read[said] = self._read.get(said, 0) + len(whole) + len(newline)
            for line in whole.splitlines():
                told = json.loads(line)
                if "node" in told:
                    self._moved[told["node"]] = (told["served"], told["at"])
                else:
                    self._longest += told["longest_between_polls"]


def main() -> None:
    """Measure with the numbers of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.measure", description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--poll", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interlock-fleet-", dir=os.environ.get("TMPDIR")) as root:
        found = measure(
            Path(root) / "scratch",
            agents=given.agents,
            processes=given.processes,
            poll=given.poll,
            minutes=given.minutes,
        )
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
