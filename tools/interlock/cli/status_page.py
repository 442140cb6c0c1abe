"""One node's status for a person: commits, aliases, conditions, what is waited for, and what changed lately."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from interlock.findings.readable import readable
from interlock.sync.sightings import Sighting
from interlock.sync.status import Status

SHOWN_CHANGES = 5


def page(sighting: Sighting, status: Status) -> str:
    """The whole page; `status` is the one that was seen."""
    return "\n".join(readable(line) for line in _lines(sighting, status))


def _lines(sighting: Sighting, status: Status) -> Iterator[str]:
    yield f"node {status.node}, environment {status.environment}, engine {status.engine or 'not reached yet'}"
    commits = status.commits
    yield (
        f"commits: attempted {short(commits.attempted)}, accepted {short(commits.accepted)}, "
        f"applied {short(commits.applied)}, served {short(commits.served)}"
    )
    polled = moment(status.last_poll) if status.last_poll else "never"
    doubt = f" — {sighting.stale} on this node now" if sighting.stale else ""
    yield f"last successful poll {polled}; last turn {sighting.age:.0f} s ago{doubt}"
    yield from _store(status)
    yield ""
    yield from _aliases(status)
    yield ""
    for condition in status.conditions:
        yield f"  {condition.type:<15} {condition.status:<8} {condition.reason}: {condition.message}"
    yield from _waiting(status)
    yield from _history(status)


def _store(status: Status) -> Iterator[str]:
    if status.store is None:
        return
    limit = f" of at most {status.store.limit / 1e9:.1f} GB" if status.store.limit is not None else ""
    kept = f"; {status.store.kept}" if status.store.kept else ""
    yield f"store: {status.store.artifacts} artifacts, {status.store.bytes / 1e9:.1f} GB{limit}{kept}"


def _aliases(status: Status) -> Iterator[str]:
    for row in status.aliases:
        canary = f", canary {row.canary}" if row.canary else ""
        wanted = "" if row.served == row.wanted else f"  (git says {row.wanted})"
        yield f"  {row.alias} → {row.served or 'nothing'}{canary}{wanted}"
        if row.message:
            yield f"      {row.message}"


def _waiting(status: Status) -> Iterator[str]:
    if status.waiting:
        yield ""
        yield "Waiting:"
    for one in status.waiting:
        again = f" (again {moment(one.retry_at)})" if one.retry_at is not None else ""
        yield f"  {one.subject}: {one.message}{again}"


def _history(status: Status) -> Iterator[str]:
    if status.history:
        yield ""
        yield f"Last changes, of {status.flips}:"
    for change in reversed(status.history[-SHOWN_CHANGES:]):
        canary = f", canary {change.canary}" if change.canary else ""
        yield f"  {moment(change.time)}  {short(change.commit)}  {change.alias} → {change.served or 'nothing'}{canary}"


def short(commit: str | None) -> str:
    """A commit as people write it."""
    return commit[:12] if commit else "none"


def moment(seconds: float) -> str:
    """A time of day with its day, in this machine's time zone; as it is where no calendar has it."""
    try:
        return dt.datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"
