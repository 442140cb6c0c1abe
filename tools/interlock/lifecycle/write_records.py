"""Writes what register planned: first the bytes, then the documents, so that a manifest never names missing bytes.

Called by `interlock register`. When anything fails, what was written before is removed again.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from interlock.artifacts.digests import describe_directory
from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactCorrupt, InterlockError
from interlock.evidence.weights_signature import MAX_BYTES
from interlock.evidence.weights_signing import SIGNATURE_FILE
from interlock.lifecycle.artifact_place import ArtifactPlace
from interlock.lifecycle.file_writing import write_below
from interlock.lifecycle.register_adapter import PlannedRevision
from interlock.lifecycle.register_base import PlannedBase


def write_revision(root: Path, plan: PlannedRevision) -> None:
    """Write a planned adapter revision that was not refused.

    Raises:
        InterlockError: a document exists by now, or the bytes changed; nothing is left behind.
    """
    files = plan.manifest.artifact.files
    with _undone_on_failure() as undo:
        _place_bytes(root, plan.place, plan.directory.path, files, undo)
        if plan.signature:
            folder = root / plan.place.copy_to if plan.place.copy_to else plan.directory.path
            _place_signature(folder / SIGNATURE_FILE, plan.signature.data, undo)
        _create(root, plan.files, undo)


def write_base(root: Path, plan: PlannedBase) -> None:
    """Write a planned base revision, and the environments that name it from now on.

    Raises:
        InterlockError: a document exists by now, or the bytes changed; nothing is left behind.
    """
    with _undone_on_failure() as undo:
        _place_bytes(root, plan.place, plan.directory, plan.manifest.files, undo)
        _create(root, plan.files, undo)
        for path, text in plan.edits.items():
            before = (root / path).read_bytes()
            write_below(root, path, text.encode("utf-8"))
            undo.callback(write_below, root, path, before)


@contextmanager
def _undone_on_failure() -> Iterator[ExitStack]:
    """Collects how to undo what was done, and does it when the block fails."""
    with ExitStack() as undo:
        yield undo
        undo.pop_all()


def _place_bytes(
    root: Path, place: ArtifactPlace, source: Path, files: tuple[ArtifactFile, ...], undo: ExitStack
) -> None:
    if place.copy_to is not None and copy_artifact(source, root / place.copy_to, files):
        undo.callback(shutil.rmtree, root / place.copy_to)


def _place_signature(path: Path, data: bytes, undo: ExitStack) -> None:
    there = read_bounded(path, limit=MAX_BYTES)
    if there == data:
        return
    if there is not None:
        raise InterlockError(f"{path} is another signature", remedy="remove it, and run the same command again")
    write_atomically(path, data)
    path.chmod(0o644)
    undo.callback(path.unlink, missing_ok=True)


def _create(root: Path, documents: Mapping[str, str], undo: ExitStack) -> None:
    for path, text in documents.items():
        if (root / path).exists():
            raise InterlockError(f"{path} exists by now", remedy="run the same command again")
        write_below(root, path, text.encode("utf-8"))
        undo.callback((root / path).unlink, missing_ok=True)


def copy_artifact(source: Path, target: Path, files: Iterable[ArtifactFile]) -> bool:
    """Copy exactly these files of `source` into the new directory `target`; False if equal bytes are there already.

    Raises:
        ArtifactCorrupt: `target` holds other bytes, or the source changed while it was copied.
    """
    expected = tuple(files)
    if target.exists():
        _require(target, expected, "holds other bytes than those that are registered")
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = target.parent / f".incoming-{secrets.token_hex(8)}"
    try:
        incoming.mkdir()
        for file in expected:
            shutil.copyfile(source / file.path, incoming / file.path)
        _require(incoming, expected, f"is not what {source} held a moment ago: it changed while it was copied")
        incoming.rename(target)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    return True


def _require(directory: Path, expected: tuple[ArtifactFile, ...], otherwise: str) -> None:
    listed = any(file.path == SIGNATURE_FILE for file in expected)
    if describe_directory(directory, besides="" if listed else SIGNATURE_FILE) != expected:
        raise ArtifactCorrupt(
            f"{directory} {otherwise}",
            expected="the files that were described, byte for byte",
            remedy="see that nothing writes there, and run the same command again",
        )
