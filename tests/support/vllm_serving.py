"""A real vLLM as three people see it: the agent (driver and token), a client (the engine's key only), and anyone.

    with serving_vllm(base, scratch, guarded=True) as serving:
        serving.driver.load("support-bot@2-…", directory)
        assert serving.ask("support-bot@2-…") == " Refund granted."

`guarded` puts the routing middleware in front. Either way the engine has an API key and vLLM's own resolver of
directories is on, as on a node whose operator knows about neither hazard.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from interlock.routing.table import RouteTable
from interlock.routing.writer import write_table
from support.engine_processes import ADMIN_TOKEN, SERVED_NAME, EngineLimits, EngineProcess, start_vllm

API_KEY = "a-key-for-tests-only"
LIMITS = EngineLimits()
REFUND = "Customer: I want my money back.\nAgent:"
ANSWER_TOKENS = 16
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Serving:
    """One running vLLM, what talks to it, and the path of its route table."""

    engine: EngineProcess
    driver: EngineDriver
    anyone: httpx.Client
    client: httpx.Client
    agent: httpx.Client
    routes: Path

    def complete(self, model: str) -> httpx.Response:
        """Ask for a greedy completion as a client does: aliases, and what the route table names."""
        return self.client.post("/v1/completions", json=_greedy(model))

    def complete_by_name(self, model: str) -> httpx.Response:
        """Ask for a greedy completion as the agent does: any loaded name, also one without a route."""
        return self.agent.post("/v1/completions", json=_greedy(model))

    def ask(self, model: str) -> str:
        """The text of `complete`; fails when the engine refuses."""
        return _text(self.complete(model))

    def ask_by_name(self, model: str) -> str:
        """The text of `complete_by_name`; fails when the engine refuses."""
        return _text(self.complete_by_name(model))

    def load_by_hand(self, name: str, directory: Path, **fields: Any) -> httpx.Response:
        """Load an adapter as somebody with the token but without the agent's care does."""
        return self.agent.post("/v1/load_lora_adapter", json={"lora_name": name, "lora_path": str(directory), **fields})

    def publish(self, table: RouteTable) -> None:
        """Replace the route table, as the agent does."""
        write_table(self.routes, table)

    def reset(self) -> None:
        """Unload every adapter and forget every route, so that the next test finds the engine as it was started."""
        for name in self.driver.adapters():
            self.driver.unload(name)
        self.publish(RouteTable("staging", bases=frozenset({SERVED_NAME})))


def _greedy(model: str) -> dict[str, Any]:
    return {"model": model, "prompt": REFUND, "max_tokens": ANSWER_TOKENS, "temperature": 0}


def _text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


@contextmanager
def serving_vllm(base: Path, scratch: Path, *, guarded: bool) -> Iterator[Serving]:
    """Run vLLM on `base`, with the routing middleware if `guarded`, until the block ends."""
    resolved, routes = scratch / "resolved", scratch / "routes.json"
    resolved.mkdir(parents=True)
    with ExitStack() as stack:
        engine = stack.enter_context(
            start_vllm(
                base,
                middleware=guarded,
                routes=routes if guarded else None,
                api_key=API_KEY,
                limits=LIMITS,
                env={"VLLM_LORA_RESOLVER_CACHE_DIR": str(resolved)},
            )
        )
        address = EngineAddress(engine.url, api_key=API_KEY, admin_token=ADMIN_TOKEN, timeout_s=TIMEOUT_S)
        driver = open_engine("vllm", address)
        stack.callback(driver.close)
        key, token = {"Authorization": f"Bearer {API_KEY}"}, {"X-Interlock-Token": ADMIN_TOKEN}
        anyone, client, agent = (
            stack.enter_context(httpx.Client(base_url=engine.url, headers=headers, timeout=TIMEOUT_S, trust_env=False))
            for headers in ({}, key, key | token)
        )
        serving = Serving(engine, driver, anyone, client, agent, routes)
        serving.reset()
        yield serving
