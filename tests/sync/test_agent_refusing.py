"""What the agent will not serve: each time the reason is in the status, and what was served keeps serving."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from interlock.errors import UsageError
from interlock.sync.agent import Agent
from interlock.sync.base_answers import MAX_RECORD_BYTES
from interlock.sync.only_agent import only_agent
from interlock.sync.outcome import Done, Failed, Stalled
from interlock.sync.settings import load_settings
from support.serving_node import ServingNode, serving_node

OLD = " Refunds take ten days."


@pytest.fixture
def agent(node: ServingNode) -> Agent:
    agent = node.agent()
    assert agent.run_once() == Done()
    return agent


def refused(agent: Agent, node: ServingNode, *words: str) -> None:
    """The new commit is refused with these words, the accepted one stays, and so does the answer."""
    accepted = agent.status.commits.accepted if agent.status else None
    outcome = agent.run_once()
    assert isinstance(outcome, Stalled), outcome
    for word in words:
        assert word in outcome.why
    assert agent.status
    assert agent.status.commits.accepted == accepted
    assert agent.status.commits.attempted == node.scratch.git("rev-parse", "HEAD")
    assert agent.status.condition("SourceVerified").status == "False"
    assert node.ask("support-bot").text == OLD


def artifact(node: ServingNode, revision: str) -> Path:
    return next(node.scratch.clone.glob(f"artifacts/**/support-bot@{revision}-*"))


def test_a_half_copied_artifact_is_refused(agent: Agent, node: ServingNode) -> None:
    weights = artifact(node, "2") / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    node.point("support-bot", "2")
    node.push()
    refused(agent, node, "size-mismatch", "adapter_model.safetensors")


def test_one_flipped_byte_is_refused(agent: Agent, node: ServingNode) -> None:
    weights = artifact(node, "2") / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    node.point("support-bot", "2")
    node.push()
    refused(agent, node, "digest-mismatch")


def test_a_missing_artifact_is_refused(agent: Agent, node: ServingNode) -> None:
    shutil.rmtree(artifact(node, "2"))
    node.point("support-bot", "2")
    node.push()
    refused(agent, node, "artifact-missing")


def test_a_wrong_digest_in_the_manifest_is_refused(agent: Agent, node: ServingNode) -> None:
    manifest = node.scratch.clone / "adapters/support-bot/revisions/2.yaml"
    text = manifest.read_text()
    manifest.write_text(re.sub(r"(digest: sha256:)[0-9a-f]{8}", r"\g<1>00000000", text, count=1))
    node.point("support-bot", "2")
    node.push()
    refused(agent, node, "digest-mismatch")


def test_a_document_that_cannot_be_read_is_refused_with_its_line(agent: Agent, node: ServingNode) -> None:
    node.point("support-bot", "2", extra="residency: pinned\nresidency: lazy\n")
    node.push()
    refused(agent, node, "environments/production/pointers/support-bot.yaml:5", "duplicate-key")


def test_a_repair_after_a_refused_commit_is_served(agent: Agent, node: ServingNode) -> None:
    node.point("support-bot", "17")
    node.push()
    refused(agent, node, "dangling-pointer")
    node.point("support-bot", "2")
    node.push()
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == " Refund granted. Sorry for the trouble."


def test_a_force_push_is_refused_and_a_restored_branch_is_served_again(agent: Agent, node: ServingNode) -> None:
    first = node.scratch.git("rev-parse", "HEAD")
    node.point("support-bot", "2")
    second = node.push()
    assert agent.run_once() == Done()
    node.scratch.git("reset", "--quiet", "--hard", first)
    node.point("support-bot", "3")
    node.push("rewritten", force=True)
    outcome = agent.run_once()
    assert isinstance(outcome, Stalled)
    assert "no longer contains" in outcome.why
    assert node.ask("support-bot").text == " Refund granted. Sorry for the trouble."
    node.scratch.git("push", "--quiet", "--force", "origin", f"{second}:main")
    assert agent.run_once() == Done()


def test_an_unreachable_remote_leaves_what_serves_and_even_survives_an_engine_restart(
    node_of_its_own: ServingNode,
) -> None:
    node = node_of_its_own
    agent = node.agent()
    assert agent.run_once() == Done()
    node.scratch.remote.rename(node.scratch.remote.with_name("gone.git"))
    outcome = agent.run_once()
    assert isinstance(outcome, Failed)
    assert "did not answer" in outcome.why
    assert agent.status
    assert agent.status.condition("SourceVerified").status == "Unknown"
    node.start_engine(port=node.stop_engine())
    agent.run_once()
    assert node.ask("support-bot").text == OLD


def test_an_engine_that_is_down_is_reported_and_served_when_it_is_back(node_of_its_own: ServingNode) -> None:
    node = node_of_its_own
    port = node.stop_engine()
    agent = node.agent()
    outcome = agent.run_once()
    assert isinstance(outcome, Failed)
    assert "127.0.0.1" in outcome.why
    node.start_engine(port=port)
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == OLD


def test_an_engine_without_the_routing_middleware_is_never_called_serving(tmp_path: Path) -> None:
    with serving_node(tmp_path) as node:
        node.start_engine(middleware=False)
        agent = node.agent()
        outcome = agent.run_once()
        assert isinstance(outcome, Stalled)
        assert "middleware" in outcome.why
        assert agent.status
        assert agent.status.condition("Served").status == "False"


def test_one_changed_character_in_the_nodes_chat_template_stops_new_loads_and_is_named(
    agent: Agent, node: ServingNode
) -> None:
    template = node.node.base_directory / "chat_template.jinja"
    shutil.copytree(node.node.base_directory, node.scratch.root / "kept")
    template.write_text(template.read_text() + " ")
    node.scratch.git("checkout", "--quiet", "--", "environments")
    another = node.agent()
    outcome = another.run_once()
    assert isinstance(outcome, Stalled)
    assert "chat_template" in outcome.why
    assert node.ask("support-bot").text == OLD


def test_a_running_engine_with_another_chat_template_is_found_by_its_answers(tmp_path: Path) -> None:
    with serving_node(tmp_path) as node:
        drifted = tmp_path / "drifted-base"
        shutil.copytree(node.node.base_directory, drifted)
        template = drifted / "chat_template.jinja"
        template.write_text(template.read_text().replace("\n", " \n", 1) + "x")
        node.start_engine(base=drifted)
        outcome = node.agent().run_once()
        assert isinstance(outcome, Stalled)
        assert "chat_template" in outcome.why
        assert node.ask("support-bot").status == 404


def test_an_adapter_without_effect_is_not_routed(agent: Agent, node: ServingNode) -> None:
    register_without_effect(node)
    node.point("support-bot", "9")
    node.push()
    outcome = agent.run_once()
    while not isinstance(outcome, Stalled):
        node.clock.now += 400
        outcome = agent.turn()
    assert "exactly as by the base" in outcome.why
    assert node.ask("support-bot").text == OLD
    assert agent.status
    (row,) = [row for row in agent.status.aliases if row.alias == "support-bot"]
    assert row.served == node.served("support-bot", "1")
    assert "support-bot@9" in row.message


def test_bytes_that_rot_in_the_store_are_found_before_a_load(node_of_its_own: ServingNode) -> None:
    node = node_of_its_own
    agent = node.agent()
    assert agent.run_once() == Done()
    store = node.node.directory / "state" / "adapters" / "sha256"
    for weights in store.glob("*/adapter_model.safetensors"):
        weights.chmod(0o644)
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    node.start_engine(port=node.stop_engine())
    agent.turn()
    assert agent.status
    assert agent.status.condition("Loaded").status == "False"
    assert any("digest" in row.message or "sha256" in row.message for row in agent.status.aliases)
    node.clock.now += 10
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == OLD


def test_two_agents_cannot_work_in_one_state_directory(tmp_path: Path) -> None:
    with only_agent(tmp_path), pytest.raises(UsageError, match="another agent"), only_agent(tmp_path):
        raise AssertionError("the second one must not get here")


def register_without_effect(node: ServingNode) -> None:
    """Register a copy of revision 2 whose B matrices are all zero: right shapes, no effect."""
    directory = node.scratch.root / "without-effect"
    shutil.copytree(artifact(node, "2"), directory)
    weights = directory / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    size = int.from_bytes(data[:8], "little")
    for name, tensor in json.loads(data[8 : 8 + size]).items():
        if ".lora_B." in name:
            first, last = (8 + size + offset for offset in tensor["data_offsets"])
            data[first:last] = bytes(last - first)
    weights.write_bytes(data)
    node.interlock(
        "register", "adapter", str(directory), "--adapter", "support-bot", "--revision", "9",
        "--base", f"{node.base.name}@{node.base.revision}", "--builder", "trainer-ci", "--copy",
    )  # fmt: skip


def test_what_a_turn_could_not_finish_through_a_bug_is_said_on_disk_too(node: ServingNode) -> None:
    wrong: list[str] = []

    def moments(moment: str) -> None:
        if moment in wrong:
            raise RuntimeError("nobody foresaw this")

    agent = Agent(load_settings(node.node.settings), clock=node.clock, moments=moments)
    try:
        assert agent.run_once() == Done()
        wrong.append("poll:before")
        agent.step(hinted=True)
    finally:
        agent.close()
    reported = node.node.status()
    assert reported
    assert (reported.condition("Ready").status, reported.condition("Ready").reason) == ("False", "Bug")
    assert node.ask("support-bot").text == OLD


def test_damaged_answers_of_the_base_are_asked_for_again(agent: Agent, node: ServingNode) -> None:
    record = node.node.directory / "state" / "base-answers.json"
    for damage in (b"[" * 100_000, b"x" * (MAX_RECORD_BYTES + 1)):
        record.write_bytes(damage)
        assert node.agent().run_once() == Done()
        assert node.ask("support-bot").text == OLD
