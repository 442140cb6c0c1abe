"""kill -9 of the agent at every moment that it announces, in every stage of a story: the next agent finishes it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import interlock.sync
from support.after_faults import all_holds
from support.fault_node import FaultNode, Snapshot, after_restart, restore, take_snapshot

pytestmark = pytest.mark.faults

STAGES = ("first-sync", "promotion", "canary", "rollback", "retirement", "collection")
NO_ROOM = {"limit": "0MB", "free": "0MB"}
ELSEWHERE = {"start-list:before", "start-list:after"}
"""Moments of engines that take adapters at their start only; see tests/sync/test_agent_other_engines.py."""


@dataclass(frozen=True)
class Recorded:
    """One stage as an agent went through it: the node before it, what served then, and all moments in their order."""

    before: Snapshot | None
    served: Mapping[str, str]
    moments: tuple[str, ...]


@pytest.fixture(scope="session")
def recorded(told_story: FaultNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    """Every stage, gone through once without a fault."""
    directory = tmp_path_factory.mktemp("stages")
    told_story.configure()
    restore(told_story, None)
    before: Snapshot | None = None
    served: Mapping[str, str] = {}
    found = {}
    for name in STAGES:
        stage = told_story.stages[name]
        if name == "collection":
            assert before
            told_story.configure(disk=NO_ROOM)
            restore(told_story, before := after_restart(before))
        told_story.move(stage.commit)
        ending = told_story.run()
        all_holds(told_story, stage, ending)
        found[name] = Recorded(before, served, ending.moments)
        before, served = take_snapshot(told_story, directory / name), stage.expected.serves
    return found


def each(moments: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Every moment with its count: the first `load:before`, the second …"""
    seen: Counter[str] = Counter()
    for moment in moments:
        seen[moment] += 1
        yield moment, seen[moment]


@pytest.mark.parametrize("name", STAGES)
def test_an_agent_that_is_killed_at_any_moment_is_followed_by_one_that_finishes(
    told_story: FaultNode, recorded: dict[str, Recorded], name: str
) -> None:
    node, stage, record = told_story, told_story.stages[name], recorded[name]
    node.configure(**({"disk": NO_ROOM} if name == "collection" else {}))
    # Before the collection the engine was restarted: until an agent has run, it serves nobody.
    served = {} if name == "collection" else record.served
    stays = {alias: revision for alias, revision in served.items() if alias in stage.expected.serves}
    for moment, occurrence in each(record.moments):
        restore(node, record.before)
        node.move(stage.commit)
        with node.clients(*stays) as clients:
            killed = node.run(moment=moment, occurrence=occurrence)
            assert killed.killed, f"{moment} {occurrence} was not reached: {killed}"
            ending = node.run()
        all_holds(node, stage, ending, clients if stays else None, stays.items())
        if name == "collection":
            assert {path.name for path in (node.store / "sha256").iterdir()} == needed(node)


def needed(node: FaultNode) -> set[str]:
    """The digests in the store that the engine has loaded."""
    return {Path(directory).name for directory in node.loaded().values()}


def test_the_story_meets_every_moment_that_the_agent_can_announce(recorded: dict[str, Recorded]) -> None:
    met = {moment for record in recorded.values() for moment in record.moments} | ELSEWHERE
    assert [pattern for pattern in announced() if not any(re.fullmatch(pattern, moment) for moment in met)] == []


def announced() -> set[str]:
    """The moments in the agent's source, as patterns."""
    found = set()
    for path in Path(interlock.sync.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("tools.moments", "self._moments"):
                found |= {_pattern(word) for word in call.args if isinstance(word, ast.Constant | ast.JoinedStr)}
    assert len(found) > 10
    return found


def _pattern(word: ast.Constant | ast.JoinedStr) -> str:
    parts = word.values if isinstance(word, ast.JoinedStr) else [word]
    texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
    return "".join("[a-z]+" if text is None else re.escape(str(text)) for text in texts)
