"""The agent drives the real vLLM through promotions, reverts and other people's mistakes, and the engine lives on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from interlock.documents.identifiers import ServedName
from interlock.sync.agent import Agent
from interlock.sync.outcome import Done, Outcome, Stalled
from interlock.sync.settings import load_settings
from support.adapters import llama_config
from support.engine_clients import STREAMED, end_of, events_of
from support.engine_processes import ADMIN_TOKEN
from support.living_clone import LivingClone
from support.living_example import LivingExample
from support.vllm_serving import API_KEY, Serving

pytestmark = pytest.mark.vllm

MakeAdapter = Callable[..., Path]
ALIAS, ENVIRONMENT = "support-bot", "staging"
DRAIN_S = 5
DRAIN_LIMIT_S = 600
STREAM_TOKENS = 200
ANSWERS = {
    "1": " Refunds take ten days.",
    "2": " Refund granted. Sorry for the trouble.",
    "3": " Refund granted, and here is a voucher.",
}


@dataclass
class Node:
    """An agent on the shared engine, the repository that it follows, and a clock that only a test moves."""

    serving: Serving
    clone: LivingClone
    example: LivingExample
    directory: Path
    now: float = 1000.0
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.directory.mkdir()
        for name, secret in (("token", ADMIN_TOKEN), ("key", API_KEY)):
            (self.directory / name).touch(mode=0o600)
            (self.directory / name).write_text(secret)
        settings = {
            "kind": "Node",
            "name": "gpu-node-7",
            "environment": ENVIRONMENT,
            "remote": {"url": str(self.clone.remote)},
            "engine": {
                "kind": "vllm",
                "url": self.serving.engine.url,
                "base_directory": str(self.example.base),
                "api_key_file": "key",
                "admin_token_file": "token",
            },
            "routes": str(self.serving.routes),
            "drain": f"{DRAIN_S}s",
            "trust": {"protected": "unverified"},
        }
        (self.directory / "node.yaml").write_text(json.dumps(settings))
        self.agent = Agent(load_settings(self.directory / "node.yaml"), clock=lambda: self.now)

    def promote(self, revision: str) -> None:
        """Promote by a commit."""
        self.clone.point(ENVIRONMENT, ALIAS, active=revision)
        self.clone.push(f"Serve {revision}")

    def serve(self, revision: str) -> Outcome:
        """Promote by a commit, and let the agent follow."""
        self.promote(revision)
        return self.agent.run_once()

    def name(self, revision: str) -> str:
        """The served name of a revision of the support bot."""
        return self.example.served(ALIAS, revision)

    def in_store(self, root: str | Path) -> bool:
        """Whether a directory is a placed artifact of this node, with its files."""
        placed = Path(root)
        return placed.parent == self.directory / "state" / "adapters" / "sha256" and len(list(placed.iterdir())) == 2


@pytest.fixture
def node(guarded: Serving, clone: LivingClone, example: LivingExample, tmp_path: Path) -> Iterator[Node]:
    """A node that has served revision 1 of the support bot."""
    node = Node(guarded, clone, example, tmp_path / "node")
    assert node.serve("1") == Done()
    yield node
    node.agent.close()


def test_aliases_answer_from_the_store_under_names_that_hold_the_digest(node: Node) -> None:
    assert node.serving.ask(ALIAS) == ANSWERS["1"]
    roots = node.serving.driver.adapters()
    assert node.name("1") in roots
    for name, root in roots.items():
        assert node.in_store(root)
        assert ServedName.parse(name).digest_prefix == Path(root).name[:12]


def test_promotion_and_revert_under_load_lose_no_request_and_the_revert_loads_nothing(node: Node) -> None:
    stop, statuses = threading.Event(), []

    def keep_asking() -> None:
        while not stop.is_set():
            statuses.append(node.serving.complete(ALIAS).status_code)

    workers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        assert node.serve("3") == Done()
        assert node.serving.ask(ALIAS) == ANSWERS["3"]
        loaded = node.serving.driver.adapters()
        node.clone.revert_and_push()
        assert node.agent.run_once() == Done()
        assert node.serving.ask(ALIAS) == ANSWERS["1"]
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert node.serving.driver.adapters() == loaded
    assert set(statuses) == {200}


def test_what_left_is_unloaded_late_its_directory_stays_and_a_running_stream_ends_well(node: Node) -> None:
    first, root = node.name("1"), node.serving.driver.adapters()[node.name("1")]
    body = {"model": first, "prompt": "x", "max_tokens": STREAM_TOKENS, "ignore_eos": True, **STREAMED}
    assert node.serve("2") == Done()
    with node.serving.client.stream("POST", "/v1/completions", json=body) as answer:
        lines = (line for line in answer.iter_lines() if line)
        seen = [next(lines)]
        node.serve("3")
        assert first in node.serving.driver.adapters()
        node.now += DRAIN_LIMIT_S + 1  # a stream that is counted keeps its adapter until then
        node.agent.turn()
        assert first not in node.serving.driver.adapters()
        seen += lines
    assert seen[-1] == "data: [DONE]"
    assert end_of(events_of(seen)) == ("length", STREAM_TOKENS)
    assert node.in_store(root)
    assert node.serving.complete(first).status_code == 404
    assert node.serving.engine.alive()
    assert node.serve("1") == Done()
    assert node.serving.ask(ALIAS) == ANSWERS["1"]
    assert node.serving.driver.adapters()[first] == root


def test_an_adapter_of_another_base_is_refused_before_the_engine_or_the_store_sees_it(
    node: Node, make_adapter: MakeAdapter
) -> None:
    before = node.serving.driver.adapters()
    node.clone.register(make_adapter("foreign", shapes_for=llama_config()), ALIAS, "9")
    outcome = node.serve("9")
    assert isinstance(outcome, Stalled)
    assert "tensor-shape-mismatch" in outcome.why
    assert node.serving.driver.adapters() == before
    assert {str(path) for path in (node.directory / "state" / "adapters" / "sha256").iterdir()} == set(before.values())
    assert node.serving.ask(ALIAS) == ANSWERS["1"]


def test_an_untrained_adapter_fails_the_proof_and_the_alias_stays_where_it_was(
    node: Node, make_adapter: MakeAdapter
) -> None:
    assert node.clone.register(make_adapter("untrained", zero_b=True), ALIAS, "9") == []
    node.promote("9")
    node.agent.turn()
    assert node.agent.status
    rows = {row.alias: row for row in node.agent.status.aliases}
    assert "every probe is answered exactly as by the base" in rows[ALIAS].message
    assert (rows[ALIAS].served, node.serving.ask(ALIAS)) == (node.name("1"), ANSWERS["1"])
    assert not [name for name in node.serving.driver.adapters() if name.startswith(f"{ALIAS}@9-")]


def test_a_name_that_somebody_loaded_from_elsewhere_is_loaded_again_from_the_store(node: Node) -> None:
    first = node.name("1")
    root, elsewhere = node.serving.driver.adapters()[first], node.example.adapter(ALIAS, "3")
    node.serving.driver.unload(first)
    assert node.serving.load_by_hand(first, elsewhere).status_code == 200
    assert node.serving.ask(ALIAS) == ANSWERS["3"], "the name alone tells nothing"
    assert node.agent.run_once() == Done()
    assert node.serving.driver.adapters()[first] == root
    assert node.serving.ask(ALIAS) == ANSWERS["1"]
