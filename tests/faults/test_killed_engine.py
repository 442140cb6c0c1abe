"""kill -9 of the engine, alone and together with the agent, around everything that the agent asks of it.

A dead engine fails its own requests, and nobody can change that. What is promised is the rest: every request that is
sent once the node is settled again is answered, and no answer ever comes from the base or from another revision.
"""

from __future__ import annotations

import time

import pytest

from support.after_faults import answered_truly, nothing_is_left_over, serves_what_git_says
from support.fault_agent import ITSELF
from support.fault_node import FaultNode, Stage

pytestmark = pytest.mark.faults

MOMENTS = ("place:after", "load:before", "load:after", "prove:after", "flip:after", "unload:before", "unload:after")
ALLOWED = {("support-bot", revision) for revision in "123"} | {("sql-helper", "1")}


@pytest.mark.parametrize("both", [False, True], ids=["the engine", "the engine and the agent"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_is_killed_gets_everything_back(node: FaultNode, moment: str, both: bool) -> None:
    before, stage = settled_before(node, moment)
    with node.clients(*before.expected.serves) as clients:
        node.move(stage.commit)
        agent = node.begin(moment=moment, victims=(node.engine.pid, ITSELF) if both else (node.engine.pid,))
        node.engine.reap()
        node.engine.start()
        ending = agent.wait()
        if both:
            assert ending.killed
            ending = node.run()
        serves_what_git_says(node, stage, ending)
        settled_at = time.monotonic()
        clients.wait_for(10)
    assert clients.failures(after=settled_at) == []
    answered_truly(node, clients, ALLOWED)
    nothing_is_left_over(node)


def settled_before(node: FaultNode, moment: str) -> tuple[Stage, Stage]:
    """A node that settled on one stage, and the next one, in which the moment is announced."""
    names = ("canary", "rollback") if moment.startswith("unload") else ("first-sync", "promotion")
    before, stage = (node.stages[name] for name in names)
    node.move(before.commit)
    serves_what_git_says(node, before, node.run())
    return before, stage
