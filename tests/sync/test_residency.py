"""Which adapters are loaded when: lazy ones at their first request, drained ones out, pinned ones before all others."""

from __future__ import annotations

import pytest

from interlock.routing.table import Route
from interlock.sync.desired import Desired
from interlock.sync.lazy import LazyLimits
from interlock.sync.plan import Plan
from interlock.sync.traffic import NEVER, Drain, Traffic
from support.desired_states import DRAIN, LIMIT, SimulatedEngine, alias, desired, refusal, served
from support.plan_words import short, steps

BOT1, BOT2, SQL1, RAG1 = served("bot", "1"), served("bot", "2"), served("sql", "1"), served("rag", "1")
LAZY = desired(alias("bot", "1", lazy=True))
THREE = desired(*(alias(name, "1", lazy=True) for name in ("bot", "sql", "rag")))


def node(wanted: Desired, *used: str, most: int | None = None) -> SimulatedEngine:
    """An engine behind a middleware that asks, settled, with these lazy adapters in use since a while ago."""
    engine = SimulatedEngine(asked=True, limits=LazyLimits(most))
    engine.settle(wanted)
    for name in used:
        ask(engine, name)
        walk(engine, wanted)
    engine.now += 2 * DRAIN
    return engine


def ask(engine: SimulatedEngine, name: str) -> None:
    engine.now += 1
    engine.last_used[name] = engine.now


def walk(engine: SimulatedEngine, wanted: Desired) -> list[str]:
    """Follow plans to the end; every step in words."""
    seen = []
    while (made := engine.plan(wanted)).steps:
        seen += steps(made)
        for step in made.steps:
            engine.apply(step)
    return seen


def turned_away(made: Plan) -> dict[str, float | None]:
    return {short(held.served): held.retry_at for held in made.turned_away}


# --- lazy adapters


def test_a_lazy_adapter_is_routed_when_its_bytes_are_verified_and_loaded_when_somebody_asks() -> None:
    engine = SimulatedEngine(asked=True)
    assert walk(engine, LAZY) == ["flip", "place bot@1", "flip bot=1"]
    assert engine.table
    assert (engine.table.served, engine.table.lazy) == (frozenset(), frozenset({BOT1}))
    assert engine.plan(LAZY) == Plan(deferred=frozenset({BOT1}))
    ask(engine, BOT1)
    assert walk(engine, LAZY) == ["load bot@1", "prove bot@1", "flip bot=1"]
    assert (engine.table.served, engine.table.lazy) == (frozenset({BOT1}), frozenset())


def test_where_nobody_can_ask_a_lazy_adapter_is_loaded_and_proven_like_all() -> None:
    engine = SimulatedEngine()
    assert walk(engine, LAZY) == ["flip", "place bot@1", "load bot@1", "prove bot@1", "flip bot=1"]
    assert engine.table
    assert engine.table.lazy == frozenset()


def test_a_lazy_adapter_that_nobody_used_for_a_while_is_taken_out_of_reach_and_then_unloaded() -> None:
    engine = node(LAZY, BOT1)
    engine.now = engine.last_used[BOT1] + engine.limits.idle - 1
    assert engine.plan(LAZY) == Plan()
    engine.now += 1
    assert walk(engine, LAZY) == ["flip bot=1"]
    engine.now += DRAIN
    assert walk(engine, LAZY) == ["unload bot@1"]
    assert engine.table
    assert engine.table.lazy == frozenset({BOT1})


def test_a_request_under_way_keeps_a_lazy_adapter_however_long_it_takes() -> None:
    engine = node(LAZY, BOT1)
    engine.in_flight[BOT1] = 1
    engine.now += 10 * engine.limits.idle
    assert engine.plan(LAZY) == Plan()


def test_the_least_recently_used_one_makes_room_within_the_cap() -> None:
    engine = node(THREE, BOT1, SQL1, most=2)
    ask(engine, BOT1)
    engine.now += DRAIN
    ask(engine, RAG1)
    assert walk(engine, THREE) == [
        "flip bot=1 rag=1 sql=1",
        "unload sql@1",
        "load rag@1",
        "prove rag@1",
        "flip bot=1 rag=1 sql=1",
    ]
    assert set(engine.adapters) == {BOT1, RAG1}


@pytest.mark.parametrize("busy", ["in flight", "just now"])
def test_one_that_is_in_use_is_not_pushed_out_and_the_request_is_turned_away(busy: str) -> None:
    engine = node(THREE, BOT1, most=1)
    if busy == "in flight":
        engine.in_flight[BOT1] = 1
    else:
        ask(engine, BOT1)
    ask(engine, SQL1)
    made = engine.plan(THREE)
    assert (made.steps, made.held) == ((), ())
    assert turned_away(made) == {"sql@1": None if busy == "in flight" else engine.last_used[BOT1] + DRAIN}


def test_lazy_adapters_share_what_pinned_ones_leave_and_a_kept_revision_counts_as_pinned() -> None:
    wanted = desired(alias("bot", "2", kept=("1",)), *THREE.aliases[1:], slots=3)
    engine = node(wanted)
    ask(engine, SQL1)
    walk(engine, wanted)
    ask(engine, RAG1)
    made = engine.plan(wanted)
    assert turned_away(made) == {"rag@1": engine.last_used[SQL1] + DRAIN}
    assert set(engine.adapters) == {BOT1, BOT2, SQL1}


def test_what_was_loaded_by_hand_takes_a_place_until_it_has_drained() -> None:
    engine = node(desired(alias("bot", "1", lazy=True), slots=1))
    engine.adapters["by-hand"], engine.in_flight["by-hand"] = "/tmp/by-hand", 1
    ask(engine, BOT1)
    wanted = desired(alias("bot", "1", lazy=True), slots=1)
    assert turned_away(engine.plan(wanted)) == {"bot@1": None}
    engine.in_flight.clear()
    assert walk(engine, wanted) == ["unload by-hand", "load bot@1", "prove bot@1", "flip bot=1"]


def test_a_pinned_revision_takes_the_place_of_a_lazy_one_as_soon_as_that_has_no_request_in_flight() -> None:
    lazy, pinned = alias("sql", "1", lazy=True), alias("bot", "1")
    engine = node(desired(lazy, slots=1), SQL1)
    engine.in_flight[SQL1] = 1
    wanted = desired(pinned, lazy, slots=1)
    assert walk(engine, wanted) == ["flip sql=1", "place bot@1"]
    made = engine.plan(wanted)
    assert [(short(held.served), held.for_people) for held in made.held] == [("bot@1", False)]
    engine.in_flight.clear()
    assert walk(engine, wanted) == ["unload sql@1", "load bot@1", "prove bot@1", "flip bot=1 sql=1"]
    assert turned_away(engine.plan(wanted)) == {"sql@1": None}


def test_after_a_restart_of_the_engine_what_was_used_lately_is_loaded_again_after_the_pinned_ones() -> None:
    wanted = desired(alias("bot", "1"), *THREE.aliases[1:])
    engine = node(wanted, SQL1)
    engine.restart()
    loads = [word for word in walk(engine, wanted) if word.startswith("load")]
    assert loads == ["load bot@1", "load sql@1"]


def test_after_a_restart_of_the_agent_a_lazy_adapter_answers_on_while_it_is_proven_again() -> None:
    running = node(LAZY, BOT1)
    engine = SimulatedEngine(
        adapters=running.adapters, table=running.table, asked=True, base_proven=False, last_used=running.last_used
    )
    engine.now = running.now
    served_all_along = []
    while (made := engine.plan(LAZY)).steps:
        for step in made.steps:
            engine.apply(step)
            assert engine.table
            served_all_along.append(BOT1 in engine.table.served)
    assert all(served_all_along)
    assert engine.proven == {BOT1}


# --- promotion and rollback of a lazy adapter


NEXT = desired(alias("bot", "2", kept=("1",), lazy=True))


def test_a_promotion_of_a_lazy_adapter_that_is_in_use_is_loaded_and_proven_before_the_alias_moves() -> None:
    assert walk(node(LAZY, BOT1), NEXT) == ["place bot@2", "load bot@2", "prove bot@2", "flip bot=2"]


def test_a_promotion_of_a_lazy_adapter_that_nobody_uses_loads_nothing() -> None:
    assert walk(node(LAZY), NEXT) == ["flip bot=1", "place bot@2", "flip bot=2"]


def test_a_bad_revision_of_a_lazy_adapter_never_gets_the_alias_while_it_is_refused() -> None:
    engine = node(LAZY, BOT1)
    engine.directories[BOT2] = f"/store/{BOT2}"
    engine.refusals[BOT2] = refusal("it answers as the base")
    assert walk(engine, NEXT) == []
    assert engine.table
    assert engine.table.routes == {"bot": Route(BOT1)}
    assert [held.why for held in engine.plan(NEXT).held] == ["it answers as the base"]


def test_a_rollback_of_a_lazy_adapter_is_one_flip() -> None:
    engine = node(NEXT)
    back = desired(alias("bot", "1", kept=("2",), lazy=True))
    assert walk(engine, back) == ["flip bot=1"]
    used = node(NEXT, BOT2)
    used.hold([BOT1])
    used.last_used[BOT1] = used.now
    used.settle(NEXT)
    assert walk(used, back) == ["flip bot=1"]


def test_with_a_cap_of_one_the_alias_moves_first_and_requests_wait_for_the_new_one() -> None:
    engine = node(LAZY, BOT1, most=1)
    engine.directories[BOT2] = f"/store/{BOT2}"
    assert walk(engine, NEXT) == ["flip bot=2"]
    ask(engine, BOT2)
    assert walk(engine, NEXT) == ["flip bot=2", "unload bot@1", "load bot@2", "prove bot@2", "flip bot=2"]


# --- draining


@pytest.mark.parametrize(
    ("left", "requests", "exact", "needed", "ends"),
    [
        (None, 0, True, True, NEVER),
        (100.0, 0, True, False, 100.0 + DRAIN),
        (100.0, 0, True, True, 100.0),
        (100.0, 0, False, True, 100.0 + DRAIN),
        (100.0, 1, True, True, 100.0 + LIMIT),
        (100.0, 1, False, False, 100.0 + LIMIT),
    ],
)
def test_the_end_of_a_drain(left: float | None, requests: int, exact: bool, needed: bool, ends: float) -> None:
    traffic = Traffic({"a": requests}, exact=exact)
    assert Drain(DRAIN, LIMIT).ends("a", left, traffic, needed=needed) == ends


def test_a_limit_below_the_drain_time_is_the_limit() -> None:
    assert Drain(DRAIN, 5.0).ends("a", 100.0, Traffic()) == 105.0


def test_a_stream_keeps_its_adapter_loaded_beyond_the_drain_time_but_not_for_ever() -> None:
    engine = node(desired(alias("bot", "1")))
    wanted = desired(alias("bot", "2"))
    engine.in_flight[BOT1] = 1
    walk(engine, wanted)
    left = engine.now
    engine.now = left + LIMIT - 1
    assert engine.plan(wanted).steps == ()
    engine.in_flight.clear()
    assert steps(engine.plan(wanted)) == ["unload bot@1"]
    engine.in_flight[BOT1] = 1
    assert engine.plan(wanted).steps == ()
    engine.now = left + LIMIT
    assert steps(engine.plan(wanted)) == ["unload bot@1"]


@pytest.mark.parametrize("exact", [True, False])
def test_a_place_that_is_needed_is_given_up_at_once_only_where_every_request_is_counted(exact: bool) -> None:
    engine = node(desired(alias("bot", "1"), slots=2))
    engine.settle(desired(alias("sql", "1"), slots=2))
    engine.exact = exact
    wanted = desired(alias("sql", "1"), alias("rag", "1"), slots=2)
    engine.directories[RAG1] = f"/store/{RAG1}"
    left = engine.now
    if not exact:
        walk(engine, wanted)
        (held,) = engine.plan(wanted).held
        assert (short(held.served), held.retry_at, held.for_people) == ("rag@1", left + DRAIN, False)
        engine.now += DRAIN
    assert "unload bot@1" in walk(engine, wanted)
    assert set(engine.adapters) == {SQL1, RAG1}
