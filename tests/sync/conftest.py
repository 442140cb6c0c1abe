"""What the tests of the agent share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serving_node import ServingNode, SharedEngine, serving_node, shared_engine


@pytest.fixture(scope="session")
def engine_of_this_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedEngine]:
    """An embedded engine that is started once."""
    with shared_engine(tmp_path_factory.mktemp("engine")) as shared:
        yield shared


@pytest.fixture
def node(tmp_path: Path, engine_of_this_worker: SharedEngine) -> Iterator[ServingNode]:
    """A serving node whose engine no test may stop."""
    with serving_node(tmp_path) as node:
        node.share(engine_of_this_worker)
        yield node


@pytest.fixture
def node_of_its_own(tmp_path: Path) -> Iterator[ServingNode]:
    """A serving node with an engine that the test may stop and start."""
    with serving_node(tmp_path) as node:
        node.start_engine()
        yield node
