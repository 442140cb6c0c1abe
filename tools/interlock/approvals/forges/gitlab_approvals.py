"""What the approvals of a GitLab merge request are about. Pure: what the API told in, decisions of accounts out.

GitLab stores no commit with an approval. It is therefore bound to the version of the merge request that was the newest
when it was given, by the times of the server; a push that is noted later than the approval, or times that say nothing,
leave it without a commit, so that it counts for none.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from interlock.approvals.reviews import ReviewState

_PUSH = re.compile(r"added [0-9]+ (?:new )?commits?\b")
_APPROVED, _WITHDRAWN = "approved this merge request", "unapproved this merge request"
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class User:
    """An account of GitLab."""

    id: int
    login: str


@dataclass(frozen=True, slots=True)
class Version:
    """What the merge request was from a time on."""

    head: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A note that GitLab itself wrote about what somebody did; ids rise in the order of writing."""

    id: int
    author: User
    at: dt.datetime
    body: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's approval that stands; `at` where GitLab tells the time."""

    user: User
    at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an account decided, when, and about which commit."""

    user: User
    state: ReviewState
    commit: str | None
    at: dt.datetime


def decisions(
    standing: Sequence[Approval],
    asking_for_changes: Sequence[User],
    notes: Sequence[Note],
    versions: Sequence[Version],
) -> list[Decision]:
    """The decisions of every account, in the order in which they were taken; a request for changes comes last."""
    found = [_approval(approval, notes, versions) for approval in standing]
    found += _withdrawn({approval.user.id for approval in standing}, notes)
    found += [Decision(user, "changes-requested", None, _LAST) for user in asking_for_changes]
    return sorted(found, key=lambda decision: decision.at)


def pushers(notes: Iterable[Note]) -> tuple[int, ...]:
    """The accounts that pushed after the merge request was opened."""
    return tuple(dict.fromkeys(note.author.id for note in notes if _PUSH.match(note.body)))


def _approval(approval: Approval, notes: Sequence[Note], versions: Sequence[Version]) -> Decision:
    note = next((note for note in reversed(_by(approval.user, notes)) if note.body.startswith(_APPROVED)), None)
    at = approval.at or (note.at if note else None)
    commit = _newest_before(at, versions) if at else None
    if commit == _head(versions) and (note is None or _pushed_after(note, notes)):
        commit = None
    return Decision(approval.user, "approved", commit, at or dt.datetime.min.replace(tzinfo=dt.UTC))


def _newest_before(at: dt.datetime, versions: Sequence[Version]) -> str | None:
    """The head of the newest version that was there before a time; one of the very same time was not seen yet."""
    there = [version for version in versions if version.since < at]
    return max(there, key=lambda version: version.since).head if there else None


def _head(versions: Sequence[Version]) -> str | None:
    return max(versions, key=lambda version: version.since).head if versions else None


def _pushed_after(approval: Note, notes: Iterable[Note]) -> bool:
    return any(_PUSH.match(note.body) and note.id > approval.id for note in notes)


def _withdrawn(standing: set[int], notes: Sequence[Note]) -> Iterator[Decision]:
    """Accounts whose last word was to take their approval back."""
    for user in dict.fromkeys(note.author for note in notes):
        last = [note for note in _by(user, notes) if note.body.startswith((_APPROVED, _WITHDRAWN))][-1:]
        if user.id not in standing and last:
            yield Decision(user, "dismissed", None, last[0].at)


def _by(user: User, notes: Iterable[Note]) -> list[Note]:
    return sorted((note for note in notes if note.author.id == user.id), key=lambda note: note.id)
