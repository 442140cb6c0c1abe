"""Writes artifacts into an archive: a directory that may be put on a web server or into a bucket as it is.

Called by `interlock archive`. The source is compared with the manifest on the way in, and everything is read back and
compared once more before it appears at its place, because afterwards nobody may have the bytes any more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.digests import Progress, chunks
from interlock.artifacts.sources import ArtifactFiles, DirectoryFiles
from interlock.artifacts.sources.archives import COMPRESSED, WINDOW_LOG, ArchivedFiles, archive_folder
from interlock.artifacts.store.disk import sync_directory
from interlock.artifacts.store.verifying import BytesFrom
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactError

LEVEL = 10
MAX_SIGNATURE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Archived:
    """Where an artifact is kept now, its size, and how many bytes that takes there; `fresh` if it was not there."""

    directory: Path
    size: int
    kept_size: int
    fresh: bool


def archive_artifact(
    artifact: Artifact, source: ArtifactFiles, archive: Path, progress: Progress | None = None, *, compress: bool = True
) -> Archived:
    """Keep an artifact below the directory `archive`; one that is there already is read and compared only.

    Raises:
        ArtifactError: the source, or what is kept already, has other bytes than the manifest, or cannot be read; or the
            archive cannot be written. Nothing appears at its place then.
    """
    directory = archive.resolve() / archive_folder(artifact.digest)
    fresh = not directory.exists()
    if fresh:
        with _writing(directory) as staged:
            _fill(staged, artifact, source, progress, compress)
    else:
        _read_back(artifact, archive.resolve())
    kept = sum(path.lstat().st_size for path in directory.iterdir())
    return Archived(directory, artifact.size, kept, fresh)


@contextmanager
def _writing(directory: Path) -> Iterator[Path]:
    """An archive of its own beside the place of the directory, of which the directory is moved there in the end."""
    staging: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=directory.parent))
        yield staging
        (staging / "sha256" / directory.name).rename(directory)
        sync_directory(directory.parent)
    except OSError as error:
        raise ArtifactError(
            f"{error.filename or directory} cannot be written: {error.strerror}",
            expected="a directory with enough room that this user may write",
            remedy="name another directory with --to, or free space there",
        ) from error
    finally:
        if staging:
            shutil.rmtree(staging, ignore_errors=True)


def _fill(staged: Path, artifact: Artifact, source: ArtifactFiles, progress: Progress | None, compress: bool) -> None:
    directory = staged / archive_folder(artifact.digest)
    directory.mkdir(parents=True)
    done = 0
    for file in artifact.files:
        with source.open(file.path) as stream:
            if compress:
                done += _compressed(stream, file, source.label, directory)
            else:
                done += _plain(stream, file, source.label, directory)
        if progress:
            progress(done, artifact.size)
    if artifact.signature:
        with source.open(artifact.signature.path) as stream:
            _write(directory / artifact.signature.path, lambda target: target.write(stream.read(MAX_SIGNATURE_BYTES)))
    sync_directory(directory)
    _read_back(artifact, staged)


def _plain(stream: BinaryIO, file: ArtifactFile, label: str, directory: Path) -> int:
    _write(directory / file.path, lambda target: _exactly(stream, file, label, target.write))
    return file.size


def _compressed(stream: BinaryIO, file: ArtifactFile, label: str, directory: Path) -> int:
    import zstandard

    settings = zstandard.ZstdCompressionParameters.from_level(LEVEL, window_log=WINDOW_LOG, write_checksum=True)

    def pack(target: BinaryIO) -> None:
        compressor = zstandard.ZstdCompressor(compression_params=settings)
        with compressor.stream_writer(target, size=file.size, closefd=False) as writer:
            _exactly(stream, file, label, writer.write)

    _write(directory / f"{file.path}{COMPRESSED}", pack)
    return file.size


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    with path.open("xb") as target:
        fill(target)
        target.flush()
        os.fchmod(target.fileno(), 0o444)
        os.fsync(target.fileno())


def _exactly(stream: BinaryIO, file: ArtifactFile, label: str, keep: Callable[[bytes], object]) -> None:
    """Hand on exactly the bytes of a file, or refuse."""
    where = BytesFrom(f"{file.path} from {label}", "archive the revision from where its registered bytes are")
    state, size = hashlib.sha256(), 0
    for piece in chunks(stream, where.label):
        size += len(piece)
        if size > file.size:
            raise where.too_long(file)
        state.update(piece)
        keep(piece)
    where.check(file, size, state.hexdigest())


def _read_back(artifact: Artifact, archive: Path) -> None:
    kept = ArchivedFiles(artifact, f"file://{archive}", lambda there: DirectoryFiles(Path(there.uri[len("file://") :])))
    for file in artifact.files:
        with kept.open(file.path) as stream:
            _exactly(stream, file, kept.label, lambda piece: None)
