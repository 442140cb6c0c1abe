"""Every commit of the branch as it was made: its tree, its time, its signature, and whoever it names. Called first.

Commits are read raw and in bulk. A signature is only tied to a key here; whose key it was, the roster of the first
parent says later, in the replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interlock.approvals import sshsig
from interlock.errors import HistoryError, SignatureInvalid
from interlock.history.commit_signatures import SignedCommit, signed_commits
from interlock.history.contributors import Hand, hands_of
from interlock.history.git_command import Git

NAMESPACE = "git"
UNSIGNED = "it is not signed"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """One commit and whoever it names. `fingerprint` is the key that signed it, "" where none did, and `why` says why.

    `openpgp` is the commit itself where only GPG can say whose signature it is. `hands_unread` says why nobody can tell
    whom it names ("": it names `hands`).
    """

    commit: str
    fingerprint: str = ""
    why: str = ""
    openpgp: SignedCommit | None = None
    hands: tuple[Hand, ...] = ()
    hands_unread: str = ""


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """One first-parent commit. `seconds` is the committer's time since 1970; `brought_in` came with a merge."""

    commit: str
    tree: str
    parents: tuple[str, ...]
    seconds: int
    made: MadeBy
    brought_in: tuple[MadeBy, ...] = ()

    @property
    def is_merge(self) -> bool:
        """Whether it has a second parent."""
        return len(self.parents) > 1


def commit_records(git: Git, head: str) -> Iterator[CommitRecord]:
    """The first-parent commits up to `head` (a full id), oldest first, each with what its merge brought in.

    Raises:
        HistoryError: a commit is not here or is damaged, or there are too many.
    """
    branch = _first_parents(git, head)
    waiting: dict[str, tuple[tuple[str, ...], MadeBy]] = {}
    for commit in signed_commits(git, None, head):
        made = made_by(commit)
        if commit.commit not in branch:
            waiting[commit.commit] = (commit.parents, made)
            continue
        brought = tuple(_brought_in(commit.parents[1:], waiting))
        yield CommitRecord(commit.commit, commit.tree, commit.parents, commit.committer_time, made, brought)


def _first_parents(git: Git, head: str) -> frozenset[str]:
    listed = git.run("rev-list", "--first-parent", "--end-of-options", head).decode("ascii").split()
    return frozenset(listed)


def _brought_in(parents: tuple[str, ...], waiting: dict[str, tuple[tuple[str, ...], MadeBy]]) -> Iterator[MadeBy]:
    """The commits that came with a merge and had not come before."""
    ahead = list(parents)
    while ahead:
        found = waiting.pop(ahead.pop(), None)
        if found:
            ahead.extend(found[0])
            yield found[1]


def made_by(commit: SignedCommit) -> MadeBy:
    """Which key signed a commit, and whom it names."""
    hands, unread = _hands(commit)
    if commit.format == "gpg" and not commit.flaw:
        return MadeBy(commit.commit, "", "", commit, hands, unread)
    try:
        return MadeBy(commit.commit, _fingerprint(commit), "", None, hands, unread)
    except SignatureInvalid as error:
        return MadeBy(commit.commit, "", error.found, None, hands, unread)


def _fingerprint(commit: SignedCommit) -> str:
    if commit.flaw:
        raise SignatureInvalid(commit.flaw)
    if commit.signature is None:
        raise SignatureInvalid(UNSIGNED)
    if commit.format != "ssh":
        raise SignatureInvalid("it has a signature of a kind that is not read")
    return sshsig.verify(commit.payload, commit.signature, NAMESPACE).fingerprint


def _hands(commit: SignedCommit) -> tuple[tuple[Hand, ...], str]:
    try:
        return tuple(hands_of(commit.commit, commit.payload)), ""
    except HistoryError as error:
        return (), error.found


def by_commit(records: Iterator[CommitRecord]) -> Mapping[str, CommitRecord]:
    """The records by commit, in the order of the branch."""
    return {record.commit: record for record in records}
