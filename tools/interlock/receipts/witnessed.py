"""What is served at one moment, as a receipt says it, and the route table that a tenant is looked up in. Pure.

Made by the agent from the table on disk, and put together again by the audit from the receipts up to a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from interlock.receipts.receipt import AliasRoute, CanaryShare, EngineSeen, Receipt, Revision, Serving
from interlock.routing.table import Canary, Route, RouteTable

DigestOf = Callable[[str], str | None]
"""The full digest (`sha256:…`) behind a served name, None where it is not known."""


@dataclass(frozen=True)
class Witnessed:
    """Everything that a receipt tells of a moment; two that are equal need no receipt in between."""

    commit: str = ""
    table: str = ""
    routes: Mapping[str, AliasRoute] = field(default_factory=dict)
    engine: EngineSeen = field(default_factory=EngineSeen)
    serving: Serving = "unknown"
    absent: tuple[str, ...] = ()

    def after(self, receipt: Receipt) -> Witnessed:
        """What is served once a receipt is added to those before it."""
        gone = set(receipt.gone)
        kept = {} if receipt.complete else {name: one for name, one in self.routes.items() if name not in gone}
        return Witnessed(
            receipt.commit,
            receipt.table,
            {**kept, **receipt.routes},
            receipt.engine,
            receipt.serving,
            receipt.absent,
        )

    def changes_from(self, earlier: Witnessed) -> tuple[dict[str, AliasRoute], tuple[str, ...]]:
        """The routes that are new or differ, and the aliases that are gone."""
        changed = {name: one for name, one in sorted(self.routes.items()) if earlier.routes.get(name) != one}
        return changed, tuple(sorted(earlier.routes.keys() - self.routes.keys()))

    def digests(self) -> dict[str, str]:
        """The digests that are known, by served name."""
        ends = [end for one in self.routes.values() for end in (one.active, one.canary) if end]
        return {end.served: end.digest for end in ends if end.digest}


def routes_of(table: RouteTable | None, digest_of: DigestOf) -> dict[str, AliasRoute]:
    """The routes of a table, each revision with its whole digest where that is known."""
    return {alias: _route(route, digest_of) for alias, route in sorted(table.routes.items())} if table else {}


def _route(route: Route, digest_of: DigestOf) -> AliasRoute:
    canary = route.canary
    share = None
    if canary:
        share = CanaryShare(
            served=canary.target,
            digest=digest_of(canary.target),
            weight=repr(float(canary.weight)),
            tenants=tuple(sorted(canary.tenants)),
        )
    return AliasRoute(active=Revision(served=route.active, digest=digest_of(route.active)), canary=share)


def table_of(environment: str, alias: str, route: AliasRoute) -> RouteTable:
    """A table with this one route, as the middleware had it: to ask the same function the same question."""
    share = route.canary
    canary = Canary(share.served, float(share.weight), frozenset(share.tenants)) if share else None
    served = frozenset(end.served for end in (route.active, share) if end)
    return RouteTable(environment, served=served, routes={alias: Route(route.active.served, canary)})
