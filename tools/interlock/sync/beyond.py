"""How a node's checker looks at artifacts beyond the node: at what the node has already, or else where they come from.

Called by `commit_judge`. Bytes that are in the store, and signatures that were read once, are asked for nowhere: a
source that does not answer holds up neither a rollback nor a promotion of something else.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.artifacts.sources import ArtifactFiles, DirectoryFiles
from interlock.artifacts.sources.remote import MAX_SIGNATURE_BYTES
from interlock.artifacts.store import ArtifactStore
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact, Signature
from interlock.errors import ArtifactError

_SEAL = 65
"""Bytes before a kept signature: its own digest and the end of that line."""


class Beyond:
    """Opens artifacts for the checker. The bytes in the store are verified once here, and again before each load.

    `signatures` is the directory that keeps the signatures, which are no part of what the store places; `open_source`
    opens the place that an address names, and asks for nothing yet.
    """

    def __init__(
        self, store: ArtifactStore, signatures: Path, open_source: Callable[[Artifact], ArtifactFiles]
    ) -> None:
        self._store = store
        self._signatures = signatures
        self._open_source = open_source
        self._verified: set[Digest] = set()

    def __call__(self, artifact: Artifact) -> ArtifactFiles:
        """The files of an artifact at an address beyond this machine; nothing is asked for yet."""
        source = self._open_source(artifact)
        files = DirectoryFiles(self._store.path_of(artifact)) if self._is_here(artifact) else source
        if artifact.signature is None:
            return files
        return _Signed(files, source, artifact.signature, self._signatures / artifact.digest.hex)

    def _is_here(self, artifact: Artifact) -> bool:
        if not self._store.has(artifact):
            return False
        if artifact.digest not in self._verified:
            try:
                self._store.verify(artifact)
            except ArtifactError:
                return False  # placing repairs that, and says so
            self._verified.add(artifact.digest)
        return True


class _Signed:
    """Files with a signature, which is read from `source` once and then from the file `kept`."""

    def __init__(self, files: ArtifactFiles, source: ArtifactFiles, signature: Signature, kept: Path) -> None:
        self._files = files
        self._source = source
        self._signature = signature
        self._kept = kept

    @property
    def label(self) -> str:
        """See `ArtifactFiles.label`."""
        return self._files.label

    def sizes(self) -> Mapping[str, int]:
        """See `ArtifactFiles.sizes`."""
        return self._files.sizes()

    def open(self, name: str, *, start: int = 0) -> AbstractContextManager[BinaryIO]:
        """See `ArtifactFiles.open`."""
        return self._open_signature() if name == self._signature.path else self._files.open(name, start=start)

    @contextmanager
    def _open_signature(self) -> Iterator[BinaryIO]:
        data = self._known()
        if data is None:
            with self._source.open(self._signature.path) as stream:
                data = stream.read(MAX_SIGNATURE_BYTES)
            with suppress(OSError):  # a full disk is told by those who need it
                self._kept.parent.mkdir(exist_ok=True)
                write_atomically(self._kept, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        yield io.BytesIO(data)

    def _known(self) -> bytes | None:
        """The signature that was kept; one that was damaged since is asked for again."""
        found = read_bounded(self._kept, limit=_SEAL + MAX_SIGNATURE_BYTES) or b""
        data = found[_SEAL:]
        return data if data and found[: _SEAL - 1] == hashlib.sha256(data).hexdigest().encode() else None
