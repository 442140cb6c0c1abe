"""Looks at the bytes of one artifact: sizes, digests, tensor table, settings, and values on request.

Called by `gather`, from several threads. Each file is read once from its start to its end, never further than the
manifest says it goes, and nothing of it is executed. Raises nothing for bad content: it becomes a fact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from interlock.artifacts.adapter_config import FILE_NAME as SETTINGS
from interlock.artifacts.adapter_config import MAX_BYTES as MAX_SETTINGS
from interlock.artifacts.adapter_config import AdapterConfig, read_adapter_config
from interlock.artifacts.lora_tensors import pair_up
from interlock.artifacts.sources import UNKNOWN_SIZE
from interlock.artifacts.tensor_table import TensorTable, read_header
from interlock.artifacts.tensor_values import scan_values
from interlock.checking.places import Place
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable, HistoryError
from interlock.rules.facts import ArtifactFacts, FileFact

TENSORS = "adapter_model.safetensors"
CHUNK = 1 << 20
READ_WHOLE = 256 << 10
"""Bytes up to which a file beyond this machine is read to its end, and so compared with its digest."""


_UNREAD = FileFact(0)


@dataclass(frozen=True, slots=True)
class _Content:
    """What one pass over one file brought to light."""

    fact: FileFact = _UNREAD
    table: TensorTable | None = None
    config: AdapterConfig | None = None
    error: str = ""


_NOTHING = _Content()


def read_artifact(place: Place, promised: Sequence[ArtifactFile], *, deep: bool = False) -> ArtifactFacts:
    """Look at the files of an adapter or a base: sizes, digests, and what tensor file and settings say.

    Files that are not promised are listed and not read; `deep` also looks at the values of the tensors.
    """
    try:
        read = _read if deep or not place.beyond else _glanced
        contents = {file.path: read(place, file) for file in promised if file.path in place.sizes}
        facts = _combined(place, contents)
        if deep and facts.table:
            file = next(file for file in promised if file.path == TENSORS)
            with place.open(file) as stream:
                return replace(facts, values=scan_values(stream, facts.table))
        return facts
    except ArtifactCorrupt as error:
        return ArtifactFacts(unreachable=f"{error.found}, and it was whole a moment ago")
    except ArtifactMissing as error:
        return ArtifactFacts(missing=f"{error.found}; it was there a moment ago")
    except (ArtifactUnreachable, HistoryError) as error:
        return ArtifactFacts(unreachable=error.found)


def _combined(place: Place, contents: Mapping[str, _Content]) -> ArtifactFacts:
    tensors, settings = contents.get(TENSORS, _NOTHING), contents.get(SETTINGS, _NOTHING)
    files = {name: contents[name].fact if name in contents else FileFact(size) for name, size in place.sizes.items()}
    return ArtifactFacts(
        files=files,
        strange=place.strange,
        table=tensors.table,
        table_error=tensors.error,
        pairs=pair_up(tensors.table) if tensors.table else None,
        config=settings.config,
        config_error=settings.error,
    )


def _read(place: Place, file: ArtifactFile) -> _Content:
    size = place.sizes[file.path]
    if size not in (file.size, UNKNOWN_SIZE):
        return _Content(FileFact(size))
    with place.open(file) as stream:
        metered = _Metered(stream, file.size + 1)
        content = _understood(metered, file)
        metered.drain()
    if place.ends_early(file, metered.count):
        raise ArtifactUnreachable(f"{file.path} broke off after {metered.count} of {file.size} bytes")
    if metered.count != file.size:
        return _Content(FileFact(metered.count, at_least=metered.count > file.size))
    return replace(content, fact=FileFact(metered.count, metered.digest()))


def _glanced(place: Place, file: ArtifactFile) -> _Content:
    """What the beginning of a file beyond this machine tells; only a small one is read to its end."""
    size = place.sizes[file.path]
    if size not in (file.size, UNKNOWN_SIZE):
        return _Content(FileFact(size))
    if file.size <= READ_WHOLE:
        return _read(place, file)
    if file.path not in (TENSORS, SETTINGS):
        return _Content(FileFact(file.size))
    try:
        with place.open(file) as stream:
            content = _understood(_Metered(stream, file.size), file)
    except ArtifactCorrupt as error:
        return _Content(FileFact(file.size), error=f"{error.found}; expected {error.expected}")
    return replace(content, fact=FileFact(file.size))


def _understood(stream: _Metered, file: ArtifactFile) -> _Content:
    """What the file says, if it is one that says something; the part of it that was needed is read then."""
    try:
        if file.path == TENSORS:
            return _Content(table=read_header(stream.as_binary(), file.size, label=TENSORS))
        if file.path == SETTINGS:
            return _Content(config=read_adapter_config(stream.read(MAX_SETTINGS + 1)))
    except ArtifactCorrupt as error:
        return _Content(error=f"{error.found}; expected {error.expected}" if error.expected else error.found)
    return _NOTHING


class _Metered:
    """A stream that hashes and counts what is read from it, and ends after `limit` bytes."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit
        self._hash = hashlib.sha256()
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes; all that is left within the limit for a negative size."""
        wanted = self._left if size < 0 else min(size, self._left)
        parts = []
        while wanted:
            part = self._next(min(wanted, CHUNK))
            if not part:
                break
            parts.append(part)
            wanted -= len(part)
            self._take(part)
        return b"".join(parts)

    def _next(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise ArtifactUnreachable(f"a file cannot be read to its end: {error.strerror}") from error

    def as_binary(self) -> BinaryIO:
        """This stream for a reader that only calls `read`."""
        return cast(BinaryIO, self)

    def drain(self) -> None:
        """Read the rest."""
        while self.read(CHUNK):
            pass

    def digest(self) -> Digest:
        """The digest of everything read so far."""
        return Digest(f"sha256:{self._hash.hexdigest()}")

    def _take(self, part: bytes) -> None:
        self._hash.update(part)
        self.count += len(part)
        self._left -= len(part)
