"""A serving node of the living example with a real engine, for measurements of agents."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.changes import ADAPTER, ENVIRONMENT
from interlock.demo.engine_process import EngineProcess, start_engine
from interlock.demo.node import DemoNode, make_node
from interlock.demo.people import People, introduce_people
from interlock.demo.scratch import Scratch, make_scratch

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class ExampleNode:
    """A scratch clone with people who sign, a node that verifies them, and the engine; the settings are written."""

    scratch: Scratch
    people: People
    node: DemoNode
    engine: EngineProcess


def example_node(root: Path, stack: ExitStack, *, kind: str = "embedded", middleware: bool = True) -> ExampleNode:
    """Lay everything out below `root`; the engine runs until `stack` is left."""
    scratch = make_scratch(REPOSITORY, root)
    people = introduce_people(scratch, ENVIRONMENT, ADAPTER, kind)
    snapshot = scratch.snapshot()
    environment = snapshot.environments[ENVIRONMENT].document
    base = snapshot.bases[environment.base.name, environment.base.revision].document
    assert base.source.uri
    node = make_node(scratch, kind, ENVIRONMENT, scratch.artifact_directory(base.source.uri), people.root)
    engine = stack.enter_context(
        start_engine(
            kind,
            node.base_directory,
            served_name=base.name,
            limits=environment.engine,
            routes=node.routes if middleware else None,
            admin_token=node.admin_token,
            log=root / "engine.log",
            middleware=middleware,
        )
    )
    node.write(engine.url)
    return ExampleNode(scratch, people, node, engine)
