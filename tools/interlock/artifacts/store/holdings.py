"""What lies in a store and how large it is; and its removal, in one step for everybody who looks.

What is removed is renamed into `trash/` first: a crash leaves it whole at its path or not there at all. What a crash
left in the trash is deleted at the next start.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from interlock.artifacts.store.disk import sync_directory
from interlock.artifacts.store.partials import locked
from interlock.artifacts.store.users import USERS

PLACED, PARTIAL, CORRUPT, TRASH, EARLIER = "sha256", "partial", "corrupt", "trash", "incoming"
"""Folders of a store. `EARLIER` is where earlier versions brought artifacts."""
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Holding:
    """Something in the store: its path below the root, its hexadecimal digest, its size in bytes, and since when.

    `digest` is "" for what no engine is ever shown; `since` in seconds since the epoch.
    """

    place: str
    digest: str
    size: int
    since: float

    @property
    def is_placed(self) -> bool:
        """Whether it is a whole artifact, which an engine may be shown."""
        return self.place.startswith(f"{PLACED}/")

    @property
    def is_partial(self) -> bool:
        """Whether it is an artifact that has not come in whole."""
        return self.place.startswith(f"{PARTIAL}/")


class Holdings:
    """Looks through one store; what has not changed since is not read again."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._sizes: dict[tuple[str, int, int], int] = {}

    def listed(self) -> tuple[Holding, ...]:
        """Everything that takes room, by path.

        Raises:
            OSError: the store cannot be read.
        """
        found = [holding for folder in (PLACED, PARTIAL, CORRUPT, TRASH, EARLIER) for holding in self._in(folder)]
        return tuple(sorted(found, key=lambda holding: holding.place))

    def stamp(self) -> tuple[int, ...]:
        """Differs when something came in or left since; which parts of what arrives are there does not count."""
        return tuple(_changed_at(self._root / folder) for folder in (PLACED, PARTIAL, CORRUPT, TRASH, USERS))

    def available(self) -> int:
        """How many bytes the disk of the store has free for this user.

        Raises:
            OSError: there is no telling.
        """
        place = next(path for path in (self._root, *self._root.parents) if path.is_dir())
        found = os.statvfs(place)
        return found.f_bavail * found.f_frsize

    def remove(self, holding: Holding) -> bool:
        """Remove one holding; False when it is not there any more, or another process works in it.

        Raises:
            OSError: the store cannot be written; then it lies where it was, or in the trash.
        """
        path = self._root / holding.place
        folder = path.parent.name
        if folder == TRASH:
            _delete(path)
            return True
        handle = locked(path)
        if handle is None:
            return False
        try:
            self._to_the_trash(path)
        finally:
            os.close(handle)
        return True

    def tidy(self) -> None:
        """Delete what earlier removals and earlier versions of Interlock left behind; call it once at the start.

        Raises:
            OSError: it cannot be deleted.
        """
        for folder in (TRASH, EARLIER):
            for holding in list(self._in(folder)):
                self.remove(holding)

    def _to_the_trash(self, path: Path) -> None:
        trash = self._root / TRASH
        trash.mkdir(exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=f"{path.name[:12]}-", dir=trash))
        path.chmod(0o755)  # a directory can be moved only by who may write into it
        path.rename(own / path.name)
        sync_directory(path.parent)
        _delete(own)

    def _in(self, folder: str) -> Iterator[Holding]:
        try:
            entries = list(os.scandir(self._root / folder))
        except FileNotFoundError:
            return
        for entry in entries:
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    digest = entry.name if folder in (PLACED, PARTIAL) and _HEX.fullmatch(entry.name) else ""
                    if digest or folder not in (PLACED, PARTIAL):  # what is not ours stays
                        yield Holding(f"{folder}/{entry.name}", digest, self._size(entry.path, found), found.st_mtime)

    def _size(self, path: str, found: os.stat_result) -> int:
        """Bytes of the files below a directory; a placed one is read-only, so its own times say when to look again."""
        key = path, found.st_ino, found.st_mtime_ns
        size = self._sizes.get(key) if f"/{PLACED}/" in path else None
        if size is None:
            size = self._sizes[key] = sum(_sizes_below(path))
        return size


def _changed_at(directory: Path) -> int:
    try:
        return directory.lstat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _sizes_below(directory: str) -> Iterator[int]:
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                yield os.lstat(f"{parent}/{name}").st_size


def _delete(directory: Path) -> None:
    with suppress(FileNotFoundError):  # another process deletes it too
        for parent, _, _ in os.walk(directory):
            Path(parent).chmod(0o700)
        shutil.rmtree(directory)
