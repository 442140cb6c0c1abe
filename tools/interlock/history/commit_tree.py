"""The files of one commit, read from git's object database: what the agent and the pull-request check look at.

Implements `documents.tree.Tree`. The identity of an entry is its blob id, so caches keyed by it are right for ever.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from interlock.documents.tree import REGULAR, SUBMODULE, SYMLINK, Entry
from interlock.errors import ArtifactMissing
from interlock.history.blob_reading import ObjectReader, blob_stream
from interlock.history.git_command import Git

UNKNOWN_SIZE = -1


class CommitTree:
    """A read-only view of one commit. Close it when done: it keeps one git process for small reads."""

    def __init__(self, git: Git, commit: str) -> None:
        self._git = git
        self._commit = commit
        self._entries: dict[str, Entry] | None = None
        self._objects = ObjectReader(git)

    @property
    def label(self) -> str:
        """The commit id."""
        return self._commit

    def __enter__(self) -> CommitTree:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git process behind this tree."""
        self._objects.close()

    def entries(self) -> dict[str, Entry]:
        """See `Tree.entries`; sizes are `UNKNOWN_SIZE`: asking would download what a partial clone lacks."""
        if self._entries is None:
            self._entries = self._listed()
        return self._entries

    def _listed(self) -> dict[str, Entry]:
        listing = self._git.run("ls-tree", "-r", "-z", "--full-tree", self._commit)
        return dict(_entry(line) for line in listing.split(b"\0") if line)

    def read(self, path: str, *, limit: int) -> bytes:
        """See `Tree.read`; a partial clone downloads the blob now.

        Raises:
            HistoryError: git cannot deliver the blob (`RemoteUnreachable` where that may pass).
        """
        return self._objects.read(self._blob(path), path, limit=limit)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """See `Tree.open`; a partial clone downloads the blob now, and reading raises `ArtifactUnreachable` if not."""
        with blob_stream(self._git, self._blob(path), f"{path} of commit {self._commit[:12]}") as stream:
            yield stream

    def _blob(self, path: str) -> str:
        entry = self.entries().get(path)
        if entry is None or entry.kind != REGULAR:
            what = "is not there" if entry is None else f"is a {entry.kind}"
            raise ArtifactMissing(f"{path} {what} in commit {self._commit[:12]}", expected="a regular file")
        return entry.identity


def _entry(line: bytes) -> tuple[str, Entry]:
    description, _, raw_path = line.partition(b"\t")
    mode, _, identity = description.decode("ascii").split(" ")
    return entry_of(mode, identity, raw_path)


def entry_of(mode: str, identity: str, raw_path: bytes) -> tuple[str, Entry]:
    """A path and its entry, from what git lists: an octal mode, a blob id and the path's bytes."""
    # As a working tree names a path that is not UTF-8, so that two such paths never become one.
    path = raw_path.decode("utf-8", errors="surrogateescape")
    return path, Entry(path, _kind(int(mode, 8)), UNKNOWN_SIZE, identity)


def _kind(mode: int) -> str:
    """What git makes of a mode when it checks the file out: every regular mode is a file, also an unusual one."""
    if stat.S_ISREG(mode):
        return REGULAR
    return SYMLINK if stat.S_ISLNK(mode) else SUBMODULE
