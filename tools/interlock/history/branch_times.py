"""Since when each commit of a branch has been on it, as far as its own commits tell. Called by the change gathering."""

from __future__ import annotations

import datetime as dt

from interlock.documents.identifiers import commit_id
from interlock.history.git_command import Git


def branch_times(git: Git, commit: str) -> dict[str, dt.datetime]:
    """The time (UTC) of every first-parent commit up to `commit`, by commit id.

    It is the committer's time, but never before that of an earlier commit of the branch: whoever dates a commit back
    gains nothing beyond the commit before it.

    Raises:
        HistoryError: git cannot read the history.
    """
    listing = git.run("log", "--first-parent", "--reverse", "--format=%H %ct", commit_id(commit))
    times: dict[str, dt.datetime] = {}
    latest = 0
    for line in listing.decode("ascii").splitlines():
        identity, _, seconds = line.partition(" ")
        latest = max(latest, int(seconds))
        times[identity] = dt.datetime.fromtimestamp(latest, dt.UTC)
    return times
