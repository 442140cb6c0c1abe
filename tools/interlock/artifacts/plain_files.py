"""The regular files directly inside one directory, listed and opened without following links.

Used by the store, the sources and the description of an adapter. Links, sub-directories, pipes and devices are never
read: whoever can plant one chooses what is read instead.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from interlock.documents.beneath import open_beneath
from interlock.errors import ArtifactMissing, ArtifactUnreachable

FILE, LINK, DIRECTORY, OTHER = "file", "symbolic link", "directory", "special file"


def list_directory(directory: Path) -> dict[str, tuple[str, int]]:
    """Return what lies directly inside `directory`: name → (FILE, LINK, DIRECTORY or OTHER; size in bytes).

    `directory` may be reached through links; it may not be one itself.

    Raises:
        ArtifactMissing: there is no such directory, or it is a link.
        ArtifactUnreachable: it is there and cannot be read.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise unreadable_directory(directory, error) from error
    try:
        with os.scandir(handle) as entries:
            found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    except OSError as error:
        raise ArtifactUnreachable(f"{directory} cannot be listed: {error.strerror}") from error
    finally:
        os.close(handle)
    return {name: (_kind(found[name].st_mode), found[name].st_size) for name in sorted(found)}


def open_plain(directory: Path, name: str) -> BinaryIO:
    """Open the regular file `name` directly inside `directory`.

    Raises:
        ArtifactMissing: there is no regular file of that name.
        ArtifactUnreachable: it is there and cannot be read.
    """
    return open_beneath(directory, name)


def unreadable_directory(directory: Path, error: OSError) -> ArtifactMissing | ArtifactUnreachable:
    """The error for a directory that could not be opened."""
    if error.errno == errno.ENOENT:
        return ArtifactMissing(
            f"{directory} does not exist", expected="a directory", remedy="mount it, or copy the files there"
        )
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return ArtifactMissing(f"{directory} is a link or not a directory", expected="a directory, not a link to one")
    return ArtifactUnreachable(f"{directory} cannot be read: {error.strerror}")


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return FILE
    if stat.S_ISLNK(mode):
        return LINK
    return DIRECTORY if stat.S_ISDIR(mode) else OTHER
