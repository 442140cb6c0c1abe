"""Lists a directory that another program keeps current, and says whether it may be in the middle of that.

Called by `directory_mirror`. Links and special files are refused and never followed; `.git` is left out, because it is
no part of a tree. Nothing is read but what the file system says of each file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import HistoryError, RemoteUnreachable
from interlock.findings.readable import readable

MOST_FILES = 200_000
MAX_FILE_BYTES = 4 << 30
MAX_TOTAL_BYTES = 16 << 30
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One file as the file system describes it. `identity` changes whenever the bytes may have changed."""

    path: str
    executable: bool
    size: int
    identity: tuple[int, ...]


@dataclass(frozen=True)
class Listing:
    """All files by path. `changed` is when something in it was last written, added or removed (seconds since 1970)."""

    files: dict[str, SeenFile]
    changed: float


def list_directory(root: Path) -> Listing:
    """List everything below `root`, which is no link itself.

    Raises:
        RemoteUnreachable: a directory went away meanwhile, or cannot be listed.
        HistoryError: there is something that cannot be followed: a link, a special file, too much.
    """
    files: dict[str, SeenFile] = {}
    changed, total = 0.0, 0
    try:
        for path, status in _walk(root):
            changed = max(changed, status.st_ctime)
            if stat.S_ISDIR(status.st_mode):
                continue
            files[path] = _seen(root, path, status)
            total += status.st_size
            if len(files) > MOST_FILES or total > MAX_TOTAL_BYTES:
                raise _too_much(root)
    except OSError as error:
        raise RemoteUnreachable(
            f"{readable(str(error.filename or root))} cannot be listed: {error.strerror}",
            remedy="look at what keeps the directory current, and at its permissions; Interlock looks again by itself",
        ) from error
    return Listing(files, changed)


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    yield "", root.lstat()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as listed:
            for item in listed:
                if item.name.lower() == ".git":
                    continue
                path, status = f"{folder}{item.name}", item.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(f"{path}/")
                if len(path) > _LONGEST_PATH:
                    raise _too_much(root)
                yield path, status


def _seen(root: Path, path: str, status: os.stat_result) -> SeenFile:
    if not stat.S_ISREG(status.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        raise HistoryError(
            f"{readable(path)} in {readable(str(root))} is {what}",
            expected="regular files only; the directory itself may be a link that is swapped",
            remedy="take it out of the repository from which the directory comes",
        )
    if status.st_size > MAX_FILE_BYTES:
        raise HistoryError(
            f"{readable(path)} in {readable(str(root))} has {status.st_size} bytes",
            expected=f"at most {MAX_FILE_BYTES} bytes",
            remedy="keep large adapters in an artifact store: https, s3, oci or hf (docs/artifacts.md)",
        )
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return SeenFile(path, bool(status.st_mode & stat.S_IXUSR), status.st_size, identity)


def _too_much(root: Path) -> HistoryError:
    return HistoryError(
        f"{readable(str(root))} holds more than can be followed",
        expected=f"at most {MOST_FILES} files and {MAX_TOTAL_BYTES} bytes, no path longer than {_LONGEST_PATH}",
        remedy="name the directory that holds the repository itself, and keep large adapters in an artifact store",
    )
