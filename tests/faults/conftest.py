"""What the fault suite shares: one engine and one forking process for each worker, and nodes to break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.after_faults import all_holds
from support.agent_processes import AgentStarter, agent_starter
from support.fault_engine import FaultEngine
from support.fault_node import FaultNode, Snapshot, restore, story, take_snapshot
from support.forking import forking
from support.living_example import living_example
from support.serving_node import LIMITS


@pytest.fixture(scope="session")
def starter() -> Iterator[AgentStarter]:
    """Forks agents."""
    with agent_starter() as starter:
        yield starter


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultEngine]:
    """The engine of this worker; a test that kills it starts it again."""
    example, directory = living_example(), tmp_path_factory.mktemp("engine")
    with forking("support.fault_engine") as forks:
        name, log = example.base_revision.name, directory / "engine.log"
        engine = FaultEngine(forks, example.base, name, LIMITS, directory / "routes.json", log)
        engine.start()
        yield engine
        engine.kill()


@pytest.fixture(scope="session")
def told_story(
    tmp_path_factory: pytest.TempPathFactory, starter: AgentStarter, engine: FaultEngine
) -> Iterator[FaultNode]:
    """The node on which the whole story is told, again and again."""
    with story(tmp_path_factory.mktemp("story")) as (serving, stages):
        serving.stand_before(engine.url, engine.routes, engine.admin_token)
        yield FaultNode(serving, engine, starter, stages)


@pytest.fixture
def node(told_story: FaultNode) -> FaultNode:
    """The same node, on which no agent ever ran; its branch is at the first commit."""
    if not told_story.engine.pid:
        told_story.engine.start()
    told_story.configure()
    restore(told_story, None)
    told_story.move(told_story.first.commit)
    return told_story


@pytest.fixture(scope="session")
def served_first(told_story: FaultNode, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The node once it serves the first commit."""
    told_story.configure()
    restore(told_story, None)
    told_story.move(told_story.first.commit)
    all_holds(told_story, told_story.first, told_story.run())
    return take_snapshot(told_story, tmp_path_factory.mktemp("snapshot") / "first")


@pytest.fixture
def serving(node: FaultNode, served_first: Snapshot) -> FaultNode:
    """The same node, which serves the first commit."""
    restore(node, served_first)
    return node
