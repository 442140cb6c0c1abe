"""The two sides of a change: a commit of which a few folders are looked at, and what a commit or the index makes of it.

Implement `documents.tree.Tree`; made by `checking.proposals`. Neither lists the whole repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from interlock.documents.identifiers import commit_id
from interlock.documents.tree import Entry
from interlock.history.commit_tree import CommitTree
from interlock.history.git_command import Git
from interlock.history.tree_objects import ChangedListing, TreeListing, differences

STAGED = "the staged files"


class SparseTree(CommitTree):
    """A read-only view of a commit or tree, listed folder by folder. Close it when done."""

    def entries(self) -> TreeListing:
        """See `Tree.entries`."""
        listing = super().entries()
        assert isinstance(listing, TreeListing)
        return listing

    def _listed(self) -> TreeListing:
        return TreeListing(self._objects, f"{self.label}^{{tree}}")


class ChangedTree(CommitTree):
    """A read-only view of a commit or tree that differs from another in little. Close it before that one."""

    def __init__(self, git: Git, commit: str, before: SparseTree) -> None:
        super().__init__(git, commit)
        self._before = before

    def _listed(self) -> Mapping[str, Entry]:
        return ChangedListing(self._before.entries(), differences(self._difference()))

    def _difference(self) -> bytes:
        return self._git.run("diff-tree", "-r", "-z", "--no-renames", self._before.label, self.label)


class IndexTree(ChangedTree):
    """The staged files of a repository: what `git commit` would record, read from the index, never from the disk.

    Listing raises UsageError where a merge left paths in conflict: nothing can be committed then anyway.
    """

    def __init__(self, git: Git, before: SparseTree) -> None:
        super().__init__(git, STAGED, before)

    def _difference(self) -> bytes:
        return self._git.run("diff-index", "--cached", "-z", "--no-renames", self._before.label)


@contextmanager
def both_sides(git: Git, before: str, after: str) -> Iterator[tuple[SparseTree, ChangedTree]]:
    """The trees of two commits (or trees, full ids) that differ in little; closed when the block is left."""
    with SparseTree(git, commit_id(before)) as old, ChangedTree(git, commit_id(after), old) as new:
        yield old, new
