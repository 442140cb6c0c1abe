"""Opens files below a directory without ever following a link; trees and artifact readers call it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from interlock.errors import ArtifactMissing, ArtifactUnreachable

_NO_LINK = os.O_RDONLY | os.O_NOFOLLOW
_MOST_AHEAD = 256 << 20
"""Bytes after which nothing more is read ahead."""
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


def read_beneath(root: Path, paths: Iterable[str], *, limit: int) -> dict[str, bytes]:
    """The bytes of those of these files that can be read as `open_beneath` would, up to `limit` bytes each."""
    found: dict[str, bytes] = {}
    total = 0
    for folder, group in groupby(paths, key=lambda path: path.rpartition("/")[0]):
        if total > _MOST_AHEAD:
            break
        try:
            directory = _directory_following_no_link(root, folder.split("/") if folder else [])
        except OSError:
            continue
        try:
            for path in group:
                data = _content(directory, path.rpartition("/")[2], limit)
                if data is not None:
                    found[path] = data
                    total += len(data)
        finally:
            os.close(directory)
    return found


def _content(directory: int, name: str, limit: int) -> bytes | None:
    """The bytes of one file of a directory; None for what is no regular file, too large or not to be read."""
    if name in ("", ".", ".."):
        return None
    try:
        file = os.open(name, _NO_LINK | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    with os.fdopen(file, "rb", buffering=0) as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        try:
            data = stream.read(limit + 1)
        except OSError:
            return None
    return data if data is not None and len(data) == status.st_size else None


def _open_following_no_link(root: Path, parts: list[str]) -> int:
    directory = _directory_following_no_link(root, parts[:-1])
    try:
        # Not blocking: the other end of a pipe might never answer.
        return os.open(parts[-1], _NO_LINK | os.O_NONBLOCK, dir_fd=directory)
    finally:
        os.close(directory)


def _directory_following_no_link(root: Path, parts: Sequence[str]) -> int:
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            if part in ("", ".", ".."):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            deeper = os.open(part, _NO_LINK | os.O_DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = deeper
    except OSError:
        os.close(directory)
        raise
    return directory
