"""Route tables for tests."""

from __future__ import annotations

from interlock.routing.table import Canary, Route, RouteTable

OLD = "support-bot@1-0123456789ab"
NEW = "support-bot@2-ba9876543210"
SQL = "sql-helper@1-00112233aabb"
COMMIT = "0123456789" * 4


def route_table(active: str = OLD, canary: Canary | None = None) -> RouteTable:
    """Two revisions of `support-bot` and one of `sql-helper` loaded on the base `tiny`."""
    return RouteTable(
        environment="staging",
        commit=COMMIT,
        bases=frozenset({"tiny", "organisation/Tiny-1B"}),
        served=frozenset({OLD, NEW, SQL}),
        routes={"support-bot": Route(active, canary), "sql-helper": Route(SQL)},
    )
