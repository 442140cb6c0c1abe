"""Reads what was placed and compares it with the manifest: names, kinds, sizes and digests.

The files of an artifact are read in parallel, a quarter of a mebibyte at a time into memory that is used again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from interlock.artifacts.plain_files import FILE, list_directory, open_plain
from interlock.artifacts.store.parallel import for_each, never
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactArriving, ArtifactCorrupt, ArtifactUnreachable

PIECE = 256 << 10
_REPAIR = "stop the engine, move {} away, and run: interlock sync --once"


def verify_directory(directory: Path, artifact: Artifact, stop: Callable[[], bool] = never) -> Path:
    """Return `directory` if it holds exactly the files of the manifest.

    Raises:
        ArtifactArriving: `stop` said yes, so that nobody knows.
        ArtifactMissing: there is no such directory, or it is a link.
        ArtifactCorrupt: a file is missing, additional, a link, or holds other bytes.
        ArtifactUnreachable: it cannot be read.
    """
    _check_names(artifact, directory, list_directory(directory))
    for_each(artifact.files, lambda file, halt: _verify(directory, file, halt), stop=stop)
    return directory


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


def _verify(directory: Path, file: ArtifactFile, halt: Callable[[], bool]) -> None:
    where = BytesFrom(str(directory / file.path), _REPAIR.format(directory))
    state, size = hashlib.sha256(), 0
    memory = memoryview(bytearray(min(PIECE, file.size + 1)))
    with open_plain(directory, file.path) as stream:
        while count := _read_into(cast(BufferedIOBase, stream), memory, where):
            size += count
            if size > file.size:
                raise where.too_long(file)
            state.update(memory[:count])
            if halt():
                raise ArtifactArriving(f"{where.label} was not read to its end")
    where.check(file, size, state.hexdigest())


def _read_into(stream: BufferedIOBase, memory: memoryview, where: BytesFrom) -> int:
    try:
        return stream.readinto(memory)
    except OSError as error:
        raise ArtifactUnreachable(f"{where.label} cannot be read to its end: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class BytesFrom:
    """What to call the place that bytes come from, and what to do when they are wrong."""

    label: str
    remedy: str

    def check(self, file: ArtifactFile, size: int, digest: str) -> None:
        """Refuse bytes of this size and hexadecimal digest unless they are exactly `file`.

        Raises:
            ArtifactCorrupt: they are others.
        """
        if size != file.size:
            raise self._wrong(f"{size} bytes", f"{file.size} bytes")
        if digest != file.digest.hex:
            raise self._wrong(f"the digest sha256:{digest}", str(file.digest))

    def too_long(self, file: ArtifactFile) -> ArtifactCorrupt:
        """The error for a file that goes on after its promised size."""
        return self._wrong(f"more than {file.size} bytes", f"{file.size} bytes")

    def _wrong(self, found: str, expected: str) -> ArtifactCorrupt:
        return ArtifactCorrupt(
            f"{self.label} has {found}", expected=f"{expected}, as the manifest says", remedy=self.remedy
        )
