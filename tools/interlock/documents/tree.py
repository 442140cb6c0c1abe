"""A tree of files as the checker sees it: a working directory or a git commit, read through one small interface.

Paths are relative, with forward slashes. A tree never follows a symbolic link, never leaves its root, and bounds every
read; the caller says how many bytes it is ready to take.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from interlock.documents.beneath import open_beneath, read_beneath
from interlock.errors import DocumentError

REGULAR, SYMLINK, SUBMODULE = "file", "symlink", "submodule"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree. `size` is in bytes, -1 where the tree cannot tell without reading.

    `identity` changes whenever the bytes may have changed.
    """

    path: str
    kind: str
    size: int
    identity: str


@runtime_checkable
class Foldered(Protocol):
    """Entries that can be asked for one folder without looking at all of them; folders with or without a last slash."""

    def below(self, folder: str) -> Iterator[str]:
        """The paths of all entries below a folder; "" for all that there are."""

    def names(self, folder: str) -> frozenset[str]:
        """The names of what is directly in a folder, and of what was there on the other side of a change."""


def paths_below(entries: Mapping[str, Entry], folder: str) -> Iterator[str]:
    """The paths of all entries below a folder (with a last slash), found the cheapest way."""
    if isinstance(entries, Foldered):
        return entries.below(folder)
    return (path for path in entries if path.startswith(folder))


def names_in(entries: Mapping[str, Entry], folder: str) -> frozenset[str]:
    """The names of what is directly in a folder ("" for the root), found the cheapest way."""
    if isinstance(entries, Foldered):
        return entries.names(folder)
    prefix = f"{folder}/" if folder else ""
    return frozenset(path[len(prefix) :].partition("/")[0] for path in entries if path.startswith(prefix))


class Tree(Protocol):
    """A read-only set of files."""

    @property
    def label(self) -> str:
        """How to name this tree to a person: a directory, or a commit."""

    def entries(self) -> Mapping[str, Entry]:
        """Every file, link and submodule below the root, by path; directories are implied."""

    def read(self, path: str, *, limit: int) -> bytes:
        """Return the bytes of a regular file.

        Raises:
            ArtifactMissing: there is no regular file at that path.
            DocumentError: the file is larger than `limit` bytes.
        """

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        """Say that these files will each be read once soon: a tree that can gets them all at once.

        Promises nothing and complains about nothing; what cannot be had, or has more than `limit` bytes, is met again
        when it is read.
        """

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a regular file for streaming reads; use as a context manager.

        Raises:
            ArtifactMissing: there is no regular file at that path.
            ArtifactUnreachable: its bytes cannot be had, now or while they are read; a stream never ends early.
        """


def too_large(path: str, size: int, limit: int) -> DocumentError:
    """The error for a file over its limit (sizes in bytes)."""
    return DocumentError(
        f"{path} has {size} bytes",
        expected=f"at most {limit} bytes",
        remedy=f"remove what does not belong into {path}",
    )


_SKIPPED_DIRECTORIES = frozenset({".git", ".venv", ".venv-vllm", "__pycache__", "node_modules", ".cache"})


class WorkingTree:
    """The files of a directory on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._ahead: dict[str, bytes] = {}

    @property
    def root(self) -> Path:
        """The absolute directory."""
        return self._root

    @property
    def label(self) -> str:
        """The directory as text."""
        return str(self._root)

    def entries(self) -> dict[str, Entry]:
        """See `Tree.entries`; links are listed and never followed.

        Raises:
            OSError: a directory cannot be listed.
        """
        found: dict[str, Entry] = {}
        root, waiting = str(self._root), [""]
        while waiting:
            folder = waiting.pop()
            with os.scandir(f"{root}/{folder}") as listed:
                for item in listed:
                    path = f"{folder}{item.name}"
                    if item.is_dir(follow_symlinks=False):
                        if item.name not in _SKIPPED_DIRECTORIES:
                            waiting.append(f"{path}/")
                    else:
                        found[path] = _entry(path, item)
        return dict(sorted(found.items()))

    def read(self, path: str, *, limit: int) -> bytes:
        """See `Tree.read`."""
        ahead = self._ahead.pop(path, None)
        if ahead is not None and len(ahead) <= limit:
            return ahead
        with self.open(path) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise too_large(path, (self._root / path).stat().st_size, limit)
        return data

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        """See `Tree.prefetch`: the files of one directory are opened from there, and not from the root each time."""
        self._ahead = read_beneath(self._root, paths, limit=limit)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """See `Tree.open`."""
        with open_beneath(self._root, path) as stream:
            yield stream


class ListedOnce(WorkingTree):
    """A directory as it was when it was first listed: for one check, which asks for its files several times."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._listed: dict[str, Entry] | None = None

    def entries(self) -> dict[str, Entry]:
        """See `Tree.entries`."""
        if self._listed is None:
            self._listed = super().entries()
        return self._listed


def _entry(path: str, item: os.DirEntry[str]) -> Entry:
    status = item.stat(follow_symlinks=False)
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"  # a tool can set the first one back, and not the second
    kind = SYMLINK if item.is_symlink() else REGULAR
    return Entry(path, kind, status.st_size, f"{status.st_dev}:{status.st_ino}:{status.st_size}:{times}")
