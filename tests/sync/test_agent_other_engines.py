"""The agent before engines that cannot be run here: simulators behind a gateway, and a node that treats each by what it
can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from interlock.sync.agent import Agent
from interlock.sync.outcome import Done, Outcome, Stalled
from interlock.sync.settings import load_settings
from support.engine_processes import ADMIN_TOKEN
from support.engine_under_test import EngineUnderTest, simulated_engine
from support.serving_node import REFUND, ServingNode, serving_node
from support.telling_adapters import RepeatingBase, TellingModels


@contextmanager
def node_before(kind: str, root: Path, *, base_directory: bool = True) -> Iterator[tuple[ServingNode, EngineUnderTest]]:
    """A node whose settings name a simulator of `kind` and the gateway in front of it."""
    with ExitStack() as stack:
        node = stack.enter_context(serving_node(root / "node", kind=kind))
        served_base = RepeatingBase(node.node.base_directory, {}, None)  # type: ignore[arg-type]
        engine = stack.enter_context(simulated_engine(kind, TellingModels(served_base, root), root / "engine"))
        assert engine.routes
        engine.routes.unlink()
        node.stand_before(engine.url, engine.routes, ADMIN_TOKEN)
        settings = node.node.settings.read_text(encoding="utf-8")
        more = f"engine:\n  routing_url: {engine.edge_url}\n"
        if engine.adapters_directory:
            more += f"  adapters_directory: {engine.adapters_directory}\n"
        settings = settings.replace("engine:\n", more)
        if not base_directory:
            settings = "".join(line for line in settings.splitlines(True) if "base_directory" not in line)
        node.node.settings.write_text(settings, encoding="utf-8")
        yield node, engine


def revision_of(engine: EngineUnderTest, alias: str) -> tuple[str, str]:
    """Which revision answers an alias at the edge, and how."""
    with engine.client(trusted=False) as client:
        body = {"model": alias, "prompt": REFUND, "max_tokens": 4, "temperature": 0}
        answer = client.post("/v1/completions", json=body)
    if answer.status_code != httpx.codes.OK:
        return "", str(answer.status_code)
    return answer.headers.get("x-interlock-revision", ""), answer.json()["choices"][0]["text"]


@pytest.mark.parametrize("kind", ["sglang", "lorax", "nim"])
def test_promotion_restarts_and_rollback_reach_clients_through_the_gateway(kind: str, tmp_path: Path) -> None:
    with node_before(kind, tmp_path) as (node, engine):
        agent = node.agent()
        assert agent.run_once() == Done()
        first = revision_of(engine, "support-bot")
        assert first[0] == node.served("support-bot", "1")
        assert agent.status
        assert "not proven on the running engine, only in files" in agent.status.condition("Loaded").message
        node.point("support-bot", "2")
        node.push("promote")
        assert agent.run_once() == Done()
        second = revision_of(engine, "support-bot")
        assert (second[0], second[1] == first[1]) == (node.served("support-bot", "2"), False)
        assert engine.restart
        engine.restart()
        assert agent.run_once() == Done()
        assert revision_of(engine, "support-bot") == second
        node.scratch.git("revert", "--no-edit", "HEAD")
        node.scratch.git("push", "--quiet", "origin", "HEAD:main")
        assert node.agent().run_once() == Done(), "an agent that remembers nothing goes on where the last one ended"
        assert revision_of(engine, "support-bot") == first


def test_an_engine_that_serves_the_base_under_every_name_gets_no_routes(tmp_path: Path) -> None:
    with node_before("sglang", tmp_path) as (node, engine):
        engine.simulator.deaf = True
        outcome = node.agent().run_once()
        assert isinstance(outcome, Stalled)
        assert "exactly as by the base" in outcome.why
        assert revision_of(engine, "support-bot") == ("", "404")


def test_what_comes_back_by_itself_with_another_process_is_proven_anew(tmp_path: Path) -> None:
    with node_before("nim", tmp_path) as (node, engine):
        agent = node.agent()
        assert agent.run_once() == Done()
        engine.simulator.deaf = True
        assert agent.run_once() == Done(), "the same process is believed"
        assert engine.restart
        engine.restart()
        outcome = agent.run_once()
        assert isinstance(outcome, Stalled)
        assert "exactly as by the base" in outcome.why


def restarted_as_told(node: ServingNode, engine: EngineUnderTest, outcome: Outcome) -> None:
    """Do what a person is asked to do: start TGI with the line that the agent wrote down."""
    assert isinstance(outcome, Stalled)
    line = (node.node.directory / "state" / "engine.env").read_text(encoding="utf-8").strip()
    assert f"restart the engine with {line} " in outcome.remedy
    engine.start(line)


class Killed(BaseException):
    """Stands for the end of the process: nothing in the agent catches it."""


@pytest.mark.parametrize("moment", ["start-list:before", "start-list:after"])
def test_an_agent_that_ends_around_the_writing_of_the_list_is_gone_on_from_by_the_next(
    moment: str, tmp_path: Path
) -> None:
    def kill(now: str) -> None:
        if now == moment:
            raise Killed(now)

    with node_before("tgi", tmp_path) as (node, engine):
        first = Agent(load_settings(node.node.settings), clock=node.clock, moments=kill)
        with pytest.raises(Killed):
            first.run_once()
        first.close()
        written = node.node.directory / "state" / "engine.env"
        assert written.exists() is moment.endswith("after")
        agent = node.agent()
        restarted_as_told(node, engine, agent.run_once())
        assert agent.run_once() == Done()
        assert revision_of(engine, "support-bot")[0] == node.served("support-bot", "1")


def test_tgi_is_started_with_the_list_that_the_agent_writes_and_proven_before_it_is_routed(tmp_path: Path) -> None:
    with node_before("tgi", tmp_path) as (node, engine):
        agent = node.agent()
        restarted_as_told(node, engine, agent.run_once())
        assert agent.run_once() == Done()
        first = revision_of(engine, "support-bot")
        assert first[0] == node.served("support-bot", "1")
        node.point("support-bot", "2")
        node.push("promote")
        outcome = agent.run_once()
        assert revision_of(engine, "support-bot") == first, "what served before keeps serving until the restart"
        restarted_as_told(node, engine, outcome)
        assert agent.run_once() == Done()
        second = revision_of(engine, "support-bot")
        assert (second[0], second[1] == first[1]) == (node.served("support-bot", "2"), False)
        assert engine.restart
        engine.restart()  # by somebody who did not look at the list
        outcome = agent.run_once()
        assert isinstance(outcome, Stalled)
        assert "does not hold this one" in outcome.why
        assert revision_of(engine, "support-bot") == ("", "404"), "no answer is better than the base's under its name"
        restarted_as_told(node, engine, outcome)
        assert agent.run_once() == Done()
        assert revision_of(engine, "support-bot") == second


def test_an_engine_that_shows_no_tokenizer_is_not_served_without_the_files_of_its_base(tmp_path: Path) -> None:
    with node_before("nim", tmp_path, base_directory=False) as (node, engine):
        agent = node.agent()
        agent.turn()
        assert agent.status
        assert "does not show its tokenizer and its chat template" in agent.status.condition("Ready").message
        assert revision_of(engine, "support-bot") == ("", "404")
