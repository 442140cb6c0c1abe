"""Which statements there are about which tree, all at once. Called by the audit, which asks about every commit.

`attestation_ref` says what the ref is; this is the same content, listed once instead of once a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from interlock.errors import HistoryError
from interlock.history.attestation_ref import EMERGENCIES, MAX_FILE, MAX_FILES, REF, Stored, tip, why_not_read
from interlock.history.blob_reading import ObjectReader
from interlock.history.git_command import Git
from interlock.history.listing import lines_of


@dataclass(frozen=True)
class StatementIndex:
    """The ref at `commit` (None: there is none); `folders` are the blobs by tree and name, "" for no regular file."""

    commit: str | None = None
    folders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def emergencies(self) -> frozenset[str]:
        """The file names of every emergency that was ever declared."""
        return frozenset(self.folders.get(EMERGENCIES, {}))

    def stored(self, objects: ObjectReader, tree: str) -> Stored:
        """What lies in the folder of a tree, and why what is not read there is not.

        Raises:
            HistoryError: there are too many, or git cannot read them.
        """
        blobs = self.folders.get(tree, {})
        if len(blobs) > MAX_FILES:
            found = f"{REF} holds {len(blobs)} statements about the tree {tree[:12]}"
            raise HistoryError(found, expected=f"at most {MAX_FILES}", remedy=f"find out who added them: git log {REF}")
        contents = objects.read_several([blob for blob in blobs.values() if blob], limit=MAX_FILE) if blobs else {}
        refused = {name: why_not_read(name, contents.get(blob)) for name, blob in blobs.items()}
        return Stored(
            {name: contents[blob] for name, blob in blobs.items() if not refused[name]},
            {name: why for name, why in refused.items() if why},
        )


def statement_index(git: Git) -> StatementIndex:
    """List the ref.

    Raises:
        HistoryError: git cannot read it.
    """
    commit = tip(git)
    folders: dict[str, dict[str, str]] = {}
    for tree, name, blob in _files(git, commit) if commit else ():
        folders.setdefault(tree, {})[name] = blob
    return StatementIndex(commit, folders)


def _files(git: Git, commit: str) -> Iterator[tuple[str, str, str]]:
    listing = git.run("ls-tree", "-r", "-z", "--full-tree", commit)
    for words, path in lines_of(listing):
        mode, _, blob = words.split(" ")
        tree, _, name = path.partition("/")
        yield tree, name, blob if mode == "100644" else ""
