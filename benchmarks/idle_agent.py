"""What an idle agent costs: resident memory and processor time, polling a real remote beside a real engine.

Limit: 100 MB resident, and no torch in the process. The agent is `interlock sync` as users start it, after it has
served the living example and while nothing changes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from interlock.demo.engine_process import start_engine
from interlock.demo.node import agent_running, make_node
from interlock.demo.people import introduce_people
from interlock.demo.scratch import make_scratch

REPOSITORY = Path(__file__).resolve().parents[1]
IDLE_SECONDS = 30.0
READY_WITHIN = 120.0


def measure(root: Path) -> dict[str, float | bool]:
    """Serve the example below `root`, wait until it is served, then watch the agent do nothing."""
    scratch = make_scratch(REPOSITORY, root)
    people = introduce_people(scratch, "production", "support-bot", "embedded")
    snapshot = scratch.snapshot()
    environment = snapshot.environments["production"].document
    base = snapshot.bases[environment.base.name, environment.base.revision].document
    assert base.source.uri
    node = make_node(scratch, "embedded", environment.name, scratch.artifact_directory(base.source.uri), people.root)
    with ExitStack() as stack:
        engine = stack.enter_context(
            start_engine(
                "embedded",
                node.base_directory,
                served_name=base.name,
                limits=environment.engine,
                routes=node.routes,
                admin_token=node.admin_token,
                log=root / "engine.log",
            )
        )
        node.write(engine.url)
        agent = psutil.Process(stack.enter_context(agent_running(node, root / "agent.log")).pid)
        _wait_until_ready(node.status)
        before, started = agent.cpu_times(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        after, seconds = agent.cpu_times(), time.monotonic() - started
        used = (after.user - before.user) + (after.system - before.system)
        return {
            "resident_megabytes": round(agent.memory_info().rss / 1e6, 1),
            "limit_megabytes": 100.0,
            "imports_torch": any("torch" in mapped.path for mapped in agent.memory_maps()),
            "share_of_a_core_at_1_s_poll": round(used / seconds, 4),
        }


def _wait_until_ready(status: object) -> None:
    assert callable(status)
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        report = status()
        if report and report.condition("Ready").status == "True":
            return
        time.sleep(0.1)
    raise SystemExit("the agent did not become ready")
