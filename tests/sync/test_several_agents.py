"""Several agents in one process: each on its own, except for the judging of what they all follow."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.cli.sync_service import Chorus, begun, branch_of, serve
from interlock.demo.child_process import stop
from interlock.errors import DocumentError, UsageError
from interlock.sync.agent import Agent
from interlock.sync.commit_judge import SHARED_FOR, CommitJudge, open_judge
from interlock.sync.outcome import Done
from interlock.sync.settings import NodeSettings, load_settings
from support.command_line import interlock
from support.engine_processes import wait_until
from support.http_site import free_port
from support.serving_node import ServingNode


def second(node: ServingNode) -> NodeSettings:
    """The same node a second time, with a state of its own."""
    one = load_settings(node.node.settings)
    state = node.node.directory / "second"
    return replace(one, state=state, node=one.node.model_copy(update={"name": "second"}))


def second_file(node: ServingNode) -> Path:
    """Settings of a second node, beside those of the first."""
    text = node.node.settings.read_text(encoding="utf-8")
    own = text.replace("state: state", "state: second").replace("demo-node", "second")
    file = node.node.directory / "second.yaml"
    file.write_text(re.sub(r"routes: .*", "routes: second/routes.json", own), encoding="utf-8")
    return file


def test_agents_that_share_a_judge_fetch_and_judge_a_commit_once_and_both_follow_it(node: ServingNode) -> None:
    first = load_settings(node.node.settings)
    judge = open_judge(first, shared=True)
    asked: list[str] = []
    judge_once = judge._judged

    def counted(accepted: object, commit: str) -> object:
        asked.append(commit)
        return judge_once(accepted, commit)  # type: ignore[arg-type]

    judge._judged = counted  # type: ignore[method-assign,assignment]
    agents = [Agent(settings, judge=judge) for settings in (first, second(node))]
    try:
        assert [agent.turn() for agent in agents] == [Done(), Done()]
        node.point("support-bot", "2")
        commit = node.push("promote")
        assert [agent.turn() for agent in agents] == [Done(), Done()]
        assert asked.count(commit) == 1
        assert {agent.status.commits.applied for agent in agents if agent.status} == {commit}
    finally:
        for agent in agents:
            agent.close()


def test_a_judge_that_is_not_shared_never_gives_an_old_answer(node: ServingNode) -> None:
    judge: CommitJudge = open_judge(load_settings(node.node.settings))
    answers = [judge._once("question", lambda number=number: number) for number in (1, 2)]  # type: ignore[misc]
    assert answers == [1, 2]


def test_a_shared_judge_keeps_no_answer_longer_than_it_gives_it(node: ServingNode) -> None:
    judge: CommitJudge = open_judge(load_settings(node.node.settings), shared=True)
    now = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    judge._now = lambda: now
    assert [judge._once(question, lambda number=number: number) for number, question in enumerate("aab")] == [0, 0, 2]  # type: ignore[misc]
    now += SHARED_FOR
    judge._once("c", lambda: 3)
    assert list(judge._answers) == ["c"]


def test_nodes_that_reach_artifacts_differently_share_no_judge(node: ServingNode) -> None:
    one, other = load_settings(node.node.settings), second(node)
    assert branch_of(one) == branch_of(other)
    assert branch_of(one) != branch_of(replace(other, access=replace(other.access, hosts=("minio",))))


def test_one_process_runs_the_agents_of_several_nodes_until_it_is_asked_to_stop(node: ServingNode) -> None:
    other = second_file(node)
    commit = node.scratch.git("rev-parse", "HEAD")
    words = ("sync", "--node", str(node.node.settings), "--node", str(other))
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock.cli.main", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for name in ("state", "second"):
            report = node.node.directory / name / "status.json"
            wait_until(
                lambda report=report: report.exists() and f'"accepted": "{commit}"' in report.read_text("utf-8"),  # type: ignore[misc]
                within=60,
                what=f"the agent in {name} accepts {commit[:12]}",
            )
    finally:
        stop(process)
    assert process.returncode == 0
    assert not (node.node.directory / "second" / "mirror").exists(), "they share the mirror of the first"


@pytest.mark.parametrize(("own", "shared"), [("routes", "state"), ("state", "routes")])
def test_two_nodes_in_one_place_are_refused(node: ServingNode, own: str, shared: str) -> None:
    settings = load_settings(node.node.settings)
    other = replace(settings, **{own: node.node.directory / "own"})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"same `{shared}`"):
        serve([settings, other])


def test_an_agent_that_cannot_begin_leaves_the_others_their_engines(node: ServingNode) -> None:
    damaged, first = second(node), load_settings(node.node.settings)
    damaged.state.mkdir()
    (damaged.state / "accepted.json").write_text("{", encoding="ascii")
    with ExitStack() as stack:
        assert [run.name for run in begun([damaged, first], stack)] == [first.node.name]
    with ExitStack() as stack, pytest.raises(DocumentError, match=r"accepted\.json is damaged"):
        begun([damaged], stack)


def test_once_is_for_one_node(node: ServingNode) -> None:
    done = interlock("sync", "--once", "--node", node.node.settings, "--node", node.node.settings)
    assert done.status == 2
    assert "give one --node" in done.err


def test_a_process_lives_only_if_each_of_its_agents_does(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("interlock.cli.sync_service.to_service_manager", told.append)
    chorus = Chorus(2)
    for voice in (1, 1, 1, 2, 2, 1):
        chorus.notify(voice, "WATCHDOG=1\nSTATUS=fine")
    assert [text.startswith("WATCHDOG=1") for text in told] == [False, False, False, True, False, True]


def test_two_nodes_at_one_address_are_refused_before_either_begins(node: ServingNode) -> None:
    port = free_port()
    with node.node.settings.open("a", encoding="utf-8") as settings:
        settings.write(f"http: {{listen: '127.0.0.1:{port}'}}\n")
    other = second_file(node)
    words = [
        sys.executable,
        "-m",
        "interlock.cli.main",
        "sync",
        "--node",
        str(node.node.settings),
        "--node",
        str(other),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"nobody can listen at 127.0.0.1 port {port}" in done.stderr
    assert not (node.node.directory / "state" / "status.json").exists()
