"""Lazy adapters and the two limits of a real vLLM: `--max-cpu-loras` bounds what is loaded, `--max-loras` one batch.

The engine has two places for loaded adapters and one in a batch; git asks for four lazy revisions.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from interlock.sync.agent import Agent
from interlock.sync.http.serving import serving
from interlock.sync.http.want import WantPage
from interlock.sync.pulse import Pulse
from interlock.sync.settings import load_settings
from interlock.sync.wake import Wake
from support.engine_clients import client_of
from support.engine_processes import ADMIN_TOKEN, EngineLimits, EngineProcess, free_port, start_vllm, wait_until
from support.living_clone import LivingClone
from support.living_example import LivingExample
from support.vllm_serving import REFUND

pytestmark = pytest.mark.vllm

ENVIRONMENT = "staging"
LIMITS = EngineLimits(max_loras=1, max_cpu_loras=2)
QUERY = "Question: how many orders?\nSQL:"
DRAIN_S = 1
ANSWERS = {
    ("support-bot", "1"): " Refunds take ten days.",
    ("support-bot", "2"): " Refund granted. Sorry for the trouble.",
    ("support-bot", "3"): " Refund granted, and here is a voucher.",
    ("sql-helper", "1"): " SELECT 1;",
}


@dataclass(frozen=True)
class Node:
    """A vLLM that asks the agent of this node, the table between them, and a client without the agent's token."""

    engine: EngineProcess
    port: int
    routes: Path
    client: httpx.Client
    example: LivingExample

    def name(self, adapter: str, revision: str) -> str:
        return self.example.served(adapter, revision)

    def ask(self, model: str, prompt: str = REFUND) -> httpx.Response:
        body = {"model": model, "prompt": prompt, "max_tokens": 24, "temperature": 0}
        return self.client.post("/v1/completions", json=body)

    def loaded(self) -> set[str]:
        return {model["id"] for model in self.client.get("/v1/models").json()["data"] if model["parent"]}

    def loads(self) -> int:
        return self.engine.log_text().count("POST /v1/load_lora_adapter")


@pytest.fixture(scope="module")
def node(example: LivingExample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    port, scratch = free_port(), tmp_path_factory.mktemp("lazy")
    asking = {"INTERLOCK_AGENT": f"http://127.0.0.1:{port}", "INTERLOCK_HOLD_SECONDS": "30"}
    routes = scratch / "routes.json"
    with (
        start_vllm(example.base, routes=routes, limits=LIMITS, env=asking) as engine,
        httpx.Client(base_url=engine.url, timeout=60, trust_env=False) as client,
    ):
        yield Node(engine, port, routes, client, example)


@pytest.fixture
def agent(node: Node, clone: LivingClone, tmp_path: Path) -> Iterator[Agent]:
    """The agent as `interlock sync` runs it, settled on four lazy revisions of which nothing is loaded."""
    environment = clone.repository.root / "environments" / ENVIRONMENT / "environment.yaml"
    text = environment.read_text(encoding="utf-8")
    environment.write_text(text.replace("max_loras: 4, max_cpu_loras: 8", "max_loras: 1, max_cpu_loras: 2"), "utf-8")
    clone.push("Say how many places the engine has")
    clone.point(ENVIRONMENT, "support-bot", active="1", keep=["2", "3"], residency="lazy")
    clone.push("Make the support bot lazy")
    clone.point(ENVIRONMENT, "sql-helper", active="1", residency="lazy")
    clone.push("Make the SQL helper lazy")
    with running(node, clone, tmp_path) as agent:
        yield agent
    with client_of(node.engine) as admin:
        for name in node.loaded():
            assert admin.post("/v1/unload_lora_adapter", json={"lora_name": name}).status_code == 200
    node.routes.unlink()


@contextmanager
def running(node: Node, clone: LivingClone, directory: Path) -> Iterator[Agent]:
    (directory / "token").touch(mode=0o600)
    (directory / "token").write_text(ADMIN_TOKEN)
    document = {
        "kind": "Node",
        "name": "gpu-node-7",
        "environment": ENVIRONMENT,
        "remote": {"url": str(clone.remote)},
        "engine": {"kind": "vllm", "url": node.engine.url, "admin_token_file": "token"},
        "routes": str(node.routes),
        "drain": f"{DRAIN_S}s",
        "trust": {"protected": "unverified"},
        "http": {"listen": f"127.0.0.1:{node.port}"},
    }
    (directory / "node.yaml").write_text(json.dumps(document))
    settings, wake, pulse = load_settings(directory / "node.yaml"), Wake(), Pulse(time.monotonic)
    agent = Agent(settings, told=pulse.beat)
    thread = threading.Thread(target=agent.run, args=[wake])
    with serving(settings, pulse, wake, WantPage(agent.want, settings.admin_token).routes()):
        thread.start()
        try:
            ready = lambda: agent.status is not None and agent.status.condition("Ready").status == "True"  # noqa: E731
            wait_until(ready, within=120, what="the node is ready")
            yield agent
        finally:
            wake.stop()
            thread.join(60)
            agent.close()


@pytest.mark.usefixtures("agent")
def test_a_hundred_first_requests_are_one_load_and_all_are_answered_by_the_adapter(node: Node) -> None:
    assert node.loaded() == set()
    before = node.loads()
    with ThreadPoolExecutor(100) as clients:
        given = list(clients.map(lambda _: node.ask("support-bot"), range(100)))
    assert {answer.status_code for answer in given} == {200}
    assert {answer.json()["choices"][0]["text"] for answer in given} == {ANSWERS["support-bot", "1"]}
    assert node.loads() == before + 1
    with client_of(node.engine) as admin:
        probe = admin.get("/interlock/routing").json()
    assert (probe["alone"], probe["waits"], probe["in_flight"]) == (True, True, {})


def answers(node: Node, name: str, prompt: str) -> bool:
    return node.ask(name, prompt).status_code == 200


@pytest.mark.usefixtures("agent")
def test_four_revisions_take_turns_in_two_places_and_every_one_answers_with_its_own_weights(node: Node) -> None:
    most = 0
    for adapter, revision in [*ANSWERS, *ANSWERS]:
        name, prompt = node.name(adapter, revision), QUERY if adapter == "sql-helper" else REFUND
        wait_until(partial(answers, node, name, prompt), within=60, what=f"{name} answers")
        assert node.ask(name, prompt).json()["choices"][0]["text"] == ANSWERS[adapter, revision]
        most = max(most, len(node.loaded()))
    assert most == LIMITS.max_cpu_loras


@pytest.mark.usefixtures("agent")
def test_two_loaded_adapters_answer_at_the_same_time_although_one_fits_into_a_batch(node: Node) -> None:
    asked = [("support-bot", REFUND, ANSWERS["support-bot", "1"]), ("sql-helper", QUERY, ANSWERS["sql-helper", "1"])]
    with ThreadPoolExecutor(8) as clients:
        given = list(clients.map(lambda number: node.ask(*asked[number % 2][:2]), range(24)))
    assert node.loaded() == {node.name("support-bot", "1"), node.name("sql-helper", "1")}
    for number, answer in enumerate(given):
        assert answer.json()["choices"][0]["text"] == asked[number % 2][2]


@pytest.mark.usefixtures("agent")
def test_one_that_is_in_use_keeps_its_place_and_loses_no_request_while_others_take_turns(node: Node) -> None:
    busy, stop = node.name("support-bot", "1"), threading.Event()

    def keep_asking() -> set[int]:
        statuses = set()
        while not stop.is_set():
            statuses.add(node.ask("support-bot").status_code)
        return statuses

    with ThreadPoolExecutor(3) as clients:
        asking = [clients.submit(keep_asking) for _ in range(3)]
        try:
            for name, prompt in [(node.name("sql-helper", "1"), QUERY), (node.name("support-bot", "3"), REFUND)] * 2:
                wait_until(partial(answers, node, name, prompt), within=60, what=f"{name} answers")
                assert node.loaded() == {busy, name}
        finally:
            stop.set()
        assert {status for statuses in asking for status in statuses.result()} == {200}
