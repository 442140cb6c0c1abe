"""A node's life: commits, requests, restarts and hours go by in any order, and the engine's places are never exceeded.

The middleware is modelled as it is: a name that the table can reach gets the request, a lazy one makes it ask, and a
request is counted until it ends. Where several API servers count (`exact` is False) the agent sees none of it, and a
request ends within the drain time, as it must there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.sync.desired import Desired, DesiredAlias
from interlock.sync.lazy import LazyLimits
from interlock.sync.plan import Flip, Load, Plan, Step, Unload, reachable, routed_names
from support.desired_states import DRAIN, LIMIT, SimulatedEngine, alias, desired

ADAPTERS = ("bot", "sql", "rag", "tax")
REVISIONS = ("1", "2", "3")
SLOTS = st.integers(3, 8)

pytestmark = pytest.mark.generated
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Life:
    """One node with its engine, what git wants, and the requests that run: served name → monotonic ends."""

    engine: SimulatedEngine
    want: Desired
    running: dict[str, list[float]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    placed: set[str] = field(default_factory=set)

    def turn(self) -> Plan:
        """One turn of the agent, with the invariants checked around every step."""
        for _ in range(80):
            self.engine.in_flight = {name: len(ends) for name, ends in self.running.items() if self.engine.exact}
            made, self.placed = self.engine.plan(self.want), set(self.engine.directories)
            if not made.steps:
                self.asked &= set(made.deferred)
                return made
            for step in made.steps:
                self.check(step)
                self.engine.apply(step)
        raise AssertionError(f"still planning: {made.steps}")

    def check(self, step: Step) -> None:
        engine, idle = self.engine, self.lazy
        if isinstance(step, Unload):
            assert step.name not in reachable(engine.table)
            waited = engine.now - engine.unrouted_since[step.name]
            assert not self.running.get(step.name) or waited >= LIMIT, f"{step.name} answers a request"
        if isinstance(step, Load):
            assert len(engine.adapters) < self.want.slots
            assert (
                engine.limits.most is None
                or step.target.served not in idle
                or (len(engine.adapters.keys() & idle) < engine.limits.most)
            )
            if step.target.served in idle:
                assert not self.missing_pinned & self.placed, "what is pinned and placed comes first"
        if isinstance(step, Flip):
            assert reachable(step.table) <= engine.ever_ready

    @property
    def lazy(self) -> set[str]:
        return {name for name, target in self.want.targets.items() if target.lazy}

    @property
    def missing_pinned(self) -> set[str]:
        return self.want.targets.keys() - self.lazy - self.engine.adapters.keys()

    def request(self, name: str, seconds: float) -> None:
        """A client asks an alias."""
        route = self.engine.table.routes.get(name) if self.engine.table else None
        if route is None:
            return
        if route.active in reachable(self.engine.table):
            if route.active in self.engine.adapters:  # or the engine was restarted just now
                ends = self.engine.now + (seconds if self.engine.exact else min(seconds, DRAIN / 2))
                self.running.setdefault(route.active, []).append(ends)
                self.engine.last_used[route.active] = self.engine.now
        else:
            self.asked.add(route.active)
            self.engine.last_used[route.active] = self.engine.now

    def pass_time(self, seconds: float) -> None:
        self.engine.now += seconds
        for name, ends in list(self.running.items()):
            left = [end for end in ends if end > self.engine.now]
            if len(left) < len(ends):
                self.engine.last_used[name] = self.engine.now
            self.running[name] = left
            if not left:
                del self.running[name]

    def restart_engine(self) -> None:
        self.engine.restart()
        self.running.clear()

    def restart_agent(self) -> None:
        self.engine.proven.clear()
        self.engine.directories.clear()
        self.engine.unrouted_since.clear()
        self.engine.base_proven = False


def wants(draw: st.DrawFn, slots: int, lazy: dict[str, bool]) -> Desired:
    """Pinned revisions that fit, with what is kept of them, and any number of lazy ones."""
    return desired(*_aliases(draw, slots, lazy), slots=slots, commit=f"{draw(st.integers(0, 9))}" * 40)


def _aliases(draw: st.DrawFn, slots: int, lazy: dict[str, bool]) -> Iterator[DesiredAlias]:
    left = slots
    for name in ADAPTERS:
        order = draw(st.permutations(REVISIONS))
        kept = order[1 : 1 + draw(st.integers(0, 1))]
        needed = 0 if lazy[name] else 1 + len(kept)
        # One place stays free for the next revision of a pinned adapter, as docs/node.md says.
        if needed < left:
            left -= needed
            yield alias(name, order[0], kept=kept, lazy=lazy[name])


@few
@given(st.data(), st.booleans(), st.sampled_from([None, 1, 2]), SLOTS)
def test_a_life_of_commits_requests_and_restarts(
    data: st.DataObject, exact: bool, most: int | None, slots: int
) -> None:
    draw = data.draw
    lazy = {name: draw(st.booleans()) for name in ADAPTERS}
    engine = SimulatedEngine(asked=True, exact=exact, limits=LazyLimits(most), base_proven=False)
    life = Life(engine, data.draw(st.composite(lambda d: wants(d, slots, lazy))()))
    for _ in range(draw(st.integers(1, 15))):
        match draw(st.sampled_from(["request"] * 5 + ["time"] * 3 + ["commit"] * 2 + ["engine", "agent"])):
            case "request":
                life.request(draw(st.sampled_from(ADAPTERS)), draw(st.sampled_from([1.0, 100.0, 2 * LIMIT])))
            case "time":
                life.pass_time(draw(st.sampled_from([1.0, DRAIN, LIMIT, 1800.0])))
            case "commit":
                life.want = draw(st.composite(lambda d: wants(d, slots, lazy))())
            case "engine":
                life.restart_engine()
            case "agent":
                life.restart_agent()
        if draw(st.booleans()):
            life.turn()
    for _ in range(4):
        life.pass_time(2 * LIMIT)
        made = life.turn()
    assert made.held == ()
    assert not life.missing_pinned
    assert engine.table
    assert {one.name: one.active.served for one in life.want.aliases} == {
        name: route.active for name, route in engine.table.routes.items()
    }
    assert set(engine.adapters) <= life.want.targets.keys()


@few
@given(st.data(), st.booleans(), SLOTS)
def test_whoever_asks_gets_the_adapter_at_once_where_there_is_room_for_all(
    data: st.DataObject, exact: bool, slots: int
) -> None:
    lazy = dict.fromkeys(ADAPTERS[:2], True) | dict.fromkeys(ADAPTERS[2:], False)
    want = data.draw(st.composite(lambda d: wants(d, slots, lazy))())
    life = Life(SimulatedEngine(asked=True, exact=exact), want)
    life.turn()
    if slots - len(want.targets.keys() - life.lazy) < 2:
        return
    for name in ADAPTERS[:2]:
        life.request(name, 1.0)
        assert life.turn().turned_away == ()
    assert routed_names(life.engine.table) <= set(life.engine.adapters)


@few
@given(st.data(), st.sampled_from([None, 1, 2]), SLOTS)
def test_a_rollback_never_waits_for_a_load(data: st.DataObject, most: int | None, slots: int) -> None:
    lazy = {name: data.draw(st.booleans()) for name in ADAPTERS}
    before = data.draw(st.composite(lambda d: wants(d, slots, lazy))())
    life = Life(SimulatedEngine(asked=True, limits=LazyLimits(most)), before)
    life.turn()
    for name in data.draw(st.lists(st.sampled_from(ADAPTERS), max_size=3)):
        life.request(name, 1.0)
        life.turn()
    chosen = [one for one in before.aliases if one.kept]
    if not chosen:
        return
    one = data.draw(st.sampled_from(chosen))
    back = alias(one.name, _revision(one.kept[0].served), kept=[_revision(one.active.served)], lazy=lazy[one.name])
    life.want = desired(*(back if a is one else a for a in before.aliases), slots=slots, commit="b" * 40)
    first = life.engine.plan(life.want).steps[0]
    assert isinstance(first, Flip)
    assert first.table.routes[one.name].active == one.kept[0].served


def _revision(served: str) -> str:
    return served.partition("@")[2].partition("-")[0]
