"""Brings one file of an artifact from its source, hashed on the way, and continues what an earlier time left off.

What lies there already is hashed first, so that continued bytes are as exact as fresh ones; a process that left off
because it was asked to remembers the hash so far. Where the whole turns out wrong although the source may be right
(another process wrote into it, a disk that forgot), it is brought once more from the start before the source is blamed.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from interlock.artifacts.digests import Progress, chunks
from interlock.artifacts.sources import ArtifactFiles
from interlock.artifacts.store.verifying import BytesFrom
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactArriving, ArtifactCorrupt, RangeNotSupported

_FETCH_AGAIN = "copy the registered file there again, or register what is there now as a new revision"


Hashes = dict[tuple[Path, int, int, int], Any]
"""The state of a hash over a file, by path, inode, size and time of change: what was left off in this process."""


class Bringing:
    """One artifact on its way from `source` into `directory`; adds up the bytes of all files for one progress bar.

    `left_off` is what this process remembers of earlier times.
    """

    def __init__(
        self,
        artifact: Artifact,
        source: ArtifactFiles,
        directory: Path,
        progress: Progress | None = None,
        left_off: Hashes | None = None,
    ) -> None:
        self.artifact, self.source, self.directory = artifact, source, directory
        self.left_off: Hashes = {} if left_off is None else left_off
        self._progress, self._done = progress, 0
        self._lock = threading.Lock()

    def here(self, count: int) -> None:
        """Note that `count` bytes more are here (fewer, where it is negative)."""
        with self._lock:
            self._done += count
            if self._progress and count > 0:
                self._progress(self._done, self.artifact.size)

    def arriving(self) -> ArtifactArriving:
        """The error for a placement that was asked to stop."""
        return ArtifactArriving(f"{self._done} of {self.artifact.size} bytes from {self.source.label} are here")


def bring_file(bringing: Bringing, file: ArtifactFile, halt: Callable[[], bool]) -> None:
    """Bring one file, synced and read-only; `halt` is asked after each piece.

    Raises:
        ArtifactError: as `ArtifactStore.place`; what was brought so far stays where it is.
        OSError: the directory cannot be written.
    """
    handle = os.open(bringing.directory / file.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as kept:
        _File(bringing, file, kept, halt).bring()
        os.fchmod(kept.fileno(), 0o444)
        os.fsync(kept.fileno())


class _File:
    """One file while it is brought: `_state` and `_size` are over the bytes that lie there."""

    def __init__(self, bringing: Bringing, file: ArtifactFile, kept: BinaryIO, halt: Callable[[], bool]) -> None:
        self._bringing, self._file, self._kept, self._halt = bringing, file, kept, halt
        self._from = BytesFrom(f"{file.path} from {bringing.source.label}", _FETCH_AGAIN)
        self._state, self._size = hashlib.sha256(), 0

    def bring(self) -> None:
        continued = self._continue()
        try:
            if continued < self._file.size or not continued:
                self._receive(continued)
            self._check()
        except (RangeNotSupported, ArtifactCorrupt):
            if not continued:
                raise
            self._begin_again()
            self._receive(0)
            self._check()

    def _continue(self) -> int:
        """Hash what lies there already; returns how many bytes that are. More than promised is worth nothing."""
        if os.fstat(self._kept.fileno()).st_size > self._file.size:
            self._begin_again()
        self._recall()
        for piece in chunks(self._kept, self._file.path):
            self._note(piece)
        return self._size

    def _identity(self) -> tuple[Path, int, int, int]:
        found = os.fstat(self._kept.fileno())
        path = self._bringing.directory / self._file.path
        return path, found.st_ino, found.st_size, found.st_mtime_ns

    def _recall(self) -> None:
        identity = self._identity()
        state = self._bringing.left_off.pop(identity, None)
        if state is not None:
            self._state, self._size = state, identity[2]
            self._kept.seek(self._size)
            self._bringing.here(self._size)

    def _receive(self, start: int) -> None:
        with self._bringing.source.open(self._file.path, start=start) as stream:
            for piece in chunks(stream, self._from.label):
                if self._size + len(piece) > self._file.size:
                    raise self._from.too_long(self._file)
                _write(self._kept, piece)
                self._note(piece)
                if self._halt():
                    self._bringing.left_off[self._identity()] = self._state
                    raise self._bringing.arriving()

    def _note(self, piece: bytes) -> None:
        self._state.update(piece)
        self._size += len(piece)
        self._bringing.here(len(piece))

    def _check(self) -> None:
        self._from.check(self._file, self._size, self._state.hexdigest())

    def _begin_again(self) -> None:
        self._kept.seek(0)
        self._kept.truncate()
        self._bringing.here(-self._size)
        self._state, self._size = hashlib.sha256(), 0


def _write(file: BinaryIO, piece: bytes) -> None:
    # An unbuffered file may take less than it was given, for example up to the end of a quota.
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]
