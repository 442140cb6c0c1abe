"""A tree with some files laid over it: what a change would make of the repository, before anything is written.

Called by register, promote and rollback, which judge the result first and write afterwards.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from interlock.documents.beneath import open_beneath
from interlock.documents.tree import REGULAR, Entry, Tree, too_large


class OverlayTree:
    """`below` with files added or replaced; implements `documents.tree.Tree`.

    `changes` gives new bytes by path, `files` files on disk by path (for bytes too large to hold).
    """

    def __init__(self, below: Tree, changes: Mapping[str, bytes], files: Mapping[str, Path] | None = None) -> None:
        self._below = below
        self._changes = dict(changes)
        self._files = dict(files or {})

    @property
    def label(self) -> str:
        """The tree below, and how many files differ."""
        return f"{self._below.label} with {len(self._changes) + len(self._files)} proposed file(s)"

    def entries(self) -> dict[str, Entry]:
        """See `Tree.entries`."""
        changed = {path: _proposed(path, data) for path, data in self._changes.items()}
        on_disk = {path: _on_disk(path, file) for path, file in self._files.items()}
        return dict(sorted({**self._below.entries(), **on_disk, **changed}.items()))

    def read(self, path: str, *, limit: int) -> bytes:
        """See `Tree.read`."""
        if path not in self._changes and path not in self._files:
            return self._below.read(path, limit=limit)
        with self.open(path) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise too_large(path, len(data), limit)
        return data

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        """See `Tree.prefetch`."""
        below = (path for path in paths if path not in self._changes and path not in self._files)
        self._below.prefetch(below, limit=limit)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """See `Tree.open`."""
        if path in self._changes:
            return io.BytesIO(self._changes[path])
        if path in self._files:
            return open_beneath(self._files[path].parent, self._files[path].name)
        return self._below.open(path)


def _proposed(path: str, data: bytes) -> Entry:
    return Entry(path, REGULAR, len(data), f"proposed:{hashlib.sha256(data).hexdigest()}")


def _on_disk(path: str, file: Path) -> Entry:
    status = file.stat()
    return Entry(path, REGULAR, status.st_size, f"on-disk:{file}:{status.st_ino}:{status.st_mtime_ns}")
