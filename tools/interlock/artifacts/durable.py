"""Small files that survive a crash: written to the side, synced, renamed."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from interlock.errors import DocumentError


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` with `data`: readers see the old bytes or the new ones, never a mixture, also after a crash.

    `mode`: who may read it; only its owner, unless said otherwise. What root writes belongs to the owner of the
    directory, so that an order given with sudo can be read by the agent that it is for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if os.geteuid() == 0:
                _give_away(stream.fileno(), path.parent)
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _give_away(handle: int, directory: Path) -> None:
    owner = directory.stat()
    with suppress(OSError):  # not every root may, and not every file system can
        os.fchown(handle, owner.st_uid, owner.st_gid)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_bounded(path: Path, *, limit: int) -> bytes | None:
    """Return the bytes of a file, or None when there is none.

    Raises:
        DocumentError: the file is larger than `limit` bytes or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise DocumentError(f"{path} has more than {limit} bytes", remedy=f"look at it, then remove {path}")
    return data
