"""Since when each commit of a branch has been on it, as far as its own commits tell. Called by the change gathering."""

from __future__ import annotations

import datetime as dt

from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history.git_command import Git

_MOST_DIGITS = 12
_LATEST = int(dt.datetime(9999, 12, 31, tzinfo=dt.UTC).timestamp())


def branch_times(git: Git, commit: str) -> dict[str, dt.datetime]:
    """The time (UTC) of every first-parent commit up to `commit`, by commit id.

    It is the committer's time, but never before that of an earlier commit of the branch: whoever dates a commit back
    gains nothing beyond the commit before it.

    Raises:
        HistoryError: git cannot read the history, or a commit of it has no date that can be read.
    """
    listing = git.run("log", "--first-parent", "--reverse", "--format=%H %ct", commit_id(commit))
    times: dict[str, dt.datetime] = {}
    latest = 0
    for line in listing.decode("ascii").splitlines():
        identity, _, seconds = line.partition(" ")
        latest = max(latest, _moment(identity, seconds))
        times[identity] = dt.datetime.fromtimestamp(latest, dt.UTC)
    return times


def _moment(commit: str, seconds: str) -> int:
    """Seconds since 1970, of which a date can be made; git prints nothing for what it cannot read."""
    if not seconds.isdigit() or len(seconds) > _MOST_DIGITS or int(seconds) > _LATEST:
        raise HistoryError(
            f"commit {commit} has no date that can be read, so how long a revision has been active is not known",
            expected="a committer's date between the years 1970 and 9999",
            remedy=f"run: git show --no-patch --format=raw {commit}   (a branch without this commit can be judged)",
        )
    return int(seconds)
