"""Words that several parts of the page use: names of revisions, times, durations, lists. All of them plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.snapshot import Located
from interlock.findings.markdown_page import Code, Part
from interlock.rules.change import Change


def manifest_of(change: Change, adapter: str, revision: str) -> Located[AdapterRevision] | None:
    """The manifest of a revision as the change leaves it, or as it was where the change takes it away."""
    key = RevisionId(adapter, revision)
    return change.head.snapshot.revisions.get(key) or change.base.revisions.get(key)


def served_name(change: Change, adapter: str, revision: str) -> Code:
    """The name under which an engine knows a revision; without a digest where there is no manifest."""
    located = manifest_of(change, adapter, revision)
    if located is None:
        return Code(f"{adapter}@{revision}")
    return Code(str(ServedName.of(adapter, revision, located.document.artifact.digest)))


def moment(time: dt.datetime) -> str:
    """A time as a person reads it."""
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def age(duration: dt.timedelta) -> str:
    """A duration in its two largest units, rounded down."""
    minutes = max(0, int(duration.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes % 60}m" if hours else f"{minutes}m"


def size(count: int) -> str:
    """A number of bytes as a person reads it."""
    value = float(count)
    for unit in ("bytes", "KB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = [*words] or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def codes(names: Iterable[str], limit: int = 10) -> tuple[Part, ...]:
    """Names side by side, the first ones of many."""
    known = list(names)
    parts: list[Part] = []
    for name in known[:limit]:
        parts += [", ", Code(name)] if parts else [Code(name)]
    return (*parts, f" and {len(known) - limit} more") if len(known) > limit else tuple(parts)


def plural(number: int, noun: str) -> str:
    """`1 approval`, `2 approvals`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
