"""What the agent says of itself: conditions with reason and message, commits, and one row for each alias.

Written to `status.json` in the state directory whenever it changes; `interlock status` reads it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

SCHEMA = "interlock-status/1"

Truth = Literal["True", "False", "Unknown"]
CONDITIONS = (
    "Ready",
    "Reconciling",
    "Stalled",
    "SourceVerified",
    "Fetched",
    "Loaded",
    "Served",
    "RollbackReady",
    "Trust",
    "Emergency",
    "Suspended",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about the node. `reason` is one word for programs, `message` a sentence for people.

    `since` is the wall-clock time (seconds since the epoch) at which `status` became what it is.
    """

    type: str
    status: Truth
    reason: str
    message: str
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class AliasStatus:
    """What one alias should be, what it is, and why the two differ if they do."""

    alias: str
    wanted: str
    served: str
    canary: str
    rollback_targets: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Commits:
    """The commit that was looked at last, the last one that passed, and the one that is served completely."""

    attempted: str | None
    accepted: str | None
    applied: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything about one node; times are seconds since the epoch."""

    node: str
    environment: str
    commits: Commits
    conditions: tuple[Condition, ...]
    aliases: tuple[AliasStatus, ...]
    engine: str
    last_poll: float | None
    loaded: tuple[str, ...]

    def condition(self, kind: str) -> Condition:
        """The condition of a type; every status has all of `CONDITIONS`."""
        return next(condition for condition in self.conditions if condition.type == kind)


def continued(status: Status, earlier: Status | None, now: float) -> Status:
    """Give each condition the time since which it holds: the earlier one's if its status did not change."""
    before = {condition.type: condition for condition in earlier.conditions} if earlier else {}

    def since(condition: Condition) -> float:
        old = before.get(condition.type)
        return old.since if old and old.status == condition.status else now

    return replace(status, conditions=tuple(replace(c, since=since(c)) for c in status.conditions))


def as_document(status: Status) -> dict[str, Any]:
    """The status as plain lists and dictionaries, with its schema."""
    return {"schema": SCHEMA, **asdict(status)}


def to_json(status: Status) -> str:
    """One JSON document with sorted keys, in ASCII."""
    # Escaped, because a message may quote a path that no encoding can hold.
    return json.dumps(as_document(status), indent=2, sort_keys=True) + "\n"


def from_json(text: str) -> Status:
    """Read what `to_json` wrote.

    Raises:
        ValueError: it is not a status of this schema.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict) or value.pop("schema", None) != SCHEMA:
        raise ValueError(f"expected a JSON object with schema {SCHEMA}")
    try:
        value["commits"] = Commits(**value["commits"])
        value["conditions"] = tuple(Condition(**condition) for condition in value["conditions"])
        value["aliases"] = tuple(
            AliasStatus(**{**row, "rollback_targets": tuple(row["rollback_targets"])}) for row in value["aliases"]
        )
        value["loaded"] = tuple(value["loaded"])
        status = Status(**value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a field is missing or unknown: {error}") from error
    if missing := set(CONDITIONS) - {condition.type for condition in status.conditions}:
        raise ValueError(f"conditions are missing: {', '.join(sorted(missing))}")
    return status
