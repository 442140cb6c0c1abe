"""Which tree a pointer change is judged on: called by promote and rollback.

A commit made by the command holds the pointer and nothing else, so it is judged on top of the last commit; an edit in
the working directory is judged among the other files that lie there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.documents.tree import Tree, WorkingTree
from interlock.errors import UsageError
from interlock.history.repository import GitRepository


@contextmanager
def judged_tree(root: Path, *, committed: bool) -> Iterator[Tree]:
    """The last commit of the repository at `root` if `committed`, else its working directory.

    Raises:
        UsageError: `root` is not the top of a git repository, so a commit would hold other paths.
    """
    if not committed:
        yield WorkingTree(root)
        return
    repository = top_repository(root)
    with repository.commit_tree(repository.head()) as tree:
        yield tree


def top_repository(root: Path) -> GitRepository:
    """The git repository whose top is `root`.

    Raises:
        UsageError: `root` is in no git repository, or is not its top.
    """
    repository = GitRepository.discover(root)
    if repository.root.resolve() != root.resolve():
        raise UsageError(
            f"{root} lies inside the git repository {repository.root}",
            expected="adapters/, bases/, environments/ and policies/ at the top of a git repository",
            remedy="move them to the top, or run without --commit",
        )
    return repository
