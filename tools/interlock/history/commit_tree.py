"""The files of one commit, read from git's object database: what the agent and the pull-request check look at.

Implements `documents.tree.Tree`. The identity of an entry is its blob id, so caches keyed by it are right for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Self

from interlock.documents.tree import REGULAR, Entry
from interlock.errors import ArtifactMissing
from interlock.history.blob_reading import ObjectReader, blob_stream
from interlock.history.git_command import Git
from interlock.history.listing import Listing, lines_of


class CommitTree:
    """A read-only view of one commit. Close it when done: it keeps one git process for small reads."""

    def __init__(self, git: Git, commit: str) -> None:
        self._git = git
        self._commit = commit
        self._ahead: dict[str, bytes] = {}
        self._entries: Mapping[str, Entry] | None = None
        self._objects = ObjectReader(git)

    @property
    def label(self) -> str:
        """The commit id."""
        return self._commit

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git process behind this tree."""
        self._objects.close()

    def entries(self) -> Mapping[str, Entry]:
        """See `Tree.entries`; sizes are `UNKNOWN_SIZE`: asking would download what a partial clone lacks."""
        if self._entries is None:
            self._entries = self._listed()
        return self._entries

    def _listed(self) -> Mapping[str, Entry]:
        listing = self._git.run("ls-tree", "-r", "-z", "--full-tree", self._commit)
        return Listing({path: words for words, path in lines_of(listing)})

    def read(self, path: str, *, limit: int) -> bytes:
        """See `Tree.read`; a partial clone downloads the blob now.

        Raises:
            HistoryError: git cannot deliver the blob (`RemoteUnreachable` where that may pass).
        """
        blob = self._blob(path)
        ahead = self._ahead.pop(blob, None)
        if ahead is not None and len(ahead) <= limit:
            return ahead
        return self._objects.read(blob, path, limit=limit)

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        """See `Tree.prefetch`: one request for all of them."""
        entries = self.entries()
        blobs = dict.fromkeys(entries[path].identity for path in paths if path in entries)
        self._ahead = self._objects.read_several(list(blobs), limit=limit)

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
