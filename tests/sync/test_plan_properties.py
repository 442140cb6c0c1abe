"""What holds for every plan, whatever git wants and whatever the engine is found to be."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.routing.table import Canary, Route, RouteTable
from interlock.sync.desired import Desired, DesiredAlias
from interlock.sync.lazy import LazyLimits
from interlock.sync.plan import Flip, Load, Place, Prove, Unload, reachable, routed_names
from support.desired_states import (
    BASES,
    COMMIT,
    DRAIN,
    LIMIT,
    SimulatedEngine,
    alias,
    desired,
    directory,
    refusal,
    served,
)

ADAPTERS = ("bot", "sql", "rag")
REVISIONS = ("1", "2", "3", "4")
NAMES = tuple(served(adapter, revision) for adapter in ADAPTERS for revision in REVISIONS)

ROOMY = 40

ORDERS = tuple(permutations(REVISIONS))

# The machine may be busy: how long an example takes says nothing.
pytestmark = pytest.mark.generated
few = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def subset(draw: st.DrawFn, names: tuple[str, ...]) -> list[str]:
    """Some of the names, drawn as one number because that is fast."""
    chosen = draw(st.integers(0, 2 ** len(names) - 1))
    return [name for place, name in enumerate(names) if chosen >> place & 1]


@st.composite
def wanted(draw: st.DrawFn, slots: int | None = None) -> Desired:
    """What git may ask for, in an engine of 1 to 8 places unless `slots` says otherwise."""
    found = [_alias(draw, adapter) for adapter in subset(draw, ADAPTERS)]
    commit = draw(st.sampled_from([COMMIT, "f" * 40]))
    return desired(*found, slots=slots or draw(st.integers(1, 8)), commit=commit)


def _alias(draw: st.DrawFn, adapter: str) -> DesiredAlias:
    order = draw(st.sampled_from(ORDERS))
    canary = order[1] if draw(st.booleans()) else None
    rest = order[2:] if canary else order[1:]
    return alias(adapter, order[0], canary=canary, kept=rest[: draw(st.integers(0, 2))], lazy=draw(st.booleans()))


@st.composite
def engines(draw: st.DrawFn) -> SimulatedEngine:
    """An engine in the middle of anything: adapters of any origin, half known, half proven, a table from before."""
    engine = SimulatedEngine(base_proven=draw(st.integers(0, 4)) > 0, asked=draw(st.booleans()))
    loaded = subset(draw, NAMES)
    unknown, unproven, by_hand = (set(subset(draw, NAMES)) & set(subset(draw, NAMES)) for _ in range(3))
    engine.directories = {name: directory(name) for name in NAMES if name not in unknown}
    engine.adapters = {name: "/tmp/by-hand" if name in by_hand else directory(name) for name in loaded}
    engine.proven = set(loaded) - by_hand - unproven - unknown
    if draw(st.integers(0, 4)) == 0:
        engine.adapters["handmade"] = "/tmp/handmade"
    engine.table = _table(draw, [*loaded, *(name for name in subset(draw, NAMES[:4]) if name not in loaded)])
    engine.most_loaded = len(engine.adapters)
    engine.ever_ready = set(engine.proven)
    idle_for = draw(st.sampled_from([0.0, DRAIN / 2, DRAIN, 2 * DRAIN]))
    engine.unrouted_since = dict.fromkeys(subset(draw, NAMES), engine.now - idle_for)
    used_for = draw(st.sampled_from([0.0, DRAIN, 3600.0]))
    engine.last_used = dict.fromkeys(subset(draw, NAMES), engine.now - used_for)
    engine.exact = draw(st.booleans())
    engine.limits = LazyLimits(draw(st.sampled_from([None, 1, 2])))
    return engine


def _table(draw: st.DrawFn, names: list[str]) -> RouteTable | None:
    """A table as some earlier plan could have left it: only to names that were ready then."""
    routes: dict[str, Route] = {}
    for adapter in subset(draw, ADAPTERS):
        own = [name for name in names if name.startswith(f"{adapter}@")]
        if own:
            active, other = draw(st.sampled_from(own)), draw(st.sampled_from(own))
            routes[adapter] = Route(active, Canary(other, 5.0) if other != active and draw(st.booleans()) else None)
    if not routes and draw(st.booleans()):
        return None
    away = frozenset(subset(draw, tuple(names)))
    return RouteTable("dev", COMMIT, frozenset(BASES), frozenset(names) - away, routes, away)


@st.composite
def refused(draw: st.DrawFn, engine: SimulatedEngine) -> SimulatedEngine:
    """The same engine with requests under way, and refusals that last, that are over and that are not over yet."""
    for name in subset(draw, NAMES)[:4]:
        engine.refusals[name] = refusal(retry_at=draw(st.sampled_from([None, engine.now - 1, engine.now + 1])))
    engine.in_flight = dict.fromkeys(subset(draw, NAMES), 1)
    return engine


def _names(route: Route) -> set[str]:
    return {route.active, *([route.canary.target] if route.canary else [])}


def ready(engine: SimulatedEngine, want: Desired) -> set[str]:
    """Written independently of the plan: what answers requests as git wants it."""
    return {
        name
        for name in want.targets
        if engine.adapters.get(name, "absent") == engine.directories.get(name, "unknown") and name in engine.proven
    }


def lazy(engine: SimulatedEngine, want: Desired) -> set[str]:
    """What need not be loaded before somebody asks for it."""
    return {name for name, target in want.targets.items() if target.lazy and engine.asked}


@few
@given(wanted(), engines().flatmap(refused))
def test_what_requests_may_reach_is_never_unloaded_unless_its_bytes_are_not_ours(
    want: Desired, engine: SimulatedEngine
) -> None:
    pinned = want.taking_requests - lazy(engine, want)
    for step in engine.plan(want).steps:
        if isinstance(step, Unload) and step.name in reachable(engine.table) | pinned:
            assert engine.adapters[step.name] != engine.directories[step.name]


@few
@given(wanted(), engines().flatmap(refused))
def test_nothing_is_unloaded_that_has_a_request_in_flight_or_has_not_drained(
    want: Desired, engine: SimulatedEngine
) -> None:
    steps = engine.plan(want).steps
    for step in steps:
        if isinstance(step, Unload) and engine.adapters[step.name] == engine.directories.get(step.name):
            since = engine.now - engine.unrouted_since[step.name]
            assert since >= (LIMIT if step.name in engine.in_flight else 0.0 if engine.exact else DRAIN)


@few
@given(wanted(), engines().flatmap(refused))
def test_what_is_kept_for_a_rollback_is_unloaded_only_to_make_room_for_what_takes_requests(
    want: Desired, engine: SimulatedEngine
) -> None:
    steps = engine.plan(want).steps
    for place, step in enumerate(steps):
        if (
            isinstance(step, Unload)
            and step.name in want.targets.keys() - lazy(engine, want)
            and engine.adapters[step.name] == directory(step.name)
        ):
            load = next(later for later in steps[place:] if isinstance(later, Load))
            assert load.target.served in want.taking_requests - lazy(engine, want)
            loads = {later.target.served for later in steps if isinstance(later, Load)}
            assert len(engine.adapters.keys() | loads) > want.slots


@few
@given(wanted(), engines().flatmap(refused))
def test_no_more_adapters_are_loaded_than_the_engine_has_places_for(want: Desired, engine: SimulatedEngine) -> None:
    before, idle = set(engine.adapters), lazy(engine, want)
    for step in engine.plan(want).steps:
        engine.apply(step)
        if isinstance(step, Load) and step.target.served not in before:
            assert len(engine.adapters) <= want.slots
            if step.target.served in idle and engine.limits.most:
                assert len(engine.adapters.keys() & idle) <= engine.limits.most


@few
@given(wanted(), engines().flatmap(refused))
def test_pinned_revisions_are_loaded_first_and_lazy_ones_only_when_they_were_used_lately(
    want: Desired, engine: SimulatedEngine
) -> None:
    steps, idle = engine.plan(want).steps, lazy(engine, want)
    loads = [step.target.served for step in steps if isinstance(step, Load)]
    assert [name in idle for name in loads] == sorted(name in idle for name in loads)
    before = engine.table.routes if engine.table else {}
    for name in idle & set(loads):
        heirs = {target for alias, route in before.items() if name.startswith(f"{alias}@") for target in _names(route)}
        used = [engine.last_used[one] for one in {name} | heirs if one in engine.last_used]
        busy = (heirs | {name}) & set(engine.in_flight)
        assert busy or engine.now - max(used) < engine.limits.idle


@few
@given(wanted(), engines().flatmap(refused))
def test_a_flip_is_always_the_first_step_and_the_only_one(want: Desired, engine: SimulatedEngine) -> None:
    flips = [place for place, step in enumerate(engine.plan(want).steps) if isinstance(step, Flip)]
    assert flips in ([], [0])


@few
@given(wanted(), engines().flatmap(refused))
def test_an_alias_whose_revision_is_ready_is_flipped_to_it_at_once(want: Desired, engine: SimulatedEngine) -> None:
    can = ready(engine, want)
    steps = engine.plan(want).steps
    table = steps[0].table if steps and isinstance(steps[0], Flip) else engine.table
    for one in want.aliases:
        if one.active.served in can:
            assert table
            assert table.routes[one.name].active == one.active.served


@few
@given(wanted(), engines().flatmap(refused))
def test_a_table_never_leads_to_what_was_neither_ready_nor_routed_before(
    want: Desired, engine: SimulatedEngine
) -> None:
    allowed = ready(engine, want) | routed_names(engine.table) | reachable(engine.table)
    placed = lazy(engine, want) & set(engine.directories)
    for step in engine.plan(want).steps:
        if isinstance(step, Flip):
            assert routed_names(step.table) <= allowed | placed
            assert reachable(step.table) <= allowed
            assert step.table.lazy <= lazy(engine, want)
            assert RouteTable.from_json(step.table.to_json()) == step.table


@few
@given(wanted(), engines().flatmap(refused))
def test_nothing_is_placed_loaded_or_proven_that_git_does_not_want_or_that_is_refused(
    want: Desired, engine: SimulatedEngine
) -> None:
    for step in engine.plan(want).steps:
        if isinstance(step, Place | Load | Prove):
            assert step.target == want.targets[step.target.served]
            held = engine.refusals.get(step.target.served)
            assert held is None or (held.retry_at is not None and held.retry_at <= engine.now)
            assert engine.base_proven
        if isinstance(step, Load):
            assert step.directory == engine.directories[step.target.served]


@few
@given(wanted(), engines().flatmap(refused))
def test_no_adapter_is_unloaded_twice_or_touched_after_it_was_unloaded(want: Desired, engine: SimulatedEngine) -> None:
    gone: set[str] = set()
    for step in engine.plan(want).steps:
        if isinstance(step, Unload):
            assert step.name not in gone
            assert step.name in engine.adapters
            gone.add(step.name)
        elif isinstance(step, Prove):
            assert step.target.served not in gone


@few
@given(wanted(), engines().flatmap(refused))
def test_a_plan_is_a_function_of_what_it_is_given(want: Desired, engine: SimulatedEngine) -> None:
    assert engine.plan(want) == engine.plan(want)


@few
@given(wanted(ROOMY), engines())
def test_with_room_and_without_refusals_every_alias_ends_on_its_active_revision(
    want: Desired, engine: SimulatedEngine
) -> None:
    made = engine.settle(want)
    assert made.held == ()
    idle = lazy(engine, want)
    assert want.targets.keys() - idle <= set(engine.adapters)
    engine.now += 3 * DRAIN  # a lazy one may have to wait for the place of another
    assert engine.settle(want).drains_until is None
    assert engine.table
    for one in want.aliases:
        route = engine.table.routes[one.name]
        assert route.active == one.active.served
        assert (route.canary.target if route.canary else None) == (one.canary.target.served if one.canary else None)
    assert set(engine.table.routes) == {one.name for one in want.aliases}
    assert want.targets.keys() - idle <= set(engine.adapters) <= set(want.targets)
    assert engine.plan(want).steps == ()
    engine.now += engine.limits.idle
    engine.settle(want)
    engine.now += DRAIN
    engine.settle(want)
    assert set(engine.adapters) == want.targets.keys() - idle


@few
@given(wanted(), engines().flatmap(refused))
def test_even_without_room_and_with_refusals_planning_comes_to_an_end(want: Desired, engine: SimulatedEngine) -> None:
    made = engine.settle(want)
    unserved = want.targets.keys() - ready(engine, want) - made.deferred
    told = {held.served for held in (*made.held, *made.turned_away)}
    assert unserved - told <= engine.adapters.keys() - reachable(engine.table), (
        "only what is about to leave is not told"
    )
    engine.now += LIMIT
    engine.settle(want)
    if engine.most_loaded > want.slots:
        return
    assert len(engine.adapters) <= want.slots


@few
@given(st.data(), st.lists(wanted(ROOMY), min_size=2, max_size=4))
def test_from_one_commit_to_the_next_no_route_is_ever_to_an_adapter_that_is_not_loaded(
    data: st.DataObject, commits: list[Desired]
) -> None:
    engine = SimulatedEngine()
    for want in commits:
        for _ in range(data.draw(st.integers(0, 8))):
            for step in engine.plan(want).steps:
                engine.apply(step)
                assert reachable(engine.table) <= set(engine.adapters)
        engine.now += data.draw(st.sampled_from([0.0, DRAIN / 2, 2 * DRAIN]))
    assert routed_names(engine.table) <= engine.ever_ready


@few
@given(wanted(ROOMY), st.data())
def test_a_rollback_to_a_kept_revision_is_exactly_one_flip(want: Desired, data: st.DataObject) -> None:
    engine = SimulatedEngine()
    engine.settle(want)
    choices = [one for one in want.aliases if one.kept]
    if not choices:
        return
    chosen = data.draw(st.sampled_from(choices))
    back = replace(chosen, active=chosen.kept[0], kept=(chosen.active, *chosen.kept[1:]))
    wanted_back = replace(want, aliases=tuple(back if one is chosen else one for one in want.aliases), commit="b" * 40)
    (flip,) = engine.plan(wanted_back).steps
    assert isinstance(flip, Flip)
    assert flip.table.routes[chosen.name].active == chosen.kept[0].served
