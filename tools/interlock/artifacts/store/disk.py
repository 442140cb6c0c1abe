"""What the disk under the store says: made durable, or an error that names the disk and what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import StoreUnwritable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def writing(root: Path, artifact: Artifact) -> Iterator[None]:
    """Let an `OSError` of writing below `root` become an error of the store.

    Raises:
        StoreUnwritable: the disk is full or cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreUnwritable(
                f"the disk of {root} is full: {artifact.size} bytes were to be placed ({error.strerror})",
                expected=f"{artifact.size} bytes of free space",
                remedy=f"free space on the disk of {root}; the next turn tries again",
            ) from error
        raise StoreUnwritable(
            f"{error.filename or root} cannot be written: {error.strerror}",
            expected=f"a directory that this user may write: {root}",
            remedy=f"check the owner and the mount of {root}; it is tried again by itself",
        ) from error


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a crash of the machine."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
