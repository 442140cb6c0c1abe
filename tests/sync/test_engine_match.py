"""The engine that answers must be the one by which the environment was judged, in kind and in version."""

from __future__ import annotations

import pytest

from interlock.documents.kinds.environment import EngineLimits
from interlock.engines.driver import EngineIdentity
from interlock.rules.version_ranges import UnreadableRange, allows
from interlock.sync.agent import Agent
from interlock.sync.engine_match import why_other_engine
from interlock.sync.outcome import Done, Stalled
from support.serving_node import ServingNode


def why(kind: str, version: str, wanted: str = ">=0.28,<0.40") -> str:
    limits = EngineLimits(kind="vllm", version=wanted, max_loras=4)
    return why_other_engine(limits, EngineIdentity(kind, version, ("base",), ""))


@pytest.mark.parametrize("version", ["0.28.0", "0.32.0", "0.32.0+cpu", "v0.39.9", "0.33.0rc1", "0.28"])
def test_a_version_in_the_range_is_the_engine_that_was_judged(version: str) -> None:
    assert why("vllm", version) == ""


@pytest.mark.parametrize("version", ["0.27.9", "0.40.0", "0.28.0rc1", "1.0", "0.28.0.dev5+g1234", "unknown", ""])
def test_any_other_version_is_named_together_with_the_range(version: str) -> None:
    found = why("vllm", version)
    assert version in found
    assert ">=0.28,<0.40" in found


def test_another_kind_is_named_together_with_the_one_that_was_judged() -> None:
    assert (
        why("embedded", "0.32.0")
        == "the engine here is embedded 0.32.0, and the environment is judged for vllm >=0.28,<0.40"
    )


def test_an_environment_that_names_no_version_takes_any() -> None:
    assert why("vllm", "a build of our own", ">=0") == ""


def test_an_excluded_version_is_excluded() -> None:
    assert not allows(">=0.28,!=0.32.0", "0.32.0+cpu")
    with pytest.raises(UnreadableRange):
        allows("newest", "0.32.0")


def change_engine(node: ServingNode, old: str, new: str) -> None:
    path = node.scratch.clone / "environments/production/environment.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    node.push("another engine")


def test_nothing_is_loaded_on_another_engine_and_what_serves_stays(node: ServingNode) -> None:
    agent: Agent = node.agent()
    assert agent.run_once() == Done()
    answer = node.ask("support-bot").text
    change_engine(node, "kind: embedded,", 'kind: embedded, version: ">=99",')
    outcome = agent.run_once()
    assert isinstance(outcome, Stalled)
    assert ">=99" in outcome.why
    assert agent.status
    assert agent.status.condition("Served").status == "True"
    assert node.ask("support-bot").text == answer
    change_engine(node, 'version: ">=99"', 'version: ">=0"')
    assert agent.run_once() == Done()
