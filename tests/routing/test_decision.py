from __future__ import annotations

import pytest

from interlock.routing.decision import Decision, Reason, decide, is_safe_name, splits
from interlock.routing.table import Canary, Route, RouteTable
from support.route_tables import NEW, OLD, SQL, route_table

CALLERS = 10_000


def test_an_alias_becomes_its_active_revision() -> None:
    assert decide(route_table(NEW), "support-bot") == Decision(NEW, Reason.ALIAS, "support-bot", NEW)


def test_a_served_name_and_a_base_pass_as_they_are() -> None:
    assert decide(route_table(), SQL) == Decision(SQL, Reason.SERVED, "", SQL)
    assert decide(route_table(), "organisation/Tiny-1B") == Decision("organisation/Tiny-1B", Reason.BASE)


UNSAFE_NAMES = [
    "../x",
    "..",
    ".",
    "/etc/adapters",
    "a/../b",
    "a/b/c",
    "a//b",
    "a/",
    "a\\b",
    "~root",
    "",
    " ",
    "a b",
    "a\nb",
    "a\0b",
    "ａdapter",
    ".hidden",
    "\ud800",
    "x" * 513,
]


@pytest.mark.parametrize("model", [*UNSAFE_NAMES, "support-bot@9-0123456789ab", "Support-Bot", "support-bot ", "gpt-4"])
def test_any_other_name_never_reaches_the_engine(model: str) -> None:
    assert decide(route_table(), model).model is None


@pytest.mark.parametrize("model", UNSAFE_NAMES)
@pytest.mark.parametrize("table", [None, route_table()], ids=["no-table", "table"])
def test_names_that_look_like_paths_are_refused_even_for_the_agent(model: str, table: RouteTable | None) -> None:
    assert decide(table, model, trusted=True) == Decision(None, Reason.UNSAFE)


def test_the_agent_may_ask_for_a_revision_that_has_no_route_yet() -> None:
    name = "support-bot@9-0123456789ab"
    assert decide(route_table(), name, trusted=True).model == name
    assert decide(route_table(), "support-bot", trusted=True).model == OLD


def test_without_a_table_only_names_that_look_like_paths_are_refused() -> None:
    assert decide(None, "anything-1").model == "anything-1"
    assert decide(None, "organisation/Tiny-1B").model == "organisation/Tiny-1B"
    assert decide(None, "../x").model is None


def test_a_named_tenant_always_gets_the_canary() -> None:
    table = route_table(OLD, Canary(NEW, 0.0, frozenset({"acme"})))
    assert decide(table, "support-bot", "acme") == Decision(NEW, Reason.CANARY_TENANT, "support-bot", NEW)
    assert decide(table, "support-bot", "acme2").model == OLD
    assert decide(table, "support-bot", "", "acme").model == OLD


@pytest.mark.parametrize("weight", [0.0, 0.5, 5.0, 37.5, 50.0, 99.0, 100.0])
@pytest.mark.parametrize("kind", ["tenant", "user", "request"])
def test_the_weight_is_met_within_a_point(weight: float, kind: str) -> None:
    table = route_table(OLD, Canary(NEW, weight))
    drawn = sum(_ask(table, kind, f"caller-{number}") == NEW for number in range(CALLERS))
    assert abs(100 * drawn / CALLERS - weight) < 1
    assert drawn in (0, CALLERS) or weight not in (0.0, 100.0)


def _ask(table: RouteTable, kind: str, key: str) -> str | None:
    if kind == "request":
        return decide(table, "support-bot", "", "", key.encode()).model
    if kind == "user":
        return decide(table, "support-bot", "", key).model
    return decide(table, "support-bot", key).model


def test_a_caller_keeps_its_revision_and_the_request_does_not_matter_then() -> None:
    table = route_table(OLD, Canary(NEW, 50.0))
    for number in range(200):
        answers = {decide(table, "support-bot", "", f"user-{number}", f"turn {turn}".encode()) for turn in range(5)}
        assert len(answers) == 1
        answers = {decide(table, "support-bot", f"tenant-{number}", f"user-{user}") for user in range(5)}
        assert len(answers) == 1


def test_growing_the_weight_throws_nobody_out() -> None:
    names = [f"caller-{number}" for number in range(1000)]
    inside: set[str] = set()
    for weight in (1.0, 5.0, 25.0, 50.0, 100.0):
        table = route_table(OLD, Canary(NEW, weight))
        now = {name for name in names if decide(table, "support-bot", name).model == NEW}
        assert inside <= now
        inside = now


def test_different_adapters_split_differently() -> None:
    other = "sql-helper@2-ffeeddccbbaa"
    table = RouteTable(
        environment="staging",
        served=frozenset({OLD, NEW, SQL, other}),
        routes={"support-bot": Route(OLD, Canary(NEW, 50.0)), "sql-helper": Route(SQL, Canary(other, 50.0))},
    )
    same = sum(
        (decide(table, "support-bot", name).model == NEW) == (decide(table, "sql-helper", name).model == other)
        for name in (f"caller-{number}" for number in range(CALLERS))
    )
    assert abs(same / CALLERS - 0.5) < 0.03


def test_a_tenant_and_a_user_of_the_same_name_are_different_callers() -> None:
    table = route_table(OLD, Canary(NEW, 50.0))
    differ = [
        name
        for name in (f"caller-{number}" for number in range(100))
        if decide(table, "support-bot", name).model != decide(table, "support-bot", "", name).model
    ]
    assert differ


def test_a_user_written_with_a_lone_surrogate_is_a_user_like_any_other() -> None:
    assert decide(route_table(OLD, Canary(NEW, 50.0)), "support-bot", "", "\ud800").model in (OLD, NEW)


def test_only_a_weighted_canary_needs_the_content_of_the_request() -> None:
    assert splits(route_table(OLD, Canary(NEW, 5.0)), "support-bot")
    assert not splits(route_table(OLD, Canary(NEW, 0.0, frozenset({"acme"}))), "support-bot")
    assert not splits(route_table(), "support-bot")
    assert not splits(None, "support-bot")


@pytest.mark.parametrize("model", ["tiny", OLD, "organisation/Tiny-1B", "base:adapter", "a_b.c+d"])
def test_ordinary_names_are_safe(model: str) -> None:
    assert is_safe_name(model)
