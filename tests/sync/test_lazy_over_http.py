"""Lazy adapters from end to end: a real engine behind the middleware, a real agent, and HTTP between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from interlock.demo.engine_process import free_port
from interlock.routing.table import RouteTable
from interlock.routing.writer import write_table
from interlock.sync.agent import Agent
from interlock.sync.http.serving import serving
from interlock.sync.http.want import WantPage
from interlock.sync.pulse import Pulse
from interlock.sync.settings import load_settings
from interlock.sync.wake import Wake
from support.asgi_engine import wait_until
from support.serving_node import REFUND, ServingNode, SharedEngine, serving_node, shared_engine

QUERY = "Question: how many orders?\nSQL:"
PROMPTS = {"support-bot": REFUND, "sql-helper": QUERY}


@dataclass(frozen=True)
class Asking:
    """An engine whose middleware asks an agent at `port`."""

    engine: SharedEngine
    port: int


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    port = free_port()
    environment = {"INTERLOCK_AGENT": f"http://127.0.0.1:{port}", "INTERLOCK_HOLD_SECONDS": "20"}
    with shared_engine(tmp_path_factory.mktemp("asking"), environment) as engine:
        yield Asking(engine, port)


@pytest.fixture
def node(asking: Asking, tmp_path: Path) -> Iterator[ServingNode]:
    """A node on which everything is lazy and at most one such adapter is loaded; nothing runs yet."""
    forget_uses(asking.engine)
    with serving_node(tmp_path) as node:
        node.share(asking.engine)
        with node.node.settings.open("a", encoding="utf-8") as settings:
            settings.write(f"http: {{listen: 127.0.0.1:{asking.port}}}\nlazy: {{max: 1}}\n")
        text = node.node.settings.read_text(encoding="utf-8")
        node.node.settings.write_text(text.replace("drain: 5s", "drain: 1s"), encoding="utf-8")
        for adapter in PROMPTS:
            node.point(adapter, "1", extra="residency: lazy\n")
        node.push("lazy")
        yield node


def forget_uses(engine: SharedEngine) -> None:
    """Let the middleware forget what an earlier test used, or the next agent would load it as after a restart."""
    write_table(engine.routes, RouteTable("production"))
    headers = {"X-Interlock-Token": engine.admin_token}
    assert httpx.get(f"{engine.process.url}/interlock/routing", headers=headers).json()["idle"] == {}
    engine.clear()


@contextmanager
def running(node: ServingNode) -> Iterator[Agent]:
    """An agent that loops and listens, as `interlock sync` does, once it serves what git says."""
    settings, wake, pulse = load_settings(node.node.settings), Wake(), Pulse(time.monotonic)
    agent = Agent(settings, told=pulse.beat)
    thread = threading.Thread(target=agent.run, args=[wake])
    with serving(settings, pulse, wake, WantPage(agent.want, settings.admin_token).routes()):
        thread.start()
        try:
            wait_until(lambda: agent.status is not None and agent.status.condition("Ready").status == "True", 60)
            yield agent
        finally:
            wake.stop()
            thread.join(30)
            agent.close()


@pytest.fixture
def client(node: ServingNode) -> Iterator[httpx.Client]:
    assert node.engine
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(base_url=node.engine.url, timeout=60, trust_env=False, limits=limits) as opened:
        yield opened


def ask(client: httpx.Client, alias: str) -> httpx.Response:
    body = {"model": alias, "prompt": PROMPTS[alias], "max_tokens": 8, "temperature": 0}
    return client.post("/v1/completions", json=body)


def loaded(client: httpx.Client) -> set[str]:
    return {model["id"] for model in client.get("/v1/models").json()["data"] if model["parent"]}


def test_a_hundred_first_requests_are_one_load_that_was_proven_before_any_of_them_was_answered(
    node: ServingNode, client: httpx.Client
) -> None:
    with running(node), ThreadPoolExecutor(100) as clients:
        assert loaded(client) == set()
        before = node.loads()
        answers = list(clients.map(lambda _: ask(client, "sql-helper"), range(100)))
        assert node.loads() == before + 1
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["choices"][0]["text"] for answer in answers} == {" SELECT 1;"}
    assert {answer.headers["X-Interlock-Revision"] for answer in answers} == {node.served("sql-helper", "1")}
    assert ask(client, "sql-helper").status_code == 200, "without an agent what is loaded answers on"


def test_the_cap_holds_and_the_least_recently_used_one_makes_room_when_it_has_rested(
    node: ServingNode, client: httpx.Client
) -> None:
    with running(node):
        assert ask(client, "sql-helper").status_code == 200
        refused = ask(client, "support-bot")
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "ServiceUnavailable")
        assert refused.headers["Retry-After"] == "1"
        assert "sql-helper" not in refused.text
        assert loaded(client) == {node.served("sql-helper", "1")}
        wait_until(lambda: ask(client, "support-bot").status_code == 200)
        assert loaded(client) == {node.served("support-bot", "1")}


def test_an_adapter_whose_bytes_went_bad_is_refused_and_only_the_status_says_why(
    node: ServingNode, client: httpx.Client
) -> None:
    name = node.served("sql-helper", "1")
    with running(node) as agent:
        (stored,) = (node.node.directory / "state" / "adapters" / "sha256").glob(f"{name.rpartition('-')[2]}*")
        weights = stored / "adapter_model.safetensors"
        weights.chmod(0o600)
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        refused = ask(client, "sql-helper")
        wait_until(lambda: agent.status is not None and "sql-helper" in str(agent.status.aliases[0].message))
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] in ("1", "2")
    assert "sql-helper" not in refused.text
    assert loaded(client) == set()
