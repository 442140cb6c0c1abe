"""Which model a request gets: a pure function of the route table and of what the request says about itself.

The middleware calls it once a request. It refuses names that are neither an alias, nor loaded, nor a base, because an
engine may resolve an unknown name as a path, or answer it silently with the base.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum

from interlock.routing.table import Canary, Route, RouteTable

MAX_MODEL_NAME = 512

_PART = r"[A-Za-z0-9][A-Za-z0-9._@:+-]*"
_SAFE_NAME = re.compile(rf"{_PART}(?:/{_PART})?")


class Reason(Enum):
    """Why a request got its model, or none."""

    ALIAS = "alias"
    CANARY_TENANT = "canary-tenant"
    CANARY_WEIGHT = "canary-weight"
    SERVED = "served"
    BASE = "base"
    AGENT = "agent"
    NO_TABLE = "no-table"
    UNKNOWN = "unknown"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one request.

    `model` is the name that the engine gets, or None when the request is refused; `alias` is the alias that was
    resolved and `revision` the served name behind the answer, each "" when there is none. `lazy` says that this
    revision is not loaded yet, so the request has to wait for it.
    """

    model: str | None
    reason: Reason
    alias: str = ""
    revision: str = ""
    lazy: bool = False


def decide(
    table: RouteTable | None,
    model: str,
    tenant: str = "",
    user: str = "",
    request_key: bytes = b"",
    *,
    trusted: bool = False,
) -> Decision:
    """Resolve `model` against `table` (None: no table was ever read).

    A canary goes first to its tenants by name, then to a share of the others that sticks to the tenant, else to the
    user, else to `request_key` (bytes of the request's content). `trusted` is the agent, which asks for names that
    have no route yet; even it gets no name that looks like a path.
    """
    if table is not None:
        if route := table.routes.get(model):
            reason, target = _routed(model, route, tenant, user, request_key)
            return Decision(target, reason, model, target, target in table.lazy)
        if model in table.served or model in table.lazy:
            return Decision(model, Reason.SERVED, revision=model, lazy=model in table.lazy)
        if model in table.bases:
            return Decision(model, Reason.BASE)
    if not is_safe_name(model):
        return Decision(None, Reason.UNSAFE)
    if trusted:
        return Decision(model, Reason.AGENT)
    if table is None:
        return Decision(model, Reason.NO_TABLE)
    return Decision(None, Reason.UNKNOWN)


def splits(table: RouteTable | None, model: str) -> bool:
    """Whether the content of the request can matter to `decide`: `model` is an alias with a weighted canary."""
    route = table.routes.get(model) if table is not None else None
    return route is not None and route.canary is not None and route.canary.weight > 0


def is_safe_name(model: str) -> bool:
    """Whether an engine that joins names to directories stays where it should with this one.

    `model` and `organisation/model` are names; absolute paths, `..`, further slashes, backslashes, `~`, spaces, control
    and other characters outside ASCII, and names longer than 512 characters are not.
    """
    return len(model) <= MAX_MODEL_NAME and ".." not in model and _SAFE_NAME.fullmatch(model) is not None


def _routed(alias: str, route: Route, tenant: str, user: str, request_key: bytes) -> tuple[Reason, str]:
    canary = route.canary
    if canary is not None:
        if tenant and tenant in canary.tenants:
            return Reason.CANARY_TENANT, canary.target
        if _drawn(alias, canary, tenant, user, request_key):
            return Reason.CANARY_WEIGHT, canary.target
    return Reason.ALIAS, route.active


def _drawn(alias: str, canary: Canary, tenant: str, user: str, request_key: bytes) -> bool:
    """Whether this caller falls into the canary's share; once inside, a growing weight never throws it out."""
    if canary.weight <= 0:
        return False
    kind, key = _sticky_key(tenant, user, request_key)
    return _position(alias, kind, key) * 100 < canary.weight


def _sticky_key(tenant: str, user: str, request_key: bytes) -> tuple[bytes, bytes]:
    # surrogatepass: JSON can spell lone surrogates, and they must not turn into an error here.
    if tenant:
        return b"tenant", tenant.encode("utf-8", "surrogatepass")
    if user:
        return b"user", user.encode("utf-8", "surrogatepass")
    return b"request", request_key


def _position(alias: str, kind: bytes, key: bytes) -> float:
    """A number in [0, 1), uniform over keys, independent between aliases."""
    digest = hashlib.sha256(b"\0".join((alias.encode("ascii"), kind, key))).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
