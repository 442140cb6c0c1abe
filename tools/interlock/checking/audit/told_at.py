"""What each environment was told to serve at one moment. Called by `interlock audit --at`. Pure, over an audit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.checking.audit.outcome import AuditedCommit, Moment


@dataclass(frozen=True, slots=True)
class ToldAt:
    """What one environment was told about one adapter, by which commit, and whether that commit was allowed."""

    environment: str
    adapter: str
    told: tuple[str, ...]
    commit: str
    since: Moment
    verdict: str


def told_at(commits: Sequence[AuditedCommit], moment: dt.datetime) -> list[ToldAt]:
    """Everything that was told at a moment, by environment and adapter; commits are in the order of the branch.

    A commit counts from its own time on. Times never run backwards, so the first later one ends the search.
    """
    found: dict[tuple[str, str], ToldAt] = {}
    for commit in commits:
        if commit.when.time > moment:
            break
        for served in commit.served:
            key = (served.environment, served.adapter)
            if served.after:
                found[key] = ToldAt(*key, served.after, commit.commit, commit.when, commit.verdict.value)
            else:
                found.pop(key, None)
    return [found[key] for key in sorted(found)]
