"""The store of a serving node: what does not fit is held back and told, what is given up comes back when git asks."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path

from interlock.sync.agent import Agent
from interlock.sync.outcome import Done, Stalled
from interlock.sync.patience import A_WHILE, FOR_EVER, Patience
from interlock.sync.settings import load_settings
from support.serving_node import ServingNode, SharedEngine, serving_node

OLD, NEW = " Refunds take ten days.", " Refund granted. Sorry for the trouble."


def placed(node: ServingNode) -> set[str]:
    return {path.name for path in (load_settings(node.node.settings).store / "sha256").iterdir()}


def digest(node: ServingNode, revision: str) -> str:
    """The digest of a revision of support-bot, in hexadecimal."""
    document = next(
        located.document
        for key, located in node.scratch.snapshot().revisions.items()
        if (key.adapter, key.revision) == ("support-bot", revision)
    )
    return document.artifact.digest.hex


def started(node: ServingNode, more: str = "") -> closing[Agent]:
    """An agent with these lines in its settings, in the place of the one before."""
    assert node.engine
    node.node.write(node.engine.url)
    with node.node.settings.open("a", encoding="utf-8") as file:
        file.write(more)
    return closing(Agent(load_settings(node.node.settings), clock=node.clock))


def test_what_does_not_fit_is_held_back_and_what_serves_is_left_alone(node: ServingNode) -> None:
    with started(node) as agent:
        assert agent.run_once() == Done()
    node.point("support-bot", "2")
    node.push("promote")
    with started(node, "disk: {free: 900000TiB}\n") as agent:
        outcome = agent.run_once()
        assert isinstance(outcome, Stalled)
        assert f"sha256:{digest(node, '2')} does not fit into" in outcome.why
        assert outcome.remedy.startswith("free space on that disk, raise `disk.limit`")
        assert (node.ask("support-bot").text, digest(node, "2") in placed(node)) == (OLD, False)
        for _ in range(8):  # more often than what only a new commit would help
            node.clock.now += 301
            assert isinstance(agent.turn(), Stalled)
    with started(node) as agent:
        assert agent.run_once() == Done()
    assert node.ask("support-bot").text == NEW


def test_what_was_given_up_is_brought_again_when_git_asks_for_it(node: ServingNode) -> None:
    shown, first = load_settings(node.node.settings).state / "shown.json", digest(node, "1")
    with started(node) as agent:
        for revision in ("1", "2", "3"):
            node.point("support-bot", revision)
            node.push(f"serve {revision}")
            assert agent.run_once() == Done()
        node.clock.now += 60
        assert agent.run_once() == Done()
        assert agent.status
        assert agent.status.store
        assert (agent.status.store.artifacts, agent.status.store.limit) == (len(placed(node)), None)
    assert first in shown.read_text()
    shown.unlink()  # as if the engine had been started anew since
    with started(node, "disk: {limit: 0MB}\n") as agent:
        assert agent.run_once() == Done()
        assert first not in placed(node)
        assert digest(node, "3") in placed(node)
        node.point("support-bot", "1")
        node.push("back to 1")
        assert isinstance(agent.run_once(), Stalled)
    with started(node) as agent:
        assert agent.run_once() == Done()
    assert node.ask("support-bot").text == OLD
    assert first in placed(node)


def test_a_revision_whose_source_is_gone_is_served_from_an_archive(
    tmp_path: Path, engine_of_this_worker: SharedEngine
) -> None:
    elsewhere, archive = tmp_path / "elsewhere", tmp_path / "archive"

    def keep_the_second_elsewhere(repository: Path) -> None:
        manifest = repository / "adapters/support-bot/revisions/2.yaml"
        (where,) = repository.glob("artifacts/**/support-bot@2-*")
        shutil.move(where, elsewhere)
        text = manifest.read_text()
        manifest.write_text(re.sub(r"uri: file:artifacts/\S+", f"uri: file://{elsewhere}", text))
        assert manifest.read_text() != text

    with serving_node(tmp_path / "node", change=keep_the_second_elsewhere) as node:
        node.share(engine_of_this_worker)
        with started(node) as agent:
            assert agent.run_once() == Done()
            node.interlock("archive", "support-bot@2", "--to", str(archive))
            shutil.rmtree(elsewhere)
            node.point("support-bot", "2")
            node.push("promote")
            assert agent.run_once() != Done()
        assert node.ask("support-bot").text == OLD
        with started(node, f"sources: {{archive: [file://{archive}]}}\n") as agent:
            assert agent.run_once() == Done()
        assert node.ask("support-bot").text == NEW


def test_a_turn_gets_further_and_leaves_off_after_a_while() -> None:
    times = iter([100.0, 100.0 + A_WHILE, 100.1 + A_WHILE, 200.0, 200.1 + A_WHILE, 300.0, 1e9])
    patience = Patience(lambda: next(times))
    patience.begin(A_WHILE)
    assert [patience.is_over() for _ in range(3)] == [False, False, True]
    patience.begin(A_WHILE)
    assert [patience.is_over() for _ in range(2)] == [False, True]
    patience.begin(FOR_EVER)
    assert [patience.is_over() for _ in range(2)] == [False, False]
