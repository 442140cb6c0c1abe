"""Everything that decides about promotions into one environment, each value with the place that it comes from.

Called by `interlock policy show`. Pure: the snapshot of one tree and a day in, plain values out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from interlock.documents.fields import Document
from interlock.documents.kinds.environment import Environment
from interlock.documents.layout import environment_path
from interlock.documents.positions import Place, Problem
from interlock.documents.snapshot import Located, Snapshot
from interlock.errors import UsageError
from interlock.rules.effective_policy import EffectivePolicy, Setting, effective_policy, plain, policies_of
from interlock.rules.waivers import known_families, may_be_waived

View = dict[str, Any]
_DECIDING = ("upstream", "protected", "soak", "windows", "holds", "keep_previous", "rollout")


def policy_view(snapshot: Snapshot, environment: str, today: dt.date) -> View:
    """The effective policy of an environment on a day (UTC).

    Raises:
        UsageError: there is no such environment.
    """
    located = snapshot.environments.get(environment)
    if located is None and environment_path(environment) not in snapshot.entries:
        known = ", ".join(sorted(snapshot.environments)) or "none"
        raise UsageError(f"there is no environment {environment} in {snapshot.label}", expected=f"one of: {known}")
    policy = effective_policy(policies_of(snapshot, environment))
    return {
        "environment": environment,
        "tree": snapshot.label,
        "policies": list(policy.paths),
        "settings": [_setting(setting) for setting in policy.settings.values()],
        "declared": list(_declared(located)) if located else [],
        "roles": _roles(snapshot, policy),
        "waivers": list(_waivers(snapshot, environment, today)),
        "rules": [_rule(rule) for _, rule in sorted(snapshot.rules.items())],
        "conflicts": [setting.key for setting in policy.conflicts],
        "unreadable": [_problem(problem) for problem in _hiding(snapshot, environment)],
    }


def _setting(setting: Setting) -> View:
    return {
        "key": setting.key,
        "value": plain(setting.value),
        "merged_by": setting.rule,
        "conflict": setting.conflict,
        "stated": [{"value": plain(item.value), **_at(item.place)} for item in setting.stated],
    }


def _at(place: Place) -> View:
    return {"path": place.path, "line": place.line}


def _declared(located: Located[Environment]) -> Iterator[View]:
    """What the environment's own document says, a default where it says nothing."""
    for field in _DECIDING:
        written = field in located.document.model_fields_set
        value = _jsonable(getattr(located.document, field))
        where = _at(located.key_place(field)) if written else {"path": located.path, "line": 0}
        yield {"key": field, "value": value, "default": not written, **where}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Document):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [_jsonable(item) for item in value] if isinstance(value, tuple) else value


def _roles(snapshot: Snapshot, policy: EffectivePolicy) -> list[View]:
    """Who may give the approvals that are asked for."""
    asked = sorted(
        {key.rpartition(".roles.")[2] for key in policy.settings if key.startswith("approvals.") and ".roles." in key}
    )
    people = snapshot.roster.document.people if snapshot.roster else ()
    return [{"role": role, "people": [person.login for person in people if role in person.roles]} for role in asked]


def _waivers(snapshot: Snapshot, environment: str, today: dt.date) -> Iterator[View]:
    """The waivers in force that may reach a promotion into the environment."""
    located, families = snapshot.waivers, known_families(snapshot)
    for index, waiver in enumerate(located.document.waivers if located else ()):
        other = waiver.scope.startswith("environments/") and not _overlap(waiver.scope, f"environments/{environment}")
        if located and not other and today <= waiver.until and may_be_waived(waiver.rule, families):
            yield {**waiver.model_dump(mode="json"), **_at(located.place("waivers", index))}


def _overlap(one: str, other: str) -> bool:
    one, other = one.rstrip("/") + "/", other + "/"
    return one.startswith(other) or other.startswith(one)


def _rule(located: Located[Any]) -> View:
    rule = located.document
    return {
        "id": rule.id,
        "severity": rule.severity,
        "applies_to": rule.applies_to,
        "when": rule.when,
        "require": rule.require,
        **_at(located.place("id")),
    }


def _hiding(snapshot: Snapshot, environment: str) -> Iterator[Problem]:
    """The problems that keep a deciding document out of this view."""
    for problem in snapshot.problems:
        path = problem.place.path
        if path.startswith("policies/") or path == environment_path(environment):
            yield problem


def _problem(problem: Problem) -> View:
    return {"rule": problem.rule, "found": problem.found, **_at(problem.place)}
