"""What the agent says of itself: conditions with reason and message, commits, and one row for each alias.

Written to `status.json` in the state directory whenever it changes (`status_files.py`), and shown at `/status`;
`interlock status` reads both.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from interlock.sync.shape import shaped

SCHEMA = "interlock-status/2"
MAX_HISTORY = 20

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
    "Fresh",
    "Recorded",
    "Available",
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
    behind: bool = False
    """Whether the route is not as git says: another revision, another canary, or none."""


@dataclass(frozen=True, slots=True)
class Commits:
    """The commit that was looked at last, the last one that passed, and the one that is served completely.

    `applied` has everything in place, rollback targets included; every alias answers, or did last, as
    `served` says.
    """

    attempted: str | None
    accepted: str | None
    applied: str | None
    served: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an alias led to from `time` on, and the accepted commit by which; `served` is "" where the route ended."""

    time: float
    commit: str | None
    alias: str
    served: str
    canary: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that is looked at again by itself: what (a served name, a commit, an alias), why, and when.

    `reason` is one word for programs. `retry_at` is wall-clock time, None where only a new commit or a person ends it.
    """

    subject: str
    reason: str
    message: str
    retry_at: float | None


@dataclass(frozen=True, slots=True)
class StoreState:
    """What the store holds: how many artifacts, bytes in all and at most, and bytes that would be given up for others.

    `kept` says why nothing would be given up, "" where that depends on who needs it alone.
    """

    artifacts: int
    bytes: int
    limit: int | None
    collectable: int
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything about one node; times are seconds since the epoch.

    `history` has the last changes of what is served, the newest last, `serving` the last one of each alias that has a
    route. `flips` counts all changes since the state directory is there. `fresh_within` is how old (seconds) the last
    successful poll may be.
    """

    node: str
    environment: str
    commits: Commits
    conditions: tuple[Condition, ...]
    aliases: tuple[AliasStatus, ...]
    engine: str
    last_poll: float | None
    loaded: tuple[str, ...]
    history: tuple[Change, ...] = ()
    serving: tuple[Change, ...] = ()
    flips: int = 0
    waiting: tuple[Wait, ...] = ()
    started: float = 0.0
    fresh_within: float = 0.0
    store: StoreState | None = None

    def condition(self, kind: str) -> Condition:
        """The condition of a type; every status has all of `CONDITIONS`."""
        return next(condition for condition in self.conditions if condition.type == kind)


def without_times(status: Status) -> Status:
    """The status without what changes at every poll: two that are equal then say the same to everybody."""
    return replace(status, last_poll=None)


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
        return from_document(json.loads(text))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def from_document(value: object) -> Status:
    """The same, from JSON that was parsed already.

    Raises:
        ValueError: it is not a status of this schema.
    """
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise ValueError(f"expected a JSON object with schema {SCHEMA}")
    status = shaped(Status, {name: one for name, one in value.items() if name != "schema"})
    if missing := set(CONDITIONS) - {condition.type for condition in status.conditions}:
        raise ValueError(f"conditions are missing: {', '.join(sorted(missing))}")
    return status
