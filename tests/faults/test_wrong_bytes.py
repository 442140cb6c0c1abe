"""Bytes that rot or were cut at their source, in the store and under an engine that serves them; engines that say that
they loaded what they did not load. None of it is ever answered with, and what served before serves on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support.after_faults import all_holds, nobody_was_failed, nothing_is_left_over, receipts_hold, serves
from support.agent_processes import Ending
from support.fault_node import FaultNode
from support.lying_engine import Lie, lying_engine
from support.steady_requests import SteadyRequests

pytestmark = pytest.mark.faults

WEIGHTS = "adapter_model.safetensors"
Damage = Callable[[Path], None]


def flip(path: Path) -> None:
    """Change one bit of the last byte."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    path.chmod(mode)


def truncate(path: Path) -> None:
    """Lose the second half."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    path.chmod(mode)


def lose(path: Path) -> None:
    """Lose the whole file."""
    path.parent.chmod(0o755)
    path.unlink()
    path.parent.chmod(0o555)


def stored(node: FaultNode, revision: str) -> Path:
    """The weights of a revision of support-bot in the store."""
    return node.placed("support-bot", revision) / WEIGHTS


def refused(node: FaultNode, ending: Ending, clients: SteadyRequests, *words: str) -> None:
    """The agent says why it does not serve what it should, and what served before serves on."""
    assert ending.kind in ("Stalled", "Waiting"), ending.told
    for word in words:
        assert word in ending.why, ending.told
    expected = node.first.expected
    serves(node, expected)
    nobody_was_failed(node, clients, expected.serves.items())
    nothing_is_left_over(node)
    receipts_hold(node)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [(flip, "digest-mismatch"), (truncate, "size-mismatch"), (Path.unlink, "artifact-missing")],
    ids=["flipped", "truncated", "missing"],
)
def test_bytes_that_are_wrong_in_the_repository_are_refused_with_the_commit(
    serving: FaultNode, damage: Damage, rule: str
) -> None:
    def promote() -> None:
        (weights,) = serving.serving.scratch.clone.glob(f"artifacts/support-bot@2-*/{WEIGHTS}")
        damage(weights)
        serving.serving.point("support-bot", "2")

    commit = serving.commit(serving.first.commit, promote)
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(commit)
        refused(serving, serving.run(), clients, f"commit {commit[:12]} is refused", rule, WEIGHTS)
        back = serving.promoted(serving.commit(commit, lambda: restored(serving)), "2")
        serving.move(back.commit)
        ending = serving.run()
    all_holds(serving, back, ending, clients, [("support-bot", "1")])


def restored(node: FaultNode) -> None:
    """Put the artifacts back as they were in the first commit."""
    node.serving.scratch.git("checkout", "--quiet", node.first.commit, "--", "artifacts")


@pytest.mark.parametrize("damage", [flip, truncate, lose], ids=["flipped", "truncated", "lost"])
@pytest.mark.parametrize("moment", ["place:after", "load:before"])
def test_bytes_that_change_after_they_were_verified_are_found_before_the_load(
    serving: FaultNode, damage: Damage, moment: str
) -> None:
    new = serving.promoted(serving.first.commit, "2")
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        agent = serving.begin(moment=moment, occurrence=3 if moment == "place:after" else 1, signal=signal.SIGSTOP)
        agent.stopped()
        damage(stored(serving, "2"))
        agent.go_on()
        ending = agent.wait()
    all_holds(serving, new, ending, clients, [("support-bot", "1")])
    assert f"{WEIGHTS}" in ending.log
    assert "is not served" in ending.log


@pytest.mark.parametrize("damage", [flip, truncate, lose], ids=["flipped", "truncated", "lost"])
def test_bytes_that_rot_under_an_engine_that_serves_them_are_told_and_brought_again_when_it_starts_anew(
    serving: FaultNode, damage: Damage
) -> None:
    with serving.clients("support-bot", "sql-helper") as clients:
        damage(stored(serving, "1"))
        ending = serving.run()
        refused(serving, ending, clients, str(stored(serving, "1").parent), "support-bot@1")
    serving.engine.kill()
    serving.engine.start()
    all_holds(serving, serving.first, serving.run())


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ("answers as the base", "is loaded and every probe is answered exactly as by the base"),
        ("loads nothing", "the engine answered 200 and then does not list it"),
        ("loads something else", "the engine answered 200 and then does not list it"),
    ],
    ids=["answers as the base", "loads nothing", "loads something else"],
)
def test_an_engine_that_lies_about_a_load_is_caught(serving: FaultNode, lie: Lie, words: str) -> None:
    new, name = serving.promoted(serving.first.commit, "2"), serving.served("support-bot", "2")
    base = serving.engine.served_name
    with serving.clients("support-bot", "sql-helper") as clients:
        with lying_engine(serving.engine.url, lie=lie, about=name, base=base) as liar:
            liar.honest = False
            serving.move(new.commit)
            serving.configure(engine=serving.engine_settings | {"url": liar.url})
            ending = serving.run()
            assert ending.kind == "Stalled", ending.told
            assert ending.why.startswith(f"{name}: "), ending.told
            assert words in ending.log, ending.told
            serves(serving, serving.first.expected, also=("something-else",))
        serving.configure()  # the same engine, without lies
        ending = serving.run()
    all_holds(serving, new, ending, clients, [("support-bot", "1")])
