"""Names that the table calls lazy, through the whole middleware: held, handed on, refused, and never for the agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from interlock.routing.asking import AgentAnswer
from interlock.routing.middleware import RoutingMiddleware
from interlock.routing.settings import RoutingSettings
from interlock.routing.table import Route, RouteTable
from interlock.routing.writer import write_table
from support.asgi_engine import TinyEngine, serving
from support.route_tables import NEW, OLD

TOKEN = "the-agent"
LAZY = RouteTable("staging", routes={"support-bot": Route(OLD)}, lazy=frozenset({OLD, NEW}))
LOADED = RouteTable("staging", routes={"support-bot": Route(OLD)}, served=frozenset({OLD}), lazy=frozenset({NEW}))

Ask = Callable[[str], Awaitable[AgentAnswer]]


class Routed:
    """An engine behind the middleware; when the agent is asked, it writes the next table, if there is one."""

    def __init__(self, path: Path, answer: AgentAnswer, *tables: RouteTable) -> None:
        self.path, self.answer, self.tables = path, answer, list(tables)
        self.asked: list[str] = []
        self.engine = TinyEngine()
        write_table(path, LAZY)
        self.app = RoutingMiddleware(self.engine, RoutingSettings(path, TOKEN.encode()), self.ask)

    async def ask(self, name: str) -> AgentAnswer:
        self.asked.append(name)
        if self.tables:
            write_table(self.path, self.tables.pop(0))
        return self.answer

    def post(self, model: str, token: str = "") -> httpx.Response:
        # Over real HTTP, because a client that went away is told apart from one that waits.
        headers = {"X-Interlock-Token": token} if token else {}
        with serving(self.app) as url, httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            return client.post("/v1/completions", json={"model": model}, headers=headers)


@pytest.mark.parametrize("model", ["support-bot", OLD])
def test_a_request_reaches_the_engine_when_the_table_says_that_the_adapter_is_loaded(
    tmp_path: Path, model: str
) -> None:
    routed = Routed(tmp_path / "routes.json", AgentAnswer(loaded=True), LOADED)
    answer = routed.post(model)
    assert (answer.status_code, answer.headers["x-interlock-revision"]) == (200, OLD)
    assert (routed.asked, routed.engine.seen[-1].model) == ([OLD], OLD)
    assert routed.post(model).status_code == 200
    assert routed.asked == [OLD]


def test_a_refusal_is_503_with_the_seconds_and_without_the_name(tmp_path: Path) -> None:
    routed = Routed(tmp_path / "routes.json", AgentAnswer(refused=True, reason=f"{OLD} is bad", retry_after=9))
    answer = routed.post("support-bot")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["error"]["type"]) == (
        503,
        "9",
        "ServiceUnavailable",
    )
    assert OLD not in answer.text
    assert not routed.engine.seen


def test_a_request_whose_alias_moved_to_another_lazy_revision_meanwhile_is_asked_to_come_again(tmp_path: Path) -> None:
    moved = RouteTable("staging", routes={"support-bot": Route(NEW)}, lazy=frozenset({NEW}))
    routed = Routed(tmp_path / "routes.json", AgentAnswer(loaded=True), moved)
    answer = routed.post("support-bot")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_the_agent_itself_is_never_held_or_it_could_not_prove_what_it_loaded(tmp_path: Path) -> None:
    routed = Routed(tmp_path / "routes.json", AgentAnswer())
    assert routed.post(OLD, TOKEN).status_code == 200
    assert (routed.asked, routed.engine.seen[-1].model) == ([], OLD)


def test_a_name_that_the_table_does_not_hold_is_unknown_and_nobody_is_asked(tmp_path: Path) -> None:
    routed = Routed(tmp_path / "routes.json", AgentAnswer())
    assert routed.post("support-bot@9-0123456789ab").status_code == 404
    assert routed.asked == []
