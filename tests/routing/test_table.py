from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from interlock.routing.table import MAX_TABLE_BYTES, Canary, InvalidRouteTable, Route, RouteTable
from support.route_tables import NEW, OLD, route_table


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(route_table(OLD, Canary(NEW, 5.0, frozenset({"acme"}))).to_json())
    return loaded


def test_a_table_survives_being_written_and_read() -> None:
    table = route_table(OLD, Canary(NEW, 12.5, frozenset({"acme", "globex"})))
    assert RouteTable.from_json(table.to_json()) == table


def test_equal_tables_have_equal_bytes_and_the_digest_is_of_those_bytes() -> None:
    first, second = route_table(), route_table()
    assert first.to_json() == second.to_json()
    assert first.digest == hashlib.sha256(first.to_json()).hexdigest()
    assert first.digest != route_table(NEW).digest


def test_the_text_has_the_documented_form() -> None:
    assert document() == {
        "version": 1,
        "commit": "0123456789" * 4,
        "environment": "staging",
        "bases": ["organisation/Tiny-1B", "tiny"],
        "served": ["sql-helper@1-00112233aabb", OLD, NEW],
        "routes": {
            "sql-helper": {"active": "sql-helper@1-00112233aabb", "canary": None},
            "support-bot": {"active": OLD, "canary": {"target": NEW, "weight": 5.0, "tenants": ["acme"]}},
        },
    }


def test_a_table_with_lazy_names_has_a_version_of_its_own_and_survives_too() -> None:
    table = RouteTable("staging", routes={"support-bot": Route(OLD)}, lazy=frozenset({OLD}))
    assert json.loads(table.to_json()) == {
        "version": 2,
        "commit": "",
        "environment": "staging",
        "bases": [],
        "served": [],
        "lazy": [OLD],
        "routes": {"support-bot": {"active": OLD, "canary": None}},
    }
    assert RouteTable.from_json(table.to_json()) == table


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(version=2), "lacks"),
        (lambda d: d.update(version=3), "version is 3"),
        (lambda d: d.pop("version"), "version is None"),
        (lambda d: d.update(lazy=[]), "unknown keys"),
        (lambda d: d.update(version=2, lazy=[NEW]), "both served and lazy"),
        (lambda d: d.update(version=2, lazy=["tiny"]), "lazy"),
        (lambda d: d.update(version=True), "version is True"),
        (lambda d: d.update(extra=1), "unknown keys"),
        (lambda d: d.pop("served"), "lacks"),
        (lambda d: d.update(environment="Staging"), "environment"),
        (lambda d: d.update(commit="main"), "commit"),
        (lambda d: d.update(bases="tiny"), "bases is str"),
        (lambda d: d.update(bases=[""]), "bases"),
        (lambda d: d.update(bases=["ti\ny"]), "bases"),
        (lambda d: d.update(bases=["tiny", "tiny"]), "twice"),
        (lambda d: d.update(bases=["support-bot"]), "also the name of a base"),
        (lambda d: d["served"].append("../x"), "served"),
        (lambda d: d["served"].append(7), "is int"),
        (lambda d: d.update(routes=[]), "routes is list"),
        (lambda d: d["routes"].update({"a/b": {"active": OLD, "canary": None}}), "routes"),
        (lambda d: d["routes"].update({"other": {"active": OLD, "canary": None}}), "another adapter"),
        (lambda d: d["routes"]["support-bot"].update(active="support-bot@9-0123456789ab"), "not loaded"),
        (lambda d: d["routes"]["support-bot"].update(active=None), "is NoneType"),
        (lambda d: d["routes"]["support-bot"].pop("canary"), "lacks"),
        (lambda d: d["routes"]["support-bot"]["canary"].update(weight=101), "weight is 101"),
        (lambda d: d["routes"]["support-bot"]["canary"].update(weight=-1), "weight is -1"),
        (lambda d: d["routes"]["support-bot"]["canary"].update(weight=True), "weight is True"),
        (lambda d: d["routes"]["support-bot"]["canary"].update(weight="5"), "weight is '5'"),
        (lambda d: d["routes"]["support-bot"]["canary"].update(tenants=None), "tenants is NoneType"),
        (lambda d: d["routes"]["support-bot"]["canary"].update(target="tiny"), "not loaded"),
    ],
)
def test_a_table_with_one_flaw_is_refused_as_a_whole(change: Change, said: str) -> None:
    flawed = document()
    change(flawed)
    with pytest.raises(InvalidRouteTable, match=said):
        RouteTable.from_json(json.dumps(flawed).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"version": NaN}',
        b'{"version": 1, "version": 1}',
        b"[" * 100_000,
        route_table().to_json()[:-20],
        route_table().to_json() + b"{}",
        b" " * (MAX_TABLE_BYTES + 1),
    ],
    ids=["empty", "cut", "list", "null", "utf-16", "bom", "nan", "twice", "deep", "half", "trailing", "too-large"],
)
def test_text_that_is_not_a_table_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRouteTable):
        RouteTable.from_json(text)
