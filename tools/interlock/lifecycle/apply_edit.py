"""Writes a judged pointer edit: into the working directory, or as one commit that touches nothing else.

Called by `interlock promote` and `interlock rollback` after the edit was judged.
"""

from __future__ import annotations

from pathlib import Path

from interlock.errors import HistoryError, UsageError
from interlock.history.repository import GitRepository
from interlock.lifecycle.file_writing import write_below
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.pointer_edit import PointerEdit


def apply_edit(root: Path, edit: PointerEdit, message: str, commit: bool) -> str | None:
    """Write the pointer below `root`, and commit it if asked; returns the commit, None where only the file was written.

    Raises:
        UsageError, HistoryError: see `commit_edit`.
    """
    if commit:
        return commit_edit(top_repository(root), edit, message)
    write_below(root, edit.path, edit.data)
    return None


def commit_edit(repository: GitRepository, edit: PointerEdit, message: str) -> str:
    """Write the pointer and commit exactly that file; returns the commit.

    Raises:
        UsageError: the pointer already has changes that are not committed.
        HistoryError: git refused; the file is again as it was.
    """
    if not repository.is_clean([edit.path]):
        raise UsageError(
            f"{edit.path} has changes that are not committed",
            expected="the pointer as it was committed, so that the commit holds one decision",
            remedy=f"run: git restore --staged --worktree {edit.path}   (or commit it first)",
        )
    target = repository.root / edit.path
    before = target.read_bytes() if target.exists() else None
    write_below(repository.root, edit.path, edit.data)
    try:
        return repository.commit([edit.path], message)
    except HistoryError:
        repository.unstage([edit.path])
        if before is None:
            target.unlink()
        else:
            write_below(repository.root, edit.path, before)
        raise
