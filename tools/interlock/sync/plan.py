"""What to do next: a pure function from desired and observed to a list of steps.

The agent observes, plans, applies, and starts over until the plan is empty, so the plan never has to guess how a step
will end. A flip to revisions that are loaded and proven comes first: a rollback never waits for a load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.engines.driver import UNTOLD
from interlock.routing.table import Canary, Route, RouteTable
from interlock.sync.desired import Desired, DesiredAlias, Target


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
    """The engine as it answered just now (adapters: name → directory, or UNTOLD), and the route table on disk."""

    adapters: Mapping[str, str]
    base_names: tuple[str, ...]
    table: RouteTable | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the agent found out earlier and still holds true; times are monotonic seconds.

    `directories` are placed artifacts whose digests were verified, `proven` adapters whose answers were checked since
    they were loaded, `unrouted_since` when an adapter was last seen without traffic from the route table. `lazy_engine`
    and `boot_only` are the engine's capabilities; `start_with` is what was written down for its next start, and
    `start_line` how a person says it.
    """

    base_proven: bool = False
    base_refusal: Refusal | None = None
    directories: Mapping[str, str] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    unrouted_since: Mapping[str, float] = field(default_factory=dict)
    lazy_engine: bool = False
    boot_only: bool = False
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
    lazy: bool


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
    """Steps to take now, in order; what is held back; and when the next drain ends (monotonic seconds)."""

    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    drains_until: float | None = None


def plan(desired: Desired, observed: Observed, known: Known, *, now: float, drain: float) -> Plan:
    """Decide the next steps. `now` and the times in `known` share one monotonic clock; `drain` is in seconds."""
    targets = desired.targets
    ready = _ready(targets, observed, known)
    table = route_table(desired, observed, ready)
    flip: tuple[Step, ...] = () if table == observed.table else (Flip(table),)
    routed = routed_names(observed.table) | routed_names(table)
    idle = _idle(observed, known, set(targets) | routed, now)
    room = _Room(
        slots=desired.slots,
        free=desired.slots - len(observed.adapters),
        idle=list(idle),
        kept=[name for name in targets if name in observed.adapters.keys() - routed - desired.taking_requests],
    )
    loading, held = _loading(desired, observed, known, now, room)
    unloads, drains_until = _drained(idle, room.given_up, now, drain)
    return Plan((*flip, *loading, *unloads), tuple(held), drains_until)


def route_table(desired: Desired, observed: Observed, ready: frozenset[str]) -> RouteTable:
    """The best table that can be true now: an alias moves when its new revision is ready, and otherwise stays."""
    previous = observed.table.routes if observed.table else {}
    routes: dict[str, Route] = {}
    for alias in desired.aliases:
        route = _route(alias, previous.get(alias.name), ready)
        if route:
            routes[alias.name] = route
    served = {name for route in routes.values() for name in _names(route)} | (ready & set(desired.targets))
    return RouteTable(
        commit=desired.commit,
        environment=desired.environment,
        bases=frozenset(observed.base_names),
        served=frozenset(served),
        routes=routes,
    )


def routed_names(table: RouteTable | None) -> set[str]:
    """Every served name that requests may be sent to under a table."""
    return {name for route in table.routes.values() for name in _names(route)} if table else set()


def _names(route: Route) -> set[str]:
    return {route.active, route.canary.target} if route.canary else {route.active}


def _route(alias: DesiredAlias, previous: Route | None, ready: frozenset[str]) -> Route | None:
    if alias.active.served in ready:
        return Route(alias.active.served, _split(alias, ready))
    if previous is None:
        return None
    # Kept even while the engine restarts and has forgotten the adapter: the same revision is on its way back. Only a
    # canary that git no longer asks for does not wait for the new active revision: taking it away is a repair.
    kept = previous.canary.target if previous.canary else ""
    return Route(previous.active, _split(alias, frozenset({kept})))


def _split(alias: DesiredAlias, ready: frozenset[str]) -> Canary | None:
    canary = alias.canary
    if canary is None or canary.target.served not in ready:
        return None
    return Canary(canary.target.served, canary.weight, frozenset(canary.tenants))


def _ready(targets: Mapping[str, Target], observed: Observed, known: Known) -> frozenset[str]:
    """Served names that answer requests from the right directory and whose answers were proven."""
    return frozenset(
        name
        for name, target in targets.items()
        if name in observed.adapters
        and name in known.directories
        and observed.adapters[name] in (known.directories[name], UNTOLD)
        and (name in known.proven or (target.lazy and known.lazy_engine))
    )


@dataclass
class _Room:
    """The engine's places while one plan is made: how many are free, and which adapters may give theirs up.

    The last of `idle` (nothing refers to them) goes first, then, for a revision that takes requests only, the last of
    `kept` (loaded for a rollback that nobody has asked for yet).
    """

    slots: int
    free: int
    idle: list[str]
    kept: list[str]
    given_up: set[str] = field(default_factory=set)

    def take(self, *, urgent: bool) -> list[Step] | None:
        """Take one place; returns what has to be unloaded for it, or None when there is no place to be had."""
        needed = max(0, 1 - self.free)
        if needed > len(self.idle) + (len(self.kept) if urgent else 0):
            return None
        steps: list[Step] = []
        for _ in range(needed):
            name = self.idle.pop() if self.idle else self.kept.pop()
            self.given_up.add(name)
            steps.append(Unload(name, "its place is needed"))
        self.free += needed - 1
        return steps


def _loading(
    desired: Desired, observed: Observed, known: Known, now: float, room: _Room
) -> tuple[list[Step], list[Held]]:
    steps: list[Step] = []
    held: list[Held] = []
    missing = [target for target in desired.targets.values() if not _is_settled(target, observed, known)]
    if missing and not known.base_proven:
        return _prove_base(missing, known, now)
    for target in missing:
        refusal = known.refusals.get(target.served)
        if refusal and (refusal.retry_at is None or now < refusal.retry_at):
            held.append(_held(target, refusal))
        elif _waits_for_a_start(target, observed, known):
            held.append(_not_started(target, known))
        elif target.served not in room.given_up:
            needed = _in_its_place(target, observed, known, room, urgent=target.served in desired.taking_requests)
            steps += needed or []
            held += [_no_room(target, room.slots)] if needed is None else []
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


def _in_its_place(target: Target, observed: Observed, known: Known, room: _Room, *, urgent: bool) -> list[Step] | None:
    """The next steps of a target, with the unloads that make room for it; None when there is no room."""
    needed = _next_steps(target, observed, known)
    if not isinstance(needed[-1], Load) or target.served in observed.adapters:
        return needed
    unloads = room.take(urgent=urgent)
    return None if unloads is None else [*unloads, *needed]


def _is_settled(target: Target, observed: Observed, known: Known) -> bool:
    return bool(_ready({target.served: target}, observed, known))


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
        return [Load(target, directory, target.lazy and known.lazy_engine)]
    if loaded_from not in (directory, UNTOLD):
        return [Unload(target.served, f"it was loaded from {loaded_from}"), Load(target, directory, lazy=False)]
    return [Prove(target)]


def _no_room(target: Target, room: int) -> Held:
    why = f"the engine holds {room} adapters, which is all that max_cpu_loras allows"
    return Held(target.served, why, "raise engine.max_cpu_loras in environment.yaml, or keep fewer revisions", None)


def _idle(observed: Observed, known: Known, used: set[str], now: float) -> dict[str, float]:
    """Loaded adapters that nothing refers to, and since when; the one that has been idle longest comes last."""
    since = {name: known.unrouted_since.get(name, now) for name in sorted(observed.adapters.keys() - used)}
    return dict(sorted(since.items(), key=lambda item: item[1], reverse=True))


def _drained(
    idle: Mapping[str, float], given_up: set[str], now: float, drain: float
) -> tuple[list[Step], float | None]:
    ends = {name: since + drain for name, since in sorted(idle.items()) if name not in given_up}
    steps: list[Step] = [
        Unload(name, "no pointer of this environment refers to it") for name, end in ends.items() if now >= end
    ]
    return steps, min((end for end in ends.values() if now < end), default=None)
