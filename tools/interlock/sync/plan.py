"""What to do next: a pure function from desired and observed to a list of steps.

The agent observes, plans, applies, and starts over until the plan is empty, so the plan never has to guess how a step
will end. A flip to revisions that are loaded and proven comes first: a rollback never waits for a load. Pinned
revisions come before lazy ones, and nothing is unloaded that may still answer a request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from interlock.engines.driver import UNTOLD
from interlock.routing.table import Route, RouteTable
from interlock.sync.alias_routes import names_of, next_routes, still_true
from interlock.sync.desired import Desired, Target
from interlock.sync.lazy import LazyChoice, LazyLimits, choose_lazy, with_heirs
from interlock.sync.room import Giver, Room
from interlock.sync.traffic import NEVER, Drain, Traffic


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a revision is not loaded, how often that was tried, and when it is tried again (monotonic seconds).

    `for_people` says that time alone will hardly heal it: wrong bytes, a wrong base, a refusal of the engine.
    `silenced_engine` says that the engine stopped answering while it was loaded.
    """

    why: str
    remedy: str
    attempts: int
    retry_at: float | None
    for_people: bool = True
    silenced_engine: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """The engine as it answered just now (adapters: name → directory, or UNTOLD), the route table on disk, and what is
    known about requests."""

    adapters: Mapping[str, str]
    base_names: tuple[str, ...]
    table: RouteTable | None
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True, slots=True)
class Known:
    """What the agent found out earlier and still holds true; times are monotonic seconds.

    `directories` are placed artifacts whose digests were verified, `proven` adapters whose answers were checked since
    they were loaded, `unrouted_since` since when the route table leads no request to a loaded adapter. `asked` says
    that lazy adapters need not be loaded now, because the middleware will ask for them; `boot_only` and
    `answers_unknown` are the engine's capabilities. `start_with` is what was written down for its next start, and
    `start_line` how a person says it.
    """

    base_proven: bool = False
    base_refusal: Refusal | None = None
    directories: Mapping[str, str] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    unrouted_since: Mapping[str, float] = field(default_factory=dict)
    asked: bool = False
    boot_only: bool = False
    answers_unknown: bool = False
    start_with: Mapping[str, str] | None = None
    start_line: str = ""


@dataclass(frozen=True, slots=True)
class Flip:
    """Replace the route table."""

    table: RouteTable


@dataclass(frozen=True, slots=True)
class ProveBase:
    """Compare the engine's base, tokenizer and chat template with the base revision."""


@dataclass(frozen=True, slots=True)
class Place:
    """Bring the bytes into the store and verify them."""

    target: Target


@dataclass(frozen=True, slots=True)
class Load:
    """Load a placed artifact under its served name."""

    target: Target
    directory: str


@dataclass(frozen=True, slots=True)
class Prove:
    """Show that the loaded adapter changes the engine's answers."""

    target: Target


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload an adapter that nothing refers to any more."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class StartWith:
    """Write down with which adapters (served name → directory) the engine must be started, and look for them."""

    adapters: Mapping[str, str]


Step = Flip | ProveBase | Place | Load | Prove | Unload | StartWith


@dataclass(frozen=True, slots=True)
class Held:
    """A revision that cannot be served now, and why.

    `retry_at` is None when nothing is tried again before a new commit or a restart of the engine.
    """

    served: str
    why: str
    remedy: str
    retry_at: float | None
    for_people: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to take now, in order; what is held back; and when the next drain ends (monotonic seconds).

    `deferred` are lazy revisions that need not be loaded now, `turned_away` those that somebody asked for in vain.
    """

    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    drains_until: float | None = None
    deferred: frozenset[str] = frozenset()
    turned_away: tuple[Held, ...] = ()


def plan(
    desired: Desired,
    observed: Observed,
    known: Known,
    *,
    now: float,
    drain: Drain,
    limits: LazyLimits = LazyLimits(),  # noqa: B008 - frozen
) -> Plan:
    """Decide the next steps. `now` and the times in `known` and in the traffic share one monotonic clock."""
    lazy = frozenset(name for name, target in desired.targets.items() if target.lazy and known.asked)
    choice = _choose_lazy(desired, observed, known, lazy, limits, drain, now)
    deferred = lazy - set(choice.have)
    leaving = observed.adapters.keys() & deferred
    ready = _ready(desired.targets, observed, known)
    # A name that the table holds already was active, canary or kept before: nothing about it is waited for.
    coming = frozenset(choice.have) - ready - _in_table(observed.table)
    routes = next_routes(
        desired.aliases,
        still_true(observed.table.routes, _gone(observed, known, lazy)) if observed.table else {},
        ready,
        askable=lazy & known.directories.keys() - known.refusals.keys(),
        coming=coming,
        answering=observed.adapters.keys() - leaving,
    )
    idle = _idle(observed, known, desired.targets.keys() | routed_names(observed.table) | names_of(routes), now)
    room = _room(desired, observed, known, idle, leaving, lazy, limits, drain, now)
    loading, held = _loading(desired, observed, known, now, room, choice.have, deferred)
    table = _table(desired, observed, routes, ready, lazy, coming, leaving | room.given_up)
    flip: tuple[Step, ...] = () if table == observed.table else (Flip(table),)
    unloads, drains_until = _drained(idle, leaving, room.given_up, observed, known, now, drain)
    waiting = [one for one in held if one.served in lazy and not one.for_people and one.served not in known.refusals]
    turned_away = (*waiting, *(_turned_away(name, choice) for name in choice.turned_away))
    others = tuple(one for one in held if one not in waiting)
    return Plan((*flip, *loading, *unloads), others, drains_until, deferred, turned_away)


def _gone(observed: Observed, known: Known, lazy: Collection[str]) -> set[str]:
    """Names that no route may lead to any more: nobody loads them, or the engine answers for them as its base."""
    table = observed.table
    gone = set(table.lazy) - set(lazy) if table else set()
    # What is looked for and not found there is not on its way back, as it is where an unknown name is refused.
    silent = set(known.start_with or ()) - observed.adapters.keys() if known.answers_unknown else set()
    return gone | silent


def routed_names(table: RouteTable | None) -> set[str]:
    """Every served name to which an alias leads under a table."""
    return names_of(table.routes) if table else set()


def reachable(table: RouteTable | None) -> set[str]:
    """Every served name that requests reach in the engine under a table, by alias or by itself, without waiting."""
    return routed_names(table).union(table.served) - table.lazy if table else set()


def _in_table(table: RouteTable | None) -> frozenset[str]:
    return table.served | table.lazy if table else frozenset()


def _choose_lazy(
    desired: Desired,
    observed: Observed,
    known: Known,
    names: frozenset[str],
    limits: LazyLimits,
    drain: Drain,
    now: float,
) -> LazyChoice:
    """Pinned revisions keep their places, loaded or not, and so does everything that may not be unloaded yet."""
    pinned = desired.targets.keys() - names
    others = {
        name
        for name in observed.adapters.keys() - pinned - names
        if drain.ends(name, _left(name, observed, known), observed.traffic, needed=True) > now
    }
    before = observed.table.routes if observed.table else {}
    return choose_lazy(
        names,
        observed.adapters,
        desired.taking_requests,
        with_heirs(observed.traffic, desired.aliases, before, observed.adapters),
        limits,
        places=desired.slots - len(pinned | others),
        rest=drain.seconds,
        now=now,
    )


def _table(
    desired: Desired,
    observed: Observed,
    routes: Mapping[str, Route],
    ready: frozenset[str],
    lazy: frozenset[str],
    coming: frozenset[str],
    leaving: set[str],
) -> RouteTable:
    """The table with these routes, in which nothing that is `leaving` can be reached by its own name, and nothing that
    is `coming` be asked for.

    What is lazy, answers requests and is not proven again yet (the agent was restarted) keeps answering meanwhile.
    """
    answering = reachable(observed.table) & observed.adapters.keys() & names_of(routes) & lazy
    served = ((ready | answering) - leaving) | (names_of(routes) - lazy)
    return RouteTable(
        commit=desired.commit,
        environment=desired.environment,
        bases=frozenset(observed.base_names),
        served=frozenset(served),
        routes=routes,
        lazy=(lazy - served - coming) | (names_of(routes) & lazy - served),
    )


def _ready(targets: Mapping[str, Target], observed: Observed, known: Known) -> frozenset[str]:
    """Served names that answer requests from the right directory and whose answers were proven."""
    return frozenset(
        name
        for name in targets
        if name in observed.adapters
        and name in known.directories
        and observed.adapters[name] in (known.directories[name], UNTOLD)
        and name in known.proven
    )


def _left(name: str, observed: Observed, known: Known) -> float | None:
    """Since when no request can reach a loaded adapter; None while the table on disk leads to it."""
    return None if name in reachable(observed.table) else known.unrouted_since.get(name)


def _room(
    desired: Desired,
    observed: Observed,
    known: Known,
    idle: Mapping[str, float],
    leaving: Collection[str],
    lazy: frozenset[str],
    limits: LazyLimits,
    drain: Drain,
    now: float,
) -> Room:
    """Idle adapters give their places up first, the one that was idle longest before the others; then lazy ones that
    leave; then, for a revision that takes requests, what is kept for a rollback, the least important first."""
    loaded = observed.adapters.keys()
    taken = desired.taking_requests | routed_names(observed.table) | lazy
    kept = [name for name in desired.targets if name in loaded - taken]

    def giver(name: str) -> Giver:
        left = _left(name, observed, known)
        ends = drain.ends(name, now if left is None else left, observed.traffic, needed=True)
        return Giver(name, ends, out=left is not None, kept=name in kept, lazy=name in lazy)

    return Room(
        free=desired.slots - len(loaded),
        lazy_free=NEVER if limits.most is None else limits.most - len(loaded & lazy),
        givers=[giver(name) for name in (*reversed(list(idle)), *sorted(leaving), *reversed(kept))],
        now=now,
    )


def _loading(
    desired: Desired,
    observed: Observed,
    known: Known,
    now: float,
    room: Room,
    lazy: Sequence[str],
    deferred: frozenset[str],
) -> tuple[list[Step], list[Held]]:
    """Bring what is missing one step further: what is pinned, the `lazy` ones to have, then the bytes of the others."""
    targets, ready = desired.targets, _ready(desired.targets, observed, known)
    order = [name for name in targets if name not in deferred and name not in lazy]
    missing = [targets[name] for name in (*order, *lazy) if name not in ready]
    missing += [target for name, target in targets.items() if name in deferred and name not in known.directories]
    if missing and not known.base_proven:
        return _prove_base(missing, known, now)
    steps: list[Step] = []
    held: list[Held] = []
    for target in missing:
        refusal = known.refusals.get(target.served)
        if refusal and (refusal.retry_at is None or now < refusal.retry_at):
            held.append(_held(target, refusal))
        elif _waits_for_a_start(target, observed, known):
            held.append(_not_started(target, known))
        elif target.served not in room.given_up:
            needed, waits = _in_its_place(target, desired, observed, known, room, lazy=target.served in lazy)
            steps += needed
            held += waits
    if known.boot_only and not any(isinstance(step, Place) for step in steps):
        steps += _start_list(desired, observed, known)
    return steps, held


def _waits_for_a_start(target: Target, observed: Observed, known: Known) -> bool:
    """Whether only a restart brings the target into the engine: its bytes are here, and no call loads them."""
    return known.boot_only and target.served in known.directories and target.served not in observed.adapters


def _not_started(target: Target, known: Known) -> Held:
    why = "the engine takes adapters only when it starts, and does not hold this one"
    return Held(target.served, why, f"restart the engine with {known.start_line}" if known.start_line else "", None)


def _start_list(desired: Desired, observed: Observed, known: Known) -> list[Step]:
    """What the engine must be started with, unless that is written down: what git names, and what serves until then."""
    names = set(desired.targets) | routed_names(observed.table)
    wanted = {name: known.directories[name] for name in sorted(names & known.directories.keys())}
    return [] if wanted == known.start_with else [StartWith(wanted)]


def _in_its_place(
    target: Target, desired: Desired, observed: Observed, known: Known, room: Room, *, lazy: bool
) -> tuple[list[Step], list[Held]]:
    """The next steps of a target, with the unloads that make room for it, or why there is no room yet."""
    needed = _next_steps(target, observed, known)
    if not isinstance(needed[-1], Load) or target.served in observed.adapters:
        return needed, []
    place = room.claim(urgent=target.served in desired.taking_requests and not lazy, lazy=lazy)
    if place is None:
        return [], [_no_room(target, desired.slots, for_people=not lazy, asked=known.asked)]
    if place.wait_until is not None:
        why = "it waits for a place, until the requests of another adapter have ended"
        until = place.wait_until if place.wait_until < NEVER else None
        return [], [Held(target.served, why, "", until, for_people=False)]
    return [*(Unload(name, "its place is needed") for name in place.unload), *needed], []


def _prove_base(missing: list[Target], known: Known, now: float) -> tuple[list[Step], list[Held]]:
    refusal = known.base_refusal
    if refusal is None or (refusal.retry_at is not None and now >= refusal.retry_at):
        return [ProveBase()], []
    return [], [_held(target, refusal) for target in missing]


def _held(target: Target, refusal: Refusal) -> Held:
    return Held(target.served, refusal.why, refusal.remedy, refusal.retry_at, refusal.for_people)


def _next_steps(target: Target, observed: Observed, known: Known) -> list[Step]:
    directory = known.directories.get(target.served)
    if directory is None:
        return [Place(target)]
    loaded_from = observed.adapters.get(target.served)
    if loaded_from is None:
        return [Load(target, directory)]
    if loaded_from not in (directory, UNTOLD):
        return [Unload(target.served, f"it was loaded from {loaded_from}"), Load(target, directory)]
    return [Prove(target)]


def _no_room(target: Target, slots: int, *, for_people: bool, asked: bool) -> Held:
    why = f"the engine holds {slots} adapters, which is all that max_cpu_loras allows"
    remedy = "raise engine.max_cpu_loras in environment.yaml, or keep fewer revisions"
    if target.lazy and not asked:
        remedy = "let it be loaded at its first request: set INTERLOCK_AGENT for the engine and `http` for this node"
    return Held(target.served, why, remedy, None, for_people)


def _turned_away(name: str, choice: LazyChoice) -> Held:
    why = f"{len(choice.have)} lazy adapters are loaded or about to be, which is all that there is room for"
    return Held(name, why, "raise lazy.max in the node's settings or max_cpu_loras", choice.room_at, for_people=False)


def _idle(observed: Observed, known: Known, used: set[str], now: float) -> dict[str, float]:
    """Loaded adapters that nothing refers to, and since when; the one that has been idle longest comes last."""
    since = {name: known.unrouted_since.get(name, now) for name in sorted(observed.adapters.keys() - used)}
    return dict(sorted(since.items(), key=lambda item: item[1], reverse=True))


def _drained(
    idle: Mapping[str, float],
    leaving: Collection[str],
    given_up: set[str],
    observed: Observed,
    known: Known,
    now: float,
    drain: Drain,
) -> tuple[list[Step], float | None]:
    ends = {
        name: drain.ends(name, _left(name, observed, known), observed.traffic)
        for name in sorted({*idle, *leaving} - given_up)
    }
    steps: list[Step] = [
        Unload(name, "nobody asks for it" if name in leaving else "no pointer of this environment refers to it")
        for name, end in ends.items()
        if now >= end
    ]
    return steps, min((end for end in ends.values() if now < end < NEVER), default=None)
