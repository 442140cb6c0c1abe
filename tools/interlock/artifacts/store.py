"""The content-addressed store of a node: a directory for each artifact, named by its digest, complete or not there.

    ROOT/sha256/<digest>/        a placed artifact: read-only, verified, what an engine is shown
    ROOT/incoming/<unique>/      being copied; locked by the process that copies
    ROOT/corrupt/<unique>/       moved aside by `replace_corrupt`; nothing is ever deleted that an engine may read

Called by the agent only. Files are copied with their digest and size checked on the way, synced, and renamed into
place as a whole, so that a crash between any two steps leaves nothing or everything. Safe for several processes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.digests import Progress, chunks, file_set_digest
from interlock.artifacts.plain_files import FILE, list_directory, open_plain
from interlock.artifacts.sources import ArtifactFiles
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing

ABANDONED_AFTER = 60.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REPAIR = "stop the engine, move {} away, and run: interlock sync --once"
_FETCH_AGAIN = "copy the registered file there again, or register what is there now as a new revision"
_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class ArtifactStore:
    """The artifacts of one node below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._incoming = self._root / "incoming"
        self._placed = self._root / "sha256"

    def path_of(self, artifact: Artifact) -> Path:
        """Where the artifact is, or would be; says nothing about whether it is there."""
        return self._placed / artifact.digest.hex

    def has(self, artifact: Artifact) -> bool:
        """Whether the artifact has been placed; `verify` says whether it is still intact."""
        return self.path_of(artifact).is_dir()

    def place(self, artifact: Artifact, source: ArtifactFiles, progress: Progress | None = None) -> Path:
        """Return the directory that holds the artifact, verified; copies it from `source` unless it is there.

        Raises:
            ArtifactMissing: the source lacks a file.
            ArtifactCorrupt: the source, or what is placed already, holds other bytes than the manifest promises.
            ArtifactUnreachable: the source cannot be read.
            ArtifactError: the store cannot be written, for example because the disk is full.
        """
        if self.has(artifact):
            return self.verify(artifact)
        with self._staged(artifact, source, progress) as staged:
            self._publish(staged, self.path_of(artifact))
        return self.verify(artifact)

    def verify(self, artifact: Artifact) -> Path:
        """Read everything that was placed and return its directory; call it before every load.

        Raises:
            ArtifactMissing: it has not been placed.
            ArtifactCorrupt: a file is missing, additional, a link, or holds other bytes. Nothing is changed: an
                engine may be reading it.
            ArtifactUnreachable: it cannot be read.
        """
        directory = self.path_of(artifact)
        _check_manifest(artifact)
        _check_names(artifact, directory, list_directory(directory))
        for file in artifact.files:
            with open_plain(directory, file.path) as stream:
                _copy(stream, file, _Place(str(directory / file.path), _REPAIR.format(directory)), _nowhere)
        return directory

    def replace_corrupt(self, artifact: Artifact, source: ArtifactFiles, progress: Progress | None = None) -> Path:
        """Place the artifact again where `verify` refuses it; the corrupt directory is moved aside and kept.

        Only for when no engine has the artifact loaded: for a moment there is nothing at its path.

        Raises:
            ArtifactError: as `place`; in that case the corrupt directory is where it was.
        """
        with suppress(ArtifactCorrupt, ArtifactMissing):
            return self.verify(artifact)
        with self._staged(artifact, source, progress) as staged:
            if self.has(artifact):
                self._move_aside(self.path_of(artifact))
            self._publish(staged, self.path_of(artifact))
        return self.verify(artifact)

    @contextmanager
    def _staged(self, artifact: Artifact, source: ArtifactFiles, progress: Progress | None) -> Iterator[Path]:
        """A directory of our own with the whole artifact, synced; removed at the end unless it was published."""
        _check_manifest(artifact)
        with _writing(self._root, artifact):
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._placed.mkdir(exist_ok=True)
            self._remove_abandoned()
            with _own_directory(self._incoming, artifact.digest.prefix) as staged:
                report = _Report(progress, artifact.size)
                for file in artifact.files:
                    _fetch(source, file, staged, report)
                _sync(staged)
                yield staged

    def _publish(self, staged: Path, final: Path) -> None:
        staged.chmod(0o755)
        try:
            staged.rename(final)
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
            return  # another process was first; the caller verifies what that one placed
        final.chmod(0o555)
        _sync(self._placed)

    def _move_aside(self, directory: Path) -> None:
        aside = self._root / "corrupt"
        aside.mkdir(exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f"{directory.name[:12]}-", dir=aside))
        directory.chmod(0o755)
        directory.rename(place / directory.name)
        _sync(aside)

    def _remove_abandoned(self) -> None:
        """Remove what processes that ended in the middle left behind; theirs is no longer locked."""
        for directory in self._incoming.iterdir():
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # gone, or not ours
                if time.time() - directory.lstat().st_mtime > ABANDONED_AFTER:
                    _remove_if_unlocked(directory)


def _check_manifest(artifact: Artifact) -> None:
    digest = file_set_digest(artifact.files)
    if digest != artifact.digest:
        raise ArtifactCorrupt(
            f"the manifest gives the artifact the digest {artifact.digest}, and its files have {digest} together",
            expected="the digest of the listed files",
            remedy="register the adapter again",
        )


def _check_names(artifact: Artifact, directory: Path, found: dict[str, tuple[str, int]]) -> None:
    promised = {file.path for file in artifact.files}
    for name in sorted(promised | found.keys()):
        kind = found[name][0] if name in found else "missing"
        if name not in promised or kind != FILE:
            what = f"is {kind}" if kind == "missing" else f"is a {kind} that does not belong there"
            raise ArtifactCorrupt(
                f"{directory / name} {what}",
                expected="exactly the files of the manifest: " + ", ".join(sorted(promised)),
                remedy=_REPAIR.format(directory),
            )


class _Report:
    """Adds up the bytes of all files for one progress bar."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, self._total)


def _fetch(source: ArtifactFiles, file: ArtifactFile, directory: Path, report: _Report) -> None:
    target = os.open(directory / file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(target, "wb") as written, source.open(file.path) as stream:

        def keep(piece: bytes) -> None:
            written.write(piece)
            report.add(len(piece))

        _copy(stream, file, _Place(f"{file.path} from {source.label}", _FETCH_AGAIN), keep)
        written.flush()
        os.fchmod(written.fileno(), 0o444)
        os.fsync(written.fileno())


@dataclass(frozen=True, slots=True)
class _Place:
    """What to call the place that bytes come from, and what to do when they are wrong."""

    label: str
    remedy: str


def _copy(stream: BinaryIO, file: ArtifactFile, place: _Place, keep: Callable[[bytes], None]) -> None:
    """Read `stream` to its end, handing on each piece, and refuse it unless it is exactly `file`."""
    state, size = hashlib.sha256(), 0
    for piece in chunks(stream, place.label):
        size += len(piece)
        if size > file.size:
            raise _wrong(place, f"more than {file.size} bytes", f"{file.size} bytes")
        state.update(piece)
        keep(piece)
    if size != file.size:
        raise _wrong(place, f"{size} bytes", f"{file.size} bytes")
    if state.hexdigest() != file.digest.hex:
        raise _wrong(place, f"the digest sha256:{state.hexdigest()}", str(file.digest))


def _wrong(place: _Place, found: str, expected: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{place.label} has {found}", expected=f"{expected}, as the manifest says", remedy=place.remedy
    )


def _nowhere(piece: bytes) -> None:
    """What verifying does with the bytes."""


@contextmanager
def _writing(root: Path, artifact: Artifact) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ArtifactError(
                f"the disk of {root} is full: {artifact.size} bytes were to be placed ({error.strerror})",
                expected=f"{artifact.size} bytes of free space",
                remedy=f"free space on the disk of {root}; the next turn tries again",
            ) from error
        raise ArtifactError(
            f"{error.filename or root} cannot be written: {error.strerror}",
            expected=f"a directory that this user may write: {root}",
            remedy=f"check the owner and the mount of {root}",
        ) from error


@contextmanager
def _own_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory, locked while this process works in it, and gone afterwards if it is still there."""
    directory = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=parent))
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(handle)


def _remove_if_unlocked(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
    except BlockingIOError:
        pass  # its owner is alive
    finally:
        os.close(handle)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
