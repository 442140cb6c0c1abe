"""A commit that changes a thousand pointers at once ends with what git says or with the reason, in bounded memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.demo.traffic import ask, open_client
from interlock.routing.table import RouteTable
from support.after_faults import nobody_was_failed, nothing_is_left_over, receipts_hold, serves
from support.fault_node import ANSWERS, QUESTIONS, FaultNode
from support.serving_node import ENVIRONMENT, LIMITS

pytestmark = pytest.mark.faults

ADAPTERS = 1000
SECONDS = 90.0
MEMORY = 400 << 20


def write(path: Path, document: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")


def register_thousand(node: FaultNode) -> None:
    """A thousand adapters with the bytes of sql-helper 1, each under a name of its own."""
    clone = node.serving.scratch.clone
    adapter = (clone / "adapters/sql-helper/adapter.yaml").read_text(encoding="utf-8")
    revision = (clone / "adapters/sql-helper/revisions/1.yaml").read_text(encoding="utf-8")
    for name in names():
        folder = clone / "adapters" / name
        (folder / "revisions").mkdir(parents=True)
        (folder / "adapter.yaml").write_text(adapter.replace("name: sql-helper", f"name: {name}"), encoding="utf-8")
        text = revision.replace("adapter: sql-helper", f"adapter: {name}")
        (folder / "revisions" / "1.yaml").write_text(text, encoding="utf-8")


def point_to_thousand(node: FaultNode, residency: str) -> None:
    for name in names():
        path = node.serving.scratch.clone / f"environments/{ENVIRONMENT}/pointers/{name}.yaml"
        write(path, {"kind": "Pointer", "adapter": name, "active": "1", "residency": residency})


def names() -> Iterator[str]:
    return (f"made-{number:04}" for number in range(ADAPTERS))


@pytest.fixture(scope="module")
def thousand(told_story: FaultNode) -> str:
    """A commit that registers a thousand adapters and points to none of them."""
    return told_story.commit(told_story.first.commit, lambda: register_thousand(told_story))


def test_a_thousand_pointers_that_cannot_fit_are_refused_with_the_reason(serving: FaultNode, thousand: str) -> None:
    commit = serving.commit(thousand, lambda: point_to_thousand(serving, "pinned"))
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(commit)
        begun = time.monotonic()
        ending = serving.run(turns=2)
        assert time.monotonic() - begun < SECONDS
        assert ending.peak < MEMORY
        assert ending.kind == "Stalled", ending.told
        assert f"commit {commit[:12]} is refused" in ending.why, ending.told
        assert "over-max-loras: 1002 adapter revisions take requests at once" in ending.why, ending.told
        serves(serving, serving.first.expected)
        nobody_was_failed(serving, clients, serving.first.expected.serves.items())
    nothing_is_left_over(serving)
    receipts_hold(serving)


@pytest.mark.parametrize("loading", ["at the first request", "at once"])
def test_a_thousand_lazy_pointers_do_not_hold_up_the_promotion_of_what_is_pinned(
    serving: FaultNode, thousand: str, loading: str
) -> None:
    lazy = serving.commit(thousand, lambda: point_to_thousand(serving, "lazy"))
    new = serving.promoted(lazy, "2")
    serving.configure(**({"http": {}} if loading == "at the first request" else {}))
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        begun = time.monotonic()
        ending = serving.run(turns=4)
        assert time.monotonic() - begun < SECONDS
        assert ending.peak < MEMORY
        nobody_was_failed(serving, clients, {("support-bot", "1"), *new.expected.serves.items()})
    table = RouteTable.from_json(serving.routes.read_bytes())
    with open_client(serving.engine.url) as client:
        answer = ask(client, "support-bot", QUESTIONS["support-bot"])
        assert (answer.status, answer.text) == (200, ANSWERS["support-bot", "2"])
    if loading == "at the first request":
        assert ending.kind == "Done", ending.told
        assert len(table.routes) == ADAPTERS + 2
        assert len(table.lazy) == ADAPTERS
    else:
        assert ending.kind == "Stalled", ending.told
        assert "which is all that max_cpu_loras allows" in ending.why
    assert len(serving.loaded()) <= LIMITS.cpu_slots
    nothing_is_left_over(serving)
    receipts_hold(serving)
