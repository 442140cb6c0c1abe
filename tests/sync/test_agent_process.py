"""The agent as operators run it: a process of its own that is small, stops when asked, and survives being killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from interlock.demo.node import agent_running
from support.engine_processes import wait_until
from support.serving_node import ServingNode

MEGABYTE = 1_000_000
WITHIN = 60.0


@contextmanager
def agent_process(node: ServingNode) -> Iterator[subprocess.Popen[bytes]]:
    with agent_running(node.node, node.scratch.root / "agent.log") as process:
        yield process


def applied(node: ServingNode) -> str | None:
    status = node.node.status()
    return status.commits.applied if status else None


def wait_until_applied(node: ServingNode, commit: str) -> None:
    wait_until(lambda: applied(node) == commit, within=WITHIN, what=f"the agent applies {commit[:12]}")


def command(node: ServingNode, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "interlock.cli.main", *words, "--node", str(node.node.settings)]
    return subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)


def test_an_idle_agent_has_no_torch_and_stays_under_100_megabytes(node: ServingNode) -> None:
    with agent_process(node) as process:
        wait_until_applied(node, node.scratch.git("rev-parse", "HEAD"))
        agent = psutil.Process(process.pid)
        assert not [mapped.path for mapped in agent.memory_maps() if "torch" in mapped.path]
        assert agent.memory_info().rss < 100 * MEGABYTE


def test_an_agent_that_is_asked_to_stop_ends_cleanly_and_leaves_everything_serving(node: ServingNode) -> None:
    with agent_process(node) as process:
        wait_until_applied(node, node.scratch.git("rev-parse", "HEAD"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert node.ask("support-bot").text == " Refunds take ten days."


def test_an_agent_that_is_killed_while_it_works_is_followed_by_one_that_finishes(node: ServingNode) -> None:
    store = node.node.directory / "state" / "adapters" / "sha256"
    with agent_process(node) as process:
        wait_until(lambda: store.is_dir() and any(store.iterdir()), within=WITHIN, what="the agent placed something")
        process.kill()
        process.wait()
    node.point("support-bot", "2")
    commit = node.push("promote")
    with agent_process(node):
        wait_until_applied(node, commit)
    assert node.ask("support-bot").text == " Refund granted. Sorry for the trouble."


def test_once_and_status_tell_scripts_how_it_ended(node: ServingNode) -> None:
    before = command(node, "status")
    assert before.returncode == 2
    assert "no agent has reported" in before.stderr
    once = command(node, "sync", "--once", "--json")
    assert once.returncode == 0, once.stderr
    assert json.loads(once.stdout)["commits"]["applied"] == node.scratch.git("rev-parse", "HEAD")
    shown = command(node, "status")
    assert shown.returncode == 0
    assert f"support-bot → {node.served('support-bot', '1')}" in shown.stdout
    node.point("support-bot", "17")
    node.push("dangling")
    refused = command(node, "sync", "--once")
    assert refused.returncode == 1
    assert "dangling-pointer" in refused.stderr
    assert "keeps serving" in refused.stderr
    assert "next: " in refused.stderr.lower()
    after = command(node, "status", "--json")
    assert after.returncode == 1
    report = json.loads(after.stdout)
    assert report["schema"] == "interlock-status/2"
    assert {row["alias"]: row["served"] for row in report["aliases"]}["support-bot"] == node.served("support-bot", "1")


def test_an_unreachable_remote_ends_once_with_could_not_evaluate(node: ServingNode) -> None:
    node.scratch.remote.rename(node.scratch.remote.with_name("gone.git"))
    once = command(node, "sync", "--once")
    assert once.returncode == 4
    assert "did not answer" in once.stderr
