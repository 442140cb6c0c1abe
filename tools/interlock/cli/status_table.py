"""Many nodes at a glance: a line for each with what serves there and what is wrong, and how many are well."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.cli.status_page import short
from interlock.findings.readable import readable, width
from interlock.sync.sightings import Sighting
from interlock.sync.status import Status

COLUMNS = ("NODE", "ENVIRONMENT", "READY", "COMMIT", "POLLED", "WHAT IS WRONG")
LONGEST_WHY = 300
Row = tuple[str, str, str, str, str, str]


def rows(sightings: Sequence[Sighting], now: float) -> list[Row]:
    """One row for each node, safe to print; `now` in seconds since the epoch."""
    return [_row(one, now) for one in sightings]


def summary(sightings: Sequence[Sighting]) -> str:
    """How many nodes are well, and how many are not."""
    ready = sum(one.ready for one in sightings)
    unknown = sum(not one.known for one in sightings)
    parts = [f"{ready} ready", f"{len(sightings) - ready - unknown} not ready", f"{unknown} unknown"]
    return f"{len(sightings)} nodes: {', '.join(parts)}"


def plain(table: Sequence[Row]) -> str:
    """The rows under their titles, in columns."""
    lines = [COLUMNS, *table]
    widths = [max(width(line[column]) for line in lines) for column in range(len(COLUMNS))]
    padded = (
        "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def _row(one: Sighting, now: float) -> Row:
    if one.status is None:
        why = one.error.found if one.error else "nothing is known"
        return (readable(one.where), "?", "unknown", "?", "?", _cut(why))
    status = one.status
    ready = "unknown" if one.stale else {"True": "yes", "False": "NO"}.get(status.condition("Ready").status, "unknown")
    return (
        readable(status.node),
        readable(status.environment),
        ready,
        readable(short(status.commits.served)),
        _ago(now - status.last_poll) if status.last_poll else "never",
        _cut(f"{one.stale}: it last said so {_ago(one.age)}" if one.stale else _wrong(status)),
    )


def _wrong(status: Status) -> str:
    """Everything that somebody should look at, the worst first."""
    ready, stalled = status.condition("Ready"), status.condition("Stalled")
    told = [stalled.message] if stalled.status == "True" else [ready.message] if ready.status != "True" else []
    told += [status.condition(kind).message for kind in ("Emergency", "Suspended") if _is(status, kind, "True")]
    told += [status.condition(kind).message for kind in ("Fresh", "Trust") if _is(status, kind, "False")]
    return "; ".join(told)


def _is(status: Status, kind: str, truth: str) -> bool:
    return status.condition(kind).status == truth


def _cut(text: str) -> str:
    line = readable(" ".join(text.split()))
    return line if len(line) <= LONGEST_WHY else line[: LONGEST_WHY - 1] + "…"


def _ago(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def table_at(sightings: Sequence[Sighting], now: float) -> str:
    """Table and summary, `now` in seconds since the epoch."""
    return f"{plain(rows(sightings, now))}\n\n{summary(sightings)}"
