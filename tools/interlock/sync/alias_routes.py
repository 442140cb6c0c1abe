"""Where every alias leads next: it moves when its new revision can answer, and otherwise stays. Pure; see `plan`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from interlock.routing.table import Canary, Route
from interlock.sync.desired import DesiredAlias


def names_of(routes: Mapping[str, Route]) -> set[str]:
    """Every served name that these routes lead to."""
    return {name for route in routes.values() for name in names_in(route)}


def names_in(route: Route) -> set[str]:
    """The one or two served names that a route leads to."""
    return {route.active, route.canary.target} if route.canary else {route.active}


def still_true(routes: Mapping[str, Route], gone: Collection[str]) -> dict[str, Route]:
    """The routes without those to names that are `gone`: not loaded, and nobody loads them any more."""
    kept: dict[str, Route] = {}
    for alias, route in routes.items():
        if route.active not in gone:
            canary = route.canary if route.canary and route.canary.target not in gone else None
            kept[alias] = Route(route.active, canary)
    return kept


def next_routes(
    aliases: Iterable[DesiredAlias],
    before: Mapping[str, Route],
    ready: frozenset[str],
    *,
    askable: frozenset[str],
    coming: frozenset[str],
    answering: Collection[str],
) -> dict[str, Route]:
    """The best routes that can be true now.

    A revision that is `ready` is led to at once, and so is one that is `askable`: lazy, its bytes verified, and loaded
    for whoever asks. Only where the old one is `answering` and the new one is `coming` is the proof waited for.
    """
    routes: dict[str, Route] = {}
    for alias in aliases:
        previous = before.get(alias.name)
        patient = previous is not None and previous.active in answering
        route = _route(alias, previous, ready | (askable - coming if patient else askable))
        if route:
            routes[alias.name] = route
    return routes


def _route(alias: DesiredAlias, previous: Route | None, able: frozenset[str]) -> Route | None:
    if alias.active.served in able:
        return Route(alias.active.served, _split(alias, able))
    if previous is None:
        return None
    # Kept even while the engine restarts and has forgotten the adapter: the same revision is on its way back. Only a
    # canary that git no longer asks for does not wait for the new active revision: taking it away is a repair.
    kept = previous.canary.target if previous.canary else ""
    return Route(previous.active, _split(alias, frozenset({kept})))


def _split(alias: DesiredAlias, able: frozenset[str]) -> Canary | None:
    canary = alias.canary
    if canary is None or canary.target.served not in able:
        return None
    return Canary(canary.target.served, canary.weight, frozenset(canary.tenants))
