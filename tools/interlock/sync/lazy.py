"""Which of the adapters that are loaded at their first request should be loaded now. Pure; called by `plan`.

Those that were used last, as many as there is room for, and none that nobody has used for a while. What answers
requests, or has done so until just now, is never pushed out by another lazy one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from interlock.routing.table import Route
from interlock.sync.alias_routes import names_in
from interlock.sync.desired import DesiredAlias
from interlock.sync.traffic import Traffic

IDLE = 1800.0
NOT_USED = float("-inf")


@dataclass(frozen=True, slots=True)
class LazyLimits:
    """At most `most` lazy adapters are loaded at once (None: as many as fit), each for `idle` seconds after its use."""

    most: int | None = None
    idle: float = IDLE


@dataclass(frozen=True, slots=True)
class LazyChoice:
    """`have`: the names to have loaded, the most important first; `turned_away`: wanted, and there is no room for them.

    `room_at` says when the first of `have` may be pushed out by one that was turned away (None: nobody knows).
    """

    have: tuple[str, ...] = ()
    turned_away: tuple[str, ...] = ()
    room_at: float | None = None


def choose_lazy(
    names: Collection[str],
    loaded: Collection[str],
    routed: Collection[str],
    traffic: Traffic,
    limits: LazyLimits,
    *,
    places: int,
    rest: float,
    now: float,
) -> LazyChoice:
    """Choose at most `places` of the lazy `names`, of which some are `loaded`.

    One that is loaded and has a request in flight stays; so does one that git wants to take requests (`routed`) and
    that was used less than `rest` seconds ago.
    """
    used = {name: now if traffic.busy(name) else traffic.last_used.get(name, NOT_USED) for name in names}
    wanted = [name for name, at in used.items() if now - at < limits.idle]

    def stays(name: str) -> bool:
        return name in loaded and (traffic.busy(name) or (name in routed and now - used[name] < rest))

    wanted.sort(key=lambda name: (not stays(name), -used[name], name not in loaded, name not in routed, name))
    room = max(0, places if limits.most is None else min(places, limits.most))
    have, others = wanted[:room], wanted[room:]
    ends = [used[name] + rest for name in have if stays(name) and not traffic.busy(name)]
    return LazyChoice(tuple(have), tuple(name for name in others if name not in loaded), min(ends, default=None))


def with_heirs(
    traffic: Traffic, aliases: Iterable[DesiredAlias], before: Mapping[str, Route], loaded: Collection[str]
) -> Traffic:
    """The traffic, with a new revision counted as used when the loaded one was that its alias leads to until now.

    So an adapter that is in use gets its new revision loaded and proven before the alias moves, lazy or not.
    """
    used = dict(traffic.last_used)
    for alias in aliases:
        old = names_in(before[alias.name]) & set(loaded) if alias.name in before else set()
        uses = [used[name] for name in old if name in used]
        for target in (alias.active, *((alias.canary.target,) if alias.canary else ())):
            if found := [*uses, *([used[target.served]] if target.served in used else [])]:
                used[target.served] = max(found)
    return replace(traffic, last_used=used)
