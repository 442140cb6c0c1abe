"""One step of a trusted branch, merged or proposed: from which commit, to which tree. What approvals are given for.

Called by approve, attest, the approvals of a check, and the agent. Main moves by first parents: each of them is one
decision, however its change was merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.checking.proposals import resulting_tree
from interlock.errors import UsageError
from interlock.history.repository import GitRepository

MAIN = "refs/heads/main"


@dataclass(frozen=True, slots=True)
class Decision:
    """From the trusted commit `parent` to `tree`, on the branch `target_ref`; `commit` is None while it is proposed.

    `head` is the last commit of what is proposed (the merged commit itself where there is no proposal).
    """

    target_ref: str
    parent: str
    tree: str
    head: str
    commit: str | None = None


def branch_ref(name: str) -> str:
    """The full name of a branch.

    Raises:
        UsageError: it cannot be the name of one.
    """
    full = name if name.startswith("refs/heads/") else f"refs/heads/{name}"
    if not re.fullmatch(r"refs/heads/[!-~]{1,200}", full):
        raise UsageError(f"{name!r} is no branch", expected="a name such as main", remedy="run: git branch --list")
    return full


def merged_decision(repository: GitRepository, commit: str, target_ref: str = MAIN) -> Decision:
    """The decision that a commit (a full id) of the trusted branch is.

    Raises:
        UsageError: it has no parent, so there is no trusted side by which it could be judged.
        HistoryError: git does not know it.
    """
    parent = repository.first_parent(commit)
    if parent is None:
        raise UsageError(
            f"{commit[:12]} is the first commit, so no policy stood before it",
            expected="a commit with a parent",
            remedy="name it in the settings of the node, as the commit from which it begins to trust",
        )
    return Decision(target_ref, parent, repository.tree_of(commit), commit, commit)


def proposed_decision(repository: GitRepository, base: str, head: str, target_ref: str = MAIN) -> Decision:
    """What merging one commit into another (full ids) would decide.

    Raises:
        HistoryError: they do not merge without a person, or git does not know them.
    """
    return Decision(target_ref, base, resulting_tree(repository, base, head), head)


def trees_on_the_way(repository: GitRepository, decision: Decision, start: str, most: int) -> Iterator[str]:
    """The trees of the trusted branch from behind `start` up to this decision, each once, in order.

    Nothing where `start` is no first-parent ancestor within `most` commits.
    """
    if start == decision.parent:
        yield decision.tree
        return
    found = [decision.tree]
    for commit, tree in repository.first_parents(decision.parent, most):
        if commit == start:
            yield from reversed(found)
            return
        found.append(tree)
