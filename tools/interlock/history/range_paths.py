"""What each commit of a branch changes, for a whole range at once. Called by the agent before it trusts the range.

Each commit is compared with its first parent, a merge too: whatever a merge brings in, its commit did to the branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.documents.identifiers import commit_id
from interlock.history.git_command import Git


@dataclass(frozen=True, slots=True)
class BranchStep:
    """One commit of the branch: its first parent ("" for none), its tree, and git's letter (`A`, `M`, `D`) by path."""

    commit: str
    parent: str
    tree: str
    touched: Mapping[str, str] = field(default_factory=dict)


def branch_steps(git: Git, base: str, head: str) -> list[BranchStep]:
    """Every first-parent commit after `base` up to `head` (full ids), oldest first.

    Raises:
        HistoryError: git cannot read the range.
    """
    listing = git.run(
        "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "-z", "--no-renames",
        "--no-abbrev", "--format=%H %T %P", commit_id(head), f"^{commit_id(base)}", "--",
    )  # fmt: skip
    found: list[BranchStep] = []
    touched: dict[str, str] = {}
    parts = iter(listing.split(b"\0"))
    for part in parts:
        text = part.strip(b"\n").decode("ascii")
        if text.startswith(":"):
            touched[next(parts).decode("utf-8", errors="surrogateescape")] = text.rpartition(" ")[2]
        elif text:
            touched = {}
            commit, tree, parent, *_ = (*text.split(" "), "")
            found.append(BranchStep(commit, parent, tree, touched))
    return found
