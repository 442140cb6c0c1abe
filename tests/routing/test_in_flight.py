"""What the agent learns about running requests: counted from decision to last byte, and nothing kept for ever."""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.process
from pathlib import Path

import httpx
import pytest

from interlock.routing.in_flight import InFlight, is_alone
from interlock.routing.middleware import RoutingMiddleware
from interlock.routing.settings import RoutingSettings
from interlock.routing.writer import write_table
from support.asgi_engine import TinyEngine, serving
from support.route_tables import NEW, OLD, SQL, route_table


def test_requests_count_from_begin_to_end_and_the_last_end_is_remembered_while_the_name_is_known() -> None:
    now = [100.0]
    in_flight = InFlight(lambda: now[0])
    for name in (OLD, OLD, SQL):
        in_flight.begin(name)
    in_flight.end(OLD)
    assert in_flight.counts() == {OLD: 1, SQL: 1}
    now[0] += 5
    in_flight.end(OLD)
    now[0] += 2.5
    assert in_flight.counts() == {SQL: 1}
    assert in_flight.idle({OLD}) == {OLD: 2.5}
    assert in_flight.idle({NEW}) == {}
    assert in_flight.idle({OLD}) == {}


def test_a_stream_counts_until_its_last_byte_and_a_failure_ends_it_too(tmp_path: Path) -> None:
    write_table(tmp_path / "routes.json", route_table())
    seen = []

    async def engine(scope: object, receive: object, send: object) -> None:
        seen.append(dict(app._in_flight.counts()))
        raise RuntimeError("the engine fails")

    app = RoutingMiddleware(engine, RoutingSettings(tmp_path / "routes.json"))
    body = b'{"model": "support-bot"}'

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    async def send(message: object) -> None:
        return None

    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": []}
    with pytest.raises(RuntimeError):
        asyncio.run(app(scope, receive, send))
    assert seen == [{OLD: 1}]
    assert app._in_flight.counts() == {}


def test_only_the_agent_sees_what_runs(tmp_path: Path) -> None:
    write_table(tmp_path / "routes.json", route_table())
    engine = TinyEngine()
    app = RoutingMiddleware(engine, RoutingSettings(tmp_path / "routes.json", b"the-agent"))
    agent = {"X-Interlock-Token": "the-agent"}
    with serving(app) as url, httpx.Client(base_url=url, timeout=10) as client:
        client.post("/v1/completions", json={"model": "support-bot"})
        client.post("/v1/completions", json={"model": "support-bot"}, headers=agent)
        public, trusted = (client.get("/interlock/routing", headers=headers).json() for headers in ({}, agent))
    assert set(public) == {"routing", "version", "table", "error"}
    assert trusted == public | {
        "in_flight": {},
        "idle": {OLD: pytest.approx(0, abs=5)},
        "alone": True,
        "waits": False,
    }


def test_a_process_of_many_says_so() -> None:
    assert is_alone()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert not pool.apply(is_alone)
