"""A whole node of a protected environment: without proof the old revision answers, and the status says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.demo.people import APPROVERS, People, introduce_people
from interlock.sync.agent import Agent
from interlock.sync.outcome import Done, Stalled, Waiting
from interlock.sync.rejected import PATIENCE
from interlock.sync.status_files import METRICS_FILE
from support.serving_node import ENVIRONMENT, ServingNode, SharedEngine, serving_node

OLD, NEW = " Refunds take ten days.", " Refund granted. Sorry for the trouble."


@pytest.fixture
def people(tmp_path: Path, engine_of_this_worker: SharedEngine) -> Iterator[tuple[ServingNode, People]]:
    """A node that pinned the commit in which the people of the demonstration were introduced."""
    with serving_node(tmp_path) as node:
        people = introduce_people(node.scratch, ENVIRONMENT, "support-bot", "embedded")
        node.node = replace(node.node, trust=f"{{root: {{commit: {people.root}}}}}")
        node.share(engine_of_this_worker)
        yield node, people


def approve(node: ServingNode, people: People, *names: str) -> None:
    for name in names:
        node.interlock("approve", "HEAD", "--yes", "--key", str(people.key(name)), "--push", "origin")


def reasons(agent: Agent) -> dict[str, str]:
    assert agent.status
    return {condition.type: condition.reason for condition in agent.status.conditions}


def test_a_promotion_waits_for_its_approvals_while_the_old_revision_answers(
    people: tuple[ServingNode, People],
) -> None:
    node, team = people
    agent = node.agent()
    assert agent.run_once() == Done()
    assert reasons(agent)["Trust"] == "Demanded"
    node.point("support-bot", "2")
    commit = node.push("serve 2")
    outcome = agent.run_once()
    assert isinstance(outcome, Waiting)
    assert commit[:12] in outcome.why
    assert reasons(agent)["SourceVerified"] == "NotApproved"
    assert node.ask("support-bot").text == OLD
    node.clock.now += PATIENCE
    assert isinstance(agent.run_once(), Stalled)
    assert node.ask("support-bot").text == OLD
    approve(node, team, *APPROVERS)
    assert agent.run_once() == Done()
    assert reasons(agent)["SourceVerified"] == "Verified"
    assert node.ask("support-bot").text == NEW
    again = node.agent()
    assert again.run_once() == Done()
    assert reasons(again)["SourceVerified"] == "Verified"


def test_an_unsigned_commit_stalls_the_node_and_nothing_else(people: tuple[ServingNode, People]) -> None:
    node, _ = people
    agent = node.agent()
    assert agent.run_once() == Done()
    node.scratch.git("config", "commit.gpgsign", "false")
    node.point("support-bot", "2")
    node.push("serve 2")
    assert isinstance(agent.run_once(), Stalled)
    assert reasons(agent)["SourceVerified"] == "Unsigned"
    assert node.ask("support-bot").text == OLD


def test_an_emergency_serves_and_alarms_until_it_is_reviewed(people: tuple[ServingNode, People]) -> None:
    node, team = people
    agent = node.agent()
    assert agent.run_once() == Done()
    node.point("support-bot", "2")
    node.push("serve 2")
    emergency = ("emergency", "declare", "--env", ENVIRONMENT, "--reason", "it leaks", "--expires", "2h", "HEAD")
    node.interlock(*emergency, "--key", str(team.key("carol")), "--push", "origin", "--yes")
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == NEW
    assert reasons(agent)["Emergency"] == "NotReviewed"
    metrics = (node.node.directory / "state" / METRICS_FILE).read_text(encoding="utf-8")
    assert 'type="Emergency",status="true"} 1' in metrics
    review = ("emergency", "review", "HEAD", "--outcome", "justified", "--text", "seen")
    node.interlock(*review, "--key", str(team.key("bob")), "--push", "origin")
    assert agent.run_once() == Done()
    assert reasons(agent)["Emergency"] == "None"


def test_without_a_root_the_node_serves_nothing_and_says_what_to_do(people: tuple[ServingNode, People]) -> None:
    node, team = people
    assert node.engine
    node.node = replace(node.node, trust="{}")
    node.node.write(node.engine.url)
    agent = node.agent()
    outcome = agent.run_once()
    assert isinstance(outcome, Stalled)
    assert "--print-root" in outcome.remedy
    assert reasons(agent)["SourceVerified"] == "RootMissing"
    assert node.ask("support-bot").status == 404
    printed = node.printed("sync", "--node", str(node.node.settings), "--print-root")
    assert f"root: {{commit: {team.root}}}" in printed
    text = node.node.settings.read_text(encoding="utf-8").replace("trust: {}\n", printed)
    node.node.settings.write_text(text, encoding="utf-8")
    assert node.agent().run_once() == Done()
    assert node.ask("support-bot").text == OLD
