"""Steps of a plan in words: `flip bot=2`, `place bot@2`, `load bot@2`, `prove bot@2`, `unload bot@1`, `prove base`."""

from __future__ import annotations

from interlock.documents.identifiers import ServedName
from interlock.routing.table import Route
from interlock.sync.plan import Flip, Load, Place, Plan, Prove, ProveBase, StartWith, Step, Unload


def in_words(step: Step) -> str:
    """One step."""
    match step:
        case Flip(table):
            return " ".join(["flip", *(f"{name}={_route(route)}" for name, route in sorted(table.routes.items()))])
        case ProveBase():
            return "prove base"
        case Place(target) | Load(target) | Prove(target):
            return f"{type(step).__name__.lower()} {short(target.served)}"
        case Unload(name, _):
            return f"unload {short(name)}"
        case StartWith(adapters):
            return f"start with {' '.join(short(name) for name in adapters)}"


def short(name: str) -> str:
    """A served name without its digest."""
    try:
        parsed = ServedName.parse(name)
    except ValueError:
        return name
    return f"{parsed.adapter}@{parsed.revision}"


def steps(made: Plan) -> list[str]:
    """All steps of a plan."""
    return [in_words(step) for step in made.steps]


def _route(route: Route) -> str:
    canary = f"+{short(route.canary.target).partition('@')[2]}" if route.canary else ""
    return short(route.active).partition("@")[2] + canary
