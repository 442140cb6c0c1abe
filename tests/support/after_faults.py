"""What must hold after every fault: converged to what git says, nobody was failed meanwhile, and nothing is left over.

Called by every test of the fault suite. `FaultNode` and `Expected` say what git asks for; it is compared with the
engine, the route table, the answers and the disk, and not with what the agent says of itself alone.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from interlock.demo.traffic import ask, open_client
from interlock.receipts.chains import chains_of
from interlock.receipts.collected import from_paths
from interlock.receipts.node_keys import NodeKeys
from interlock.routing.table import RouteTable
from support.agent_processes import Ending
from support.fault_node import ANSWERS, NAME, QUESTIONS, Expected, FaultNode, Stage
from support.signing_keys import SigningKey
from support.steady_requests import SteadyRequests

PASSING = ("incoming", "partial", "trash")
"""Folders of the store that hold something only while somebody works in them."""
TEMPORARY = ("**/.*.json.*", "**/.metrics.prom.*", "**/*.lock", "**/tmp_*", "**/*.tmp", "**/*.part", "**/*.partial")
_WITHIN = 30.0


def serves_what_git_says(node: FaultNode, stage: Stage, ending: Ending) -> None:
    """Invariant 1: engine, route table, answers and status are those of the stage's commit."""
    assert (ending.status, ending.kind) == (0, "Done"), ending.told
    serves(node, stage.expected)
    status = node.serving.node.status()
    assert status
    assert (status.commits.applied, status.condition("Ready").status) == (stage.commit, "True")


def serves(node: FaultNode, expected: Expected, also: Collection[str] = ()) -> None:
    """The engine, the table and the answers are as expected; nothing is loaded without reason, but for `also`."""
    loaded = {name: directory for name, directory in node.loaded().items() if name not in also}
    assert set(loaded) == {node.served(*one) for one in expected.loaded}
    assert set(loaded.values()) <= {str(path) for path in (node.store / "sha256").iterdir()}
    table = RouteTable.from_json(node.routes.read_bytes())
    routed = {
        alias: (route.active, route.canary.target if route.canary else "") for alias, route in table.routes.items()
    }
    wanted = {
        alias: (node.served(alias, revision), _canary(node, alias, expected))
        for alias, revision in expected.serves.items()
    }
    assert routed == wanted
    with open_client(node.engine.url) as client:
        for alias, revision in expected.serves.items():
            answer = ask(client, alias, QUESTIONS[alias])
            told = (answer.status, answer.revision, answer.text)
            assert told == (200, node.served(alias, revision), ANSWERS[alias, revision])


def _canary(node: FaultNode, alias: str, expected: Expected) -> str:
    return node.served(alias, expected.canaries[alias]) if alias in expected.canaries else ""


def nobody_was_failed(node: FaultNode, clients: SteadyRequests, allowed: Collection[tuple[str, str]]) -> None:
    """Invariant 2: every request was answered, by an allowed (alias, revision), with that revision's own answer."""
    assert clients.answered > 0
    assert clients.failed == [], f"{len(clients.failed)} of {clients.answered} failed"
    answered_truly(node, clients, allowed)


def answered_truly(node: FaultNode, clients: SteadyRequests, allowed: Collection[tuple[str, str]]) -> None:
    """No answer came from another revision than it was stamped with, or from one that nobody asked for."""
    true = {(alias, node.served(alias, revision), ANSWERS[alias, revision]) for alias, revision in allowed}
    assert set(clients.answers) <= true, set(clients.answers) - true


def nothing_is_left_over(node: FaultNode) -> None:
    """Invariant 3: no half-made files, no temporary ones, no process that still works for a dead agent."""
    assert list(_left_over(node)) == []
    deadline = time.monotonic() + _WITHIN
    while stray := _stray_processes(node):
        assert time.monotonic() < deadline, f"these still run: {stray}"
        time.sleep(0.05)


def receipts_hold(node: FaultNode) -> None:
    """The receipts are one signed chain without a break, and the last one says what is served."""
    collected = from_paths([node.state / "receipts"], node=NAME)
    today = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)  # some agents of this suite had a clock that was ahead
    keys = NodeKeys.of(None, today.date(), [(NAME, SigningKey(node.key).fingerprint)])
    (chain,) = chains_of(collected.found, keys, today)
    assert (list(collected.wrong), list(chain.wrong)) == ([], [])
    assert all(record.vouched for record in chain.records.values())
    last = max(chain.records.values(), key=lambda record: record.receipt.sequence)
    state, lacking = chain.state_after(last)
    table = RouteTable.from_json(node.routes.read_bytes())
    told = {alias: route.active.served for alias, route in state.routes.items() if route.active}
    assert (told, lacking) == ({alias: route.active for alias, route in table.routes.items()}, "")


def _left_over(node: FaultNode) -> Iterator[Path]:
    for folder in PASSING:
        place = node.store / folder
        yield from place.iterdir() if place.is_dir() else ()
    for pattern in TEMPORARY:
        yield from node.state.glob(pattern)
    yield from node.routes.parent.glob(f".{node.routes.name}.*")


def _stray_processes(node: FaultNode) -> list[str]:
    """Processes that work on this node's state directory."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(node.state) in word for word in words) and process.pid != node.engine.pid:
            found.append(" ".join(words)[:200])
    return found


def all_holds(
    node: FaultNode,
    stage: Stage,
    ending: Ending,
    clients: SteadyRequests | None = None,
    allowed: Collection[tuple[str, str]] = (),
) -> None:
    """The three invariants together."""
    serves_what_git_says(node, stage, ending)
    if clients:
        nobody_was_failed(node, clients, {*allowed, *stage.expected.serves.items()})
    nothing_is_left_over(node)
    receipts_hold(node)
