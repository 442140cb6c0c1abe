"""The two trees of a proposed change: the trusted one, and what the change makes of it. Called by `interlock check`.

Nothing of the proposal is checked out or run; both trees are read from git's objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interlock.documents.tree import Tree
from interlock.errors import HistoryError
from interlock.history.change_trees import IndexTree, SparseTree, both_sides
from interlock.history.git_command import Git
from interlock.history.merge_result import merged_tree
from interlock.history.repository import GitRepository

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git's id of a tree without files, which every repository knows."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """`base_commit` is the trusted commit (None: there is none yet), `base` its tree, `head` the resulting tree."""

    git: Git
    base_commit: str | None
    base: Tree
    head: Tree


@contextmanager
def proposed_commits(repository: GitRepository, base: str, head: str) -> Iterator[Proposal]:
    """What merging the revision `head` into the revision `base` would give.

    Raises:
        HistoryError: git does not know one of them, or they do not merge without a person.
    """
    base_commit, head_commit = repository.resolve(base), repository.resolve(head)
    result = _result(repository, base_commit, head_commit)
    with both_sides(repository.git, base_commit, result) as (before, after):
        yield Proposal(repository.git, base_commit, before, after)


def _result(repository: GitRepository, base: str, head: str) -> str:
    """The head itself where it contains the base, else the tree of the merge."""
    try:
        if repository.is_ancestor(base, head):
            return head
    except HistoryError:
        pass  # a shallow clone may still be able to merge, and says why when it is not
    return merged_tree(repository.git, base, head)


def resulting_tree(repository: GitRepository, base: str, head: str) -> str:
    """The id of the tree that merging one commit into another (full ids) gives.

    Raises:
        HistoryError: git does not know one of them, or they do not merge without a person.
    """
    return repository.tree_of(_result(repository, base, head))


@contextmanager
def staged_files(repository: GitRepository, base: str, index: Path | None) -> Iterator[Proposal]:
    """What committing the index on top of the revision `base` would give.

    `index` is the file that git names to a hook (`GIT_INDEX_FILE`), None for the repository's own.

    Raises:
        HistoryError: git does not know `base`, or cannot read the index.
        UsageError: a merge left paths in conflict.
    """
    commit = None if base == "HEAD" and _is_unborn(repository) else repository.resolve(base)
    git = Git(repository.root, index=index)
    with SparseTree(repository.git, commit or EMPTY_TREE) as before, IndexTree(git, before) as after:
        yield Proposal(repository.git, commit, before, after)


def _is_unborn(repository: GitRepository) -> bool:
    """Whether nothing was committed yet."""
    return bool(repository.git.attempt("rev-parse", "--verify", "--quiet", "HEAD").status)
