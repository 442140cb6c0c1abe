"""The route table: which revision every alias stands for right now, and how a canary splits it.

The agent writes it (routing/writer.py), the middleware reads it. The text is JSON, read strictly: an unknown key, a
duplicate key, a name that is not well formed or a target that is neither loaded nor lazy refuses the whole table,
because half a table would send requests to the wrong weights. Version 2 added `lazy`; a table without lazy names is
still written as version 1, so that a middleware that has run for longer than the agent reads it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn, TypeVar

from interlock.documents.identifiers import InvalidIdentifier, ServedName, adapter_name, commit_id
from interlock.errors import DocumentError

TABLE_VERSION = 1
LAZY_VERSION = 2
MAX_TABLE_BYTES = 16 * 1024 * 1024
MAX_BASE_NAME = 512

Parsed = TypeVar("Parsed")


class InvalidRouteTable(DocumentError):
    """The text is not a route table; the message says which part is wrong."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A second revision of an alias: for the tenants named here always, for the others with `weight` percent."""

    target: str
    weight: float = 0.0
    tenants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """Where one alias leads: a served name, and perhaps a canary."""

    active: str
    canary: Canary | None = None


def _no_routes() -> Mapping[str, Route]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Everything that the middleware knows about the engine behind it.

    `bases` are the names under which the base answers, `served` the served names of all loaded revisions, `lazy` those
    that are not loaded and that the agent loads when somebody asks; `routes` maps an alias to its route. `commit` is
    the commit that the table was made from, or "".
    """

    environment: str
    commit: str = ""
    bases: frozenset[str] = frozenset()
    served: frozenset[str] = frozenset()
    routes: Mapping[str, Route] = field(default_factory=_no_routes)
    lazy: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: bytes) -> RouteTable:
        """Read a table from its JSON text.

        Raises:
            InvalidRouteTable: anything is missing, unknown, repeated, malformed or contradicts the rest.
        """
        return _table(_document(data))

    def to_json(self) -> bytes:
        """The text of the table: sorted, so that equal tables have equal bytes."""
        document = {
            "version": LAZY_VERSION if self.lazy else TABLE_VERSION,
            "commit": self.commit,
            "environment": self.environment,
            "bases": sorted(self.bases),
            "served": sorted(self.served),
            **({"lazy": sorted(self.lazy)} if self.lazy else {}),
            "routes": {alias: _route_document(route) for alias, route in sorted(self.routes.items())},
        }
        return (json.dumps(document, indent=1) + "\n").encode("ascii")

    @property
    def digest(self) -> str:
        """The SHA-256 of `to_json()`, as 64 hexadecimal digits: what the probe reports for a table that we wrote."""
        return hashlib.sha256(self.to_json()).hexdigest()


_TABLE_KEYS = ("version", "commit", "environment", "bases", "served", "routes")
_VERSIONS = {TABLE_VERSION: _TABLE_KEYS, LAZY_VERSION: (*_TABLE_KEYS, "lazy")}
_ROUTE_KEYS = ("active", "canary")
_CANARY_KEYS = ("target", "weight", "tenants")


def _route_document(route: Route) -> dict[str, object]:
    canary = route.canary
    if canary is None:
        return {"active": route.active, "canary": None}
    split = {"target": canary.target, "weight": canary.weight, "tenants": sorted(canary.tenants)}
    return {"active": route.active, "canary": split}


def _document(data: bytes) -> object:
    if len(data) > MAX_TABLE_BYTES:
        raise InvalidRouteTable(f"the table is larger than {MAX_TABLE_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRouteTable(f"the table is not JSON: {error}") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is written twice in one object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _fields(value: object, where: str, keys: tuple[str, ...]) -> Mapping[str, object]:
    document = _mapping(value, where)
    unknown, missing = sorted(document.keys() - set(keys)), [key for key in keys if key not in document]
    if unknown or missing:
        raise InvalidRouteTable(f"{where} has unknown keys {unknown} and lacks {missing}", expected=", ".join(keys))
    return document


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidRouteTable(f"{where} is {type(value).__name__}", expected="an object")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidRouteTable(f"{where} is {type(value).__name__}", expected="text")
    return value


def _identifier(parse: Callable[[str], Parsed], value: object, where: str) -> Parsed:
    try:
        return parse(_text(value, where))
    except InvalidIdentifier as error:
        raise InvalidRouteTable(f"{where}: {error}") from error


def _texts(value: object, where: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise InvalidRouteTable(f"{where} is {type(value).__name__}", expected="a list")
    found = frozenset(_text(item, f"{where}[{index}]") for index, item in enumerate(value))
    if len(found) != len(value):
        raise InvalidRouteTable(f"{where} names something twice", expected="every name once")
    return found


def _table(value: object) -> RouteTable:
    document = _fields(value, "the table", _VERSIONS[_version(value)])
    commit = _text(document["commit"], "commit")
    served, lazy = (_served_names(document.get(key, []), key) for key in ("served", "lazy"))
    if both := sorted(served & lazy):
        raise InvalidRouteTable(f"{both[0]!r} is both served and lazy", expected="loaded or not, not both")
    bases = _bases(document["bases"])
    return RouteTable(
        environment=_identifier(adapter_name, document["environment"], "environment"),
        commit=_identifier(commit_id, commit, "commit") if commit else "",
        bases=bases,
        served=served,
        routes=_routes(document["routes"], bases, served | lazy),
        lazy=lazy,
    )


def _version(value: object) -> int:
    version = _mapping(value, "the table").get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version not in _VERSIONS:
        raise InvalidRouteTable(f"version is {version!r}", expected=f"one of {', '.join(map(str, _VERSIONS))}")
    return version


def _served_names(value: object, where: str) -> frozenset[str]:
    names = _texts(value, where)
    for name in names:
        _identifier(ServedName.parse, name, where)
    return names


def _bases(value: object) -> frozenset[str]:
    bases = _texts(value, "bases")
    for name in bases:
        if not name or len(name) > MAX_BASE_NAME or not name.isprintable():
            raise InvalidRouteTable(f"bases: {name!r} cannot name a base", expected="1 to 512 printable characters")
    return bases


def _routes(value: object, bases: frozenset[str], known: frozenset[str]) -> Mapping[str, Route]:
    routes: dict[str, Route] = {}
    for alias, item in _mapping(value, "routes").items():
        where = f"routes.{_identifier(adapter_name, alias, 'routes')}"
        if alias in bases:
            raise InvalidRouteTable(f"{where} is also the name of a base", expected="an alias of its own")
        routes[alias] = _route(item, where, alias, known)
    return MappingProxyType(routes)


def _route(value: object, where: str, alias: str, known: frozenset[str]) -> Route:
    document = _fields(value, where, _ROUTE_KEYS)
    active = _target(document["active"], f"{where}.active", alias, known)
    if document["canary"] is None:
        return Route(active)
    split = _fields(document["canary"], f"{where}.canary", _CANARY_KEYS)
    target = _target(split["target"], f"{where}.canary.target", alias, known)
    weight = _percent(split["weight"], f"{where}.canary.weight")
    return Route(active, Canary(target, weight, _texts(split["tenants"], f"{where}.canary.tenants")))


def _target(value: object, where: str, alias: str, known: frozenset[str]) -> str:
    name = _text(value, where)
    if name not in known:
        raise InvalidRouteTable(f"{where} is {name!r}, which is not loaded", expected="a name from `served` or `lazy`")
    if ServedName.parse(name).adapter != alias:
        raise InvalidRouteTable(f"{where} is {name!r}, a revision of another adapter", expected=f"one of {alias}")
    return name


def _percent(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidRouteTable(f"{where} is {value!r}", expected="a number from 0 to 100 (percent)")
    return float(value)
