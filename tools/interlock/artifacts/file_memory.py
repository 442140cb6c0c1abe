"""Digests of large files, remembered by the identity of the file, so that 140 GB are not read at every poll.

Called by the agent and by register through `base_directory`. A file is read again when its device, inode, size, or
either of its times changes. The optional record on disk only saves time: when it is damaged, everything is read again.
"""

from __future__ import annotations

import json
from pathlib import Path

from interlock.artifacts.digests import file_digest
from interlock.artifacts.durable import write_atomically
from interlock.artifacts.strict_json import read_object
from interlock.documents.identifiers import Digest, InvalidIdentifier
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable

MAX_RECORD_BYTES = 4 << 20


class FileMemory:
    """Maps a file as it is now to the digest that was computed when it was last read. Not for several threads."""

    def __init__(self, record: Path | None = None) -> None:
        """`record` is where the memory outlives the process; None keeps it in the process only."""
        self._record = record
        self._known = _load(record) if record else {}

    def digest(self, path: Path) -> Digest:
        """Return the digest of the file at `path` (links are followed), reading it only when it may have changed.

        Raises:
            ArtifactMissing: there is no file at the path.
            ArtifactUnreachable: it cannot be read, or it changes while it is read.
        """
        before = _identity(path)
        known = self._known.get(str(path))
        if known and known[0] == before:
            return known[1]
        digest = file_digest(path)
        if _identity(path) != before:
            raise ArtifactUnreachable(
                f"{path} changed while it was read", remedy="wait until it is written, then retry"
            )
        self._known[str(path)] = before, digest
        return digest

    def save(self) -> None:
        """Write the record, if there is one to write; files that are gone are dropped from it.

        Raises:
            ArtifactUnreachable: the record cannot be written.
        """
        if self._record is None:
            return
        kept = {
            path: [identity, str(digest)] for path, (identity, digest) in self._known.items() if Path(path).exists()
        }
        try:
            write_atomically(self._record, json.dumps(kept, sort_keys=True).encode())
        except OSError as error:
            raise ArtifactUnreachable(f"{self._record} cannot be written: {error.strerror}") from error


def _identity(path: Path) -> str:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise ArtifactMissing(f"{path} does not exist") from error
    except OSError as error:
        raise ArtifactUnreachable(f"{path} cannot be read: {error.strerror}") from error
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def _load(record: Path) -> dict[str, tuple[str, Digest]]:
    try:
        with record.open("rb") as stream:
            data = stream.read(MAX_RECORD_BYTES)
        return {path: (str(known[0]), Digest(known[1])) for path, known in read_object(data, str(record)).items()}
    except (OSError, ArtifactCorrupt, InvalidIdentifier, TypeError, LookupError):
        return {}  # a memory that cannot be read costs one more reading of the files, nothing else
