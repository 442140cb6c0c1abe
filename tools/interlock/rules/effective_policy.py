"""What several policies ask of one environment together: the stricter of two values, or a conflict. Pure.

Called by the transition rules, by the rule `policy-conflict` and by `interlock policy show`. A value that no policy
states is not there: what is not asked for is not invented. `docs/checking.md` says how each key merges.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from interlock.documents.fields import Document, duration_text
from interlock.documents.kinds.policy import Policy
from interlock.documents.positions import Location, Place
from interlock.documents.snapshot import Located, Snapshot

_SAID_BY_SILENCE = frozenset({"skip"})
"""A policy that describes rollbacks and skips nothing says that nothing is skipped."""

Merge = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Stated:
    """One policy's own value of a key, and where it stands."""

    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the effective policy.

    `stated` holds what each policy says, by path. `value` is what counts (None in a conflict), `rule` says in words how
    it was chosen, `conflict` why nothing could be chosen ("" where it could).
    """

    key: str
    value: Any
    rule: str
    stated: tuple[Stated, ...]
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """Everything that the policies of one environment ask for; `paths` are those policies."""

    paths: tuple[str, ...]
    settings: Mapping[str, Setting]

    def value(self, key: str, default: Any = None) -> Any:
        """What counts for a key (`retention.keep`); the default where no policy states it or where they conflict."""
        setting = self.settings.get(key)
        return default if setting is None or setting.conflict else setting.value

    @property
    def conflicts(self) -> tuple[Setting, ...]:
        """The keys of which nobody can say what counts."""
        return tuple(setting for setting in self.settings.values() if setting.conflict)


def policies_of(snapshot: Snapshot, environment: str) -> tuple[Located[Policy], ...]:
    """The policies that name an environment, by path."""
    found = (policy for policy in snapshot.policies.values() if environment in policy.document.environments)
    return tuple(sorted(found, key=lambda policy: policy.path))


def effective_policy(policies: Sequence[Located[Policy]]) -> EffectivePolicy:
    """Merge the policies of one environment."""
    stated: dict[str, list[Stated]] = {}
    for policy in policies:
        for key, location, value in _values(policy.document):
            stated.setdefault(key, []).append(Stated(value, policy.place(*location)))
    settings = {key: _merged(key, values) for key, values in sorted(stated.items(), key=lambda item: _order(item[0]))}
    return EffectivePolicy(tuple(policy.path for policy in policies), settings)


def _values(policy: Policy) -> Iterator[tuple[str, Location, Any]]:
    """Every value that a policy states: its key, where it stands in the document, and what it says."""
    for part in ("approvals", "evidence", "canary", "licenses", "rollback", "emergency", "retention"):
        model = getattr(policy, part)
        if model:
            yield from _fields(model, part, (part,))
    if policy.weights_signature:
        yield "weights_signature", ("weights_signature",), policy.weights_signature
    for name, share in policy.budgets.items():
        yield f"budgets.{name}", ("budgets", name), share
    for index, gate in enumerate(policy.gates):
        yield from _fields(gate, f"gates.{gate.suite}.{gate.test}", ("gates", index))


def _fields(model: Document, prefix: str, location: Location) -> Iterator[tuple[str, Location, Any]]:
    """The fields that are written in the file; a default is nobody's decision."""
    for field in type(model).model_fields:
        value = getattr(model, field)
        silent = field not in model.model_fields_set and field not in _SAID_BY_SILENCE
        if field == "suite" or silent or value is None:
            continue
        if isinstance(value, Document):
            yield from _fields(value, f"{prefix}.{field}", (*location, field))
        elif isinstance(value, Mapping):
            yield from ((f"{prefix}.{field}.{name}", (*location, field, name), item) for name, item in value.items())
        else:
            yield f"{prefix}.{field}", (*location, field), value


def _merged(key: str, stated: Sequence[Stated]) -> Setting:
    words, merge = _way(key)
    values = [item.value for item in stated]
    if merge is None:
        agreed = all(value == values[0] for value in values)
        conflict = "" if agreed else "the policies differ, and neither value is the stricter one"
        return Setting(key, values[0] if agreed else None, words, tuple(stated), conflict)
    value = reduce(merge, values)
    if key == "emergency.roles" and not value:
        return Setting(key, None, words, tuple(stated), "no role stands in all of them, so nobody could act")
    return Setting(key, value, words, tuple(stated))


def _union(one: Iterable[Any], other: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*one, *other]))


def _intersection(one: Iterable[Any], other: Iterable[Any]) -> tuple[Any, ...]:
    kept = set(other)
    return tuple(item for item in one if item in kept)


_LARGER: tuple[str, Merge | None] = ("the larger one", max)
_SMALLER: tuple[str, Merge | None] = ("the smaller one", min)
_ALL: tuple[str, Merge | None] = ("everything that any of them asks for", _union)
_COMMON: tuple[str, Merge | None] = ("only what all of them allow", _intersection)
_EQUAL: tuple[str, Merge | None] = ("must be equal", None)

WAYS: Mapping[str, tuple[str, Merge | None]] = {
    "approvals.count": _LARGER,
    "approvals.roles.*": _LARGER,
    "approvals.distinct": _ALL,
    "approvals.low.count": _LARGER,
    "approvals.low.roles.*": _LARGER,
    "approvals.medium.count": _LARGER,
    "approvals.medium.roles.*": _LARGER,
    "approvals.high.count": _LARGER,
    "approvals.high.roles.*": _LARGER,
    "evidence.low": _ALL,
    "evidence.medium": _ALL,
    "evidence.high": _ALL,
    "evidence.max_age": _SMALLER,
    "gates.*.test": _EQUAL,
    "gates.*.against": _ALL,
    "gates.*.margin": _SMALLER,
    "gates.*.alpha": _SMALLER,
    "gates.*.max_rate": _SMALLER,
    "gates.*.max_attempts": _SMALLER,
    "canary.test": _EQUAL,
    "canary.alpha": _EQUAL,
    "budgets.*": _SMALLER,
    "licenses.allow": _COMMON,
    "weights_signature": _EQUAL,
    "rollback.approvals": _LARGER,
    "rollback.skip": _COMMON,
    "emergency.roles": _COMMON,
    "emergency.expires": _SMALLER,
    "emergency.review_within": _SMALLER,
    "retention.keep": _LARGER,
    "retention.archive_after": _EQUAL,
    "retention.records": _EQUAL,
}
"""How two values of a key become one. `*` stands for a name. `canary.alpha`, `archive_after` and
`records` have no stricter side: a larger alpha stops a bad canary sooner and a good one more often, and how long
something is kept may be the least that a law asks for or the most that it allows."""


def _way(key: str) -> tuple[str, Merge | None]:
    if key in WAYS:
        return WAYS[key]
    if key.startswith("gates."):
        return WAYS[f"gates.*.{key.rpartition('.')[2]}"]
    return WAYS[f"{key.rpartition('.')[0]}.*"]


def _order(key: str) -> tuple[int, str]:
    """The order of the keys of the model, names by the alphabet."""
    parts = list(dict.fromkeys(way.partition(".")[0] for way in WAYS))
    return parts.index(key.partition(".")[0]), key


def plain(value: Any) -> Any:
    """A value of a setting as JSON can say it."""
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    return list(value) if isinstance(value, tuple) else value
