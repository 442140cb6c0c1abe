"""Plans a rollback: which revision was served before, and whether going back to it is safe. Writes nothing.

Called by `interlock rollback`. The target comes from the pointer's own history, never from the commit before alone,
and is never revoked. A revision that was never active in the environment is a promotion, and is refused here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interlock.checking.fact_cache import Elsewhere
from interlock.documents.identifiers import revision_name
from interlock.documents.layout import pointer_path
from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import Tree
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import HistoryError, InterlockError, UsageError
from interlock.history.pointer_history import PointerChange, pointer_changes
from interlock.history.repository import GitRepository
from interlock.history.way_back import WayBack, way_back
from interlock.lifecycle.judged_change import JudgedChange, judge
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.known_names import known_adapter, known_environment
from interlock.lifecycle.pointer_edit import PointerEdit, activate


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback that was judged; `revert` is the commit, if any, whose plain `git revert` has the same result."""

    edit: PointerEdit
    judged: JudgedChange
    way: WayBack
    revert: str | None

    @property
    def message(self) -> str:
        """The commit message, in one line."""
        was = f" (was {self.edit.previous})" if self.edit.previous else ""
        return f"rollback: {self.edit.adapter} {self.edit.after.active} in {self.edit.environment}{was}"


def plan_rollback(
    repository: GitRepository,
    tree: Tree,
    adapter: str,
    environment: str,
    to: str | None,
    *,
    today: dt.date | None = None,
    elsewhere: Elsewhere | None = None,
) -> Rollback:
    """Judge the rollback of `adapter` in `environment` to `to` (None: the last good revision before).

    Waivers count if `today` (UTC) is given; `elsewhere` opens artifacts beyond this machine.

    Raises:
        UsageError: the adapter or the environment is not known, or the pointer has changes that are not committed.
        InterlockError: there is no revision to go back to, or `to` was never active there, is active or is revoked.
    """
    snapshot = read_snapshot(tree)
    known_adapter(snapshot, adapter)
    known_environment(snapshot, environment)
    _refuse_uncommitted(repository, pointer_path(environment, adapter))
    changes = pointer_changes(repository.git, repository.head(), environment, adapter)
    revoked = revoked_revisions(snapshot, adapter)
    way = way_back(changes, revoked)
    target = (
        _chosen(way, adapter, environment, to, revoked) if to is not None else _last_good(way, adapter, environment)
    )
    edit = activate(tree, snapshot, environment, adapter, target)
    judged = judge(tree, edit, today=today, elsewhere=elsewhere)
    return Rollback(edit, judged, way, _plain_revert(repository, changes[0], edit))


def ways_back(root: Path, snapshot: Snapshot) -> Callable[[str, str], WayBack | None]:
    """A function that gives the way back of (environment, adapter) from the history at `root`; None without history."""

    def way(environment: str, adapter: str) -> WayBack | None:
        try:
            repository = top_repository(root)
            changes = pointer_changes(repository.git, repository.head(), environment, adapter)
        except (UsageError, HistoryError):
            return None  # not a git repository, or one without a commit: nothing was served before
        return way_back(changes, revoked_revisions(snapshot, adapter))

    return way


def revoked_revisions(snapshot: Snapshot, adapter: str) -> frozenset[str]:
    """The revisions of `adapter` that must never be served again."""
    records = snapshot.revocations.document.revoked if snapshot.revocations else ()
    return frozenset(record.revision for record in records if record.adapter == adapter)


def _refuse_uncommitted(repository: GitRepository, path: str) -> None:
    if not repository.is_clean([path]):
        raise UsageError(
            f"{path} has changes that are not committed, so history does not say what was served before",
            expected="the pointer as it was committed",
            remedy=f"run: git restore --staged --worktree {path}   (or commit it first)",
        )


def _last_good(way: WayBack, adapter: str, environment: str) -> str:
    if way.target is not None:
        return way.target
    expected = "an earlier active revision in the history of the pointer that is not revoked"
    if way.passed_over:
        found = (
            f"every revision of {adapter} before {way.active} in {environment} is revoked: {', '.join(way.passed_over)}"
        )
    elif way.active is None:
        found = f"{environment} never served {adapter}"
    else:
        found = f"{environment} served no revision of {adapter} before {way.active}"
    if way.former:
        remedy = f"to return to one that was rolled away from ({', '.join(way.former)}), name it with --to"
    else:
        remedy = f"run: interlock promote {adapter} REVISION --to {environment}"
    raise InterlockError(found, expected=expected, remedy=remedy)


def _chosen(way: WayBack, adapter: str, environment: str, to: str, revoked: frozenset[str]) -> str:
    served = ", ".join((*way.candidates, *way.former)) or "none"
    if to == way.active:
        raise InterlockError(f"{adapter} {to} is the active revision in {environment}", expected=f"one of: {served}")
    if to in revoked:
        raise InterlockError(
            f"{adapter} {to} is revoked and must never be served again",
            expected="a revision that policies/revocations.yaml does not name",
            remedy=f"run: interlock rollback {adapter} --env {environment}   (chooses the last good one)",
        )
    if not way.was_active(to):
        raise InterlockError(
            f"{adapter} {to} was never active in {environment}, so going there is a promotion and not a rollback",
            expected=f"a revision that was active there: {served}",
            remedy=f"run: interlock promote {adapter} {to} --to {environment}",
        )
    return revision_name(to)


def _plain_revert(repository: GitRepository, last: PointerChange, edit: PointerEdit) -> str | None:
    """The last commit on the pointer, if reverting it changes nothing else and gives exactly the file of `edit`."""
    git = repository.git
    _, *parents = git.run("rev-list", "--parents", "-n", "1", last.commit).decode("ascii").split()
    if len(parents) != 1:
        return None  # a merge needs `revert -m 1`, after which merging the repaired branch again does nothing
    touched = git.run("diff-tree", "-r", "-z", "--name-only", "--no-commit-id", last.commit).split(b"\0")
    with repository.commit_tree(parents[0]) as before:
        if touched[:-1] != [edit.path.encode()] or edit.path not in before.entries():
            return None
        return last.commit if before.read(edit.path, limit=MAX_DOCUMENT_BYTES) == edit.data else None
