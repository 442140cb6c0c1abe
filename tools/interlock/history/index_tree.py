"""The staged files of a repository: what `git commit` would record, read from the index and never from the disk.

Implements `documents.tree.Tree`; called by `interlock check --staged`, for example in a pre-commit hook.
"""

from __future__ import annotations

from interlock.documents.tree import Entry
from interlock.errors import UsageError
from interlock.history.commit_tree import CommitTree, entry_of
from interlock.history.git_command import Git

STAGED = "the staged files"
_MERGED = "0"


class IndexTree(CommitTree):
    """A read-only view of an index. Close it when done."""

    def __init__(self, git: Git) -> None:
        super().__init__(git, STAGED)

    def _listed(self) -> dict[str, Entry]:
        """Every staged path.

        Raises:
            UsageError: a merge left paths in conflict, so nothing can be committed anyway.
        """
        listing = self._git.run("ls-files", "--stage", "-z", "--full-name")
        found: dict[str, Entry] = {}
        for line in listing.split(b"\0")[:-1]:
            description, _, raw_path = line.partition(b"\t")
            mode, identity, stage = description.decode("ascii").split(" ")
            path, entry = entry_of(mode, identity, raw_path)
            if stage != _MERGED:
                found_text = f"{path} is in conflict: a merge is not finished"
                raise UsageError(found_text, remedy=f"resolve it, then run: git add -- {path}")
            found[path] = entry
        return found
