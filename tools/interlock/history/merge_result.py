"""What a merge would make of two commits, computed without touching any file. Called by the pull-request check.

Two changes that are each valid may be invalid together; only the merged tree shows it.
"""

from __future__ import annotations

from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history.git_command import Git

_CONFLICT = 1


def merged_tree(git: Git, base: str, head: str) -> str:
    """The id of the tree that merging `head` into `base` gives; both are full commit ids.

    Renames are not followed: a file that one side renamed and the other changed is a conflict, and never a guess.

    Raises:
        HistoryError: the two cannot be merged without a person, share no history, or are not both here.
    """
    finished = git.attempt(
        "-c", "merge.renames=false", "-c", "merge.directoryRenames=false",
        "merge-tree", "--write-tree", "--no-messages", "-z", commit_id(base), commit_id(head),
    )  # fmt: skip
    if finished.status == 0:
        return commit_id(finished.output.split(b"\0")[0].decode("ascii").strip())
    if finished.status == _CONFLICT:
        raise HistoryError(
            f"{head[:12]} cannot be merged into {base[:12]} without a person: {_conflicts(finished.output)}",
            expected="a change that merges cleanly, so that its result can be judged",
            remedy="run: git rebase (or merge the base branch), resolve the conflict, and check again",
        )
    raise HistoryError(
        f"what merging {head[:12]} into {base[:12]} gives is not known: {finished.errors or 'git does not say why'}",
        expected="both commits with their common history",
        remedy="run: git fetch --unshallow   (in a workflow: fetch-depth: 0)",
    )


def _conflicts(output: bytes) -> str:
    """The paths in conflict, after the tree's id: `mode object stage<TAB>path`."""
    lines = output.split(b"\0")[1:]
    paths = sorted({line.partition(b"\t")[2].decode("utf-8", errors="replace") for line in lines if b"\t" in line})
    shown = ", ".join(paths[:3]) or "they conflict"
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"
