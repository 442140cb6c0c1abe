"""Directories in which artifacts arrive: one for each digest, locked while a process works there, kept in between."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactUnreachable


@contextmanager
def claimed(parent: Path, artifact: Artifact) -> Iterator[Path]:
    """The directory in which the artifact arrives, for this process alone, with nothing in it but its own files.

    Raises:
        ArtifactUnreachable: another process is bringing the same artifact.
        OSError: the directory cannot be made or read.
    """
    directory = parent / artifact.digest.hex
    parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # `exist_ok` fails where another process renames it away just now
        directory.mkdir(mode=0o700)
    handle = locked(directory)
    if handle is None:
        raise ArtifactUnreachable(
            f"another process is bringing {artifact.digest} into {parent.parent}",
            expected="to be the only one for a while",
            remedy="wait for the other process, or stop it",
        )
    try:
        _keep_only(directory, {file.path for file in artifact.files})
        yield directory
    finally:
        os.close(handle)


def locked(directory: Path) -> int | None:
    """An open handle that holds the lock of a directory; None when another process holds it, or it is gone."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), directory.lstat()):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass  # its owner is alive, or has just renamed it away
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _keep_only(directory: Path, names: set[str]) -> None:
    """Keep regular files of these names, writable by us; whatever else lies there was not put there by us."""
    directory.chmod(0o700)
    for entry in list(os.scandir(directory)):
        mode = entry.stat(follow_symlinks=False).st_mode
        if entry.name in names and stat.S_ISREG(mode):
            Path(entry.path).chmod(0o600)
        elif stat.S_ISDIR(mode):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
