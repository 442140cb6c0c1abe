"""The staged files of a repository: what `git commit` would record, read from the index and never from the disk.

Implements `documents.tree.Tree`; called by `interlock check --staged`, for example in a pre-commit hook.
"""

from __future__ import annotations

from interlock.history.commit_tree import CommitTree
from interlock.history.git_command import Git
from interlock.history.listing import Listing

STAGED = "the staged files"


class IndexTree(CommitTree):
    """A read-only view of an index. Close it when done."""

    def __init__(self, git: Git, like: CommitTree) -> None:
        """`like` is the commit on top of which the index would be committed."""
        super().__init__(git, STAGED, like)
        self._last = like

    def _listed(self) -> Listing:
        """Every staged path.

        Raises:
            UsageError: a merge left paths in conflict, so nothing can be committed anyway.
        """
        staged = self._git.run("diff-index", "--cached", "-z", "--no-renames", self._last.label)
        return self._last.entries().changed_by(staged)
