"""A tree of files as the checker sees it: a working directory or a git commit, read through one small interface.

Paths are relative, with forward slashes. A tree never follows a symbolic link, never leaves its root, and bounds every
read; the caller says how many bytes it is ready to take.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from interlock.errors import ArtifactMissing, ArtifactUnreachable, DocumentError

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

    @property
    def root(self) -> Path:
        """The absolute directory."""
        return self._root

    @property
    def label(self) -> str:
        """The directory as text."""
        return str(self._root)

    def entries(self) -> dict[str, Entry]:
        """See `Tree.entries`; links are listed and never followed."""
        found: dict[str, Entry] = {}
        for directory, names, files in os.walk(self._root):
            links = [name for name in names if (Path(directory) / name).is_symlink()]
            names[:] = sorted(n for n in names if n not in _SKIPPED_DIRECTORIES and n not in links)
            for name in (*files, *links):
                entry = self._entry(Path(directory) / name)
                found[entry.path] = entry
        return dict(sorted(found.items()))

    def _entry(self, path: Path) -> Entry:
        status = path.lstat()
        kind = SYMLINK if path.is_symlink() else REGULAR
        identity = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
        return Entry(path.relative_to(self._root).as_posix(), kind, status.st_size, identity)

    def read(self, path: str, *, limit: int) -> bytes:
        """See `Tree.read`."""
        with self.open(path) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise too_large(path, (self._root / path).stat().st_size, limit)
        return data

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        """See `Tree.prefetch`; a disk gives one file as fast as many."""

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """See `Tree.open`."""
        with open_beneath(self._root, path) as stream:
            yield stream


_NOT_A_FILE = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "a part of the path is a link or not a directory",
    errno.ELOOP: "it is a symbolic link, and links are not followed",
    errno.ENXIO: "not a regular file",
    errno.ENAMETOOLONG: "no file can have such a long name",
}


def open_beneath(root: Path, path: str) -> BinaryIO:
    """Open the regular file `root/path` without following a link in any component below the root.

    Raises:
        ArtifactMissing: there is no regular file at that path.
        ArtifactUnreachable: something is there, or may be, and cannot be read.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ArtifactMissing(f"{path!r} is not a path inside {root}")
    try:
        file = _open_following_no_link(root, parts)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise ArtifactMissing(f"{path} in {root}: {_NOT_A_FILE[error.errno]}") from error
        raise ArtifactUnreachable(f"{path} in {root} cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ArtifactMissing(f"{path} in {root}: not a regular file")
    return os.fdopen(file, "rb")


def _open_following_no_link(root: Path, parts: list[str]) -> int:
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = deeper
        # Not blocking: the other end of a pipe might never answer.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    finally:
        os.close(directory)
