"""Archives: places where artifacts are kept by their digests, for when the place in their manifests is gone.

    <archive>/sha256/<digest>/<file>.zst      compressed with zstd, or
    <archive>/sha256/<digest>/<file>          as it is

An archive is a directory of this machine, of a web server or of a bucket; `interlock archive` writes one. It is asked
only when the source of an artifact has nothing or does not answer. Nothing in it is believed: whoever reads compares
digests.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any, BinaryIO, TypeVar, cast

from interlock.artifacts.sources.files import UNKNOWN_SIZE, ArtifactFiles
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable, RangeNotSupported

COMPRESSED = ".zst"
WINDOW_LOG = 23
"""Binary logarithm of the most memory that reading takes, in bytes: what zstd itself takes without being asked."""
_PIECE = 256 << 10

T = TypeVar("T")
Opener = Callable[[Artifact], ArtifactFiles]


def archive_folder(digest: Digest) -> str:
    """Where an artifact lies below an archive."""
    return f"sha256/{digest.hex}"


class WithArchives:
    """The files of an artifact from its source, or from the first archive that has them."""

    def __init__(self, source: ArtifactFiles, archives: Sequence[ArtifactFiles]) -> None:
        self._places = (source, *archives)

    @property
    def label(self) -> str:
        """See `ArtifactFiles.label`."""
        return self._places[0].label

    def sizes(self) -> Mapping[str, int]:
        """See `ArtifactFiles.sizes`."""
        return self._first(lambda place: place.sizes())

    @contextmanager
    def open(self, name: str, *, start: int = 0) -> Iterator[BinaryIO]:
        """See `ArtifactFiles.open`."""
        with ExitStack() as stack:
            yield self._first(lambda place: stack.enter_context(place.open(name, start=start)))

    def _first(self, ask: Callable[[ArtifactFiles], T]) -> T:
        """The first answer; without one, what the source said, or else why an archive did not answer."""
        failed: list[ArtifactMissing | ArtifactUnreachable] = []
        for place in self._places:
            try:
                return ask(place)
            except RangeNotSupported:
                raise
            except (ArtifactMissing, ArtifactUnreachable) as error:
                failed.append(error)
        out_of_reach = [error for error in failed[1:] if isinstance(error, ArtifactUnreachable)]
        raise next(iter(out_of_reach), failed[0])


class ArchivedFiles:
    """The files of one artifact in one archive; `open_there` opens what lies at an address, by its manifest."""

    def __init__(self, artifact: Artifact, archive: str, open_there: Opener) -> None:
        self._artifact, self._open_there = artifact, open_there
        self._uri = f"{archive.rstrip('/')}/{archive_folder(artifact.digest)}"

    @property
    def label(self) -> str:
        """See `ArtifactFiles.label`."""
        return self._uri

    def sizes(self) -> Mapping[str, int]:
        """See `ArtifactFiles.sizes`; the size of what is compressed is what the manifest promises."""
        found = self._found
        return {
            file.path: file.size if self._is_compressed(file.path) else found[file.path]
            for file in self._artifact.files
            if file.path in found or self._is_compressed(file.path)
        }

    @contextmanager
    def open(self, name: str, *, start: int = 0) -> Iterator[BinaryIO]:
        """See `ArtifactFiles.open`; what is compressed is read from its start and passed over up to `start`."""
        if not self._is_compressed(name):
            with self._there(self._artifact.files).open(name, start=start) as stream:
                yield stream
            return
        kept = f"{name}{COMPRESSED}"
        size = self._found[kept]
        if size == UNKNOWN_SIZE:
            raise ArtifactUnreachable(f"{self._uri}/{kept} has no size that its server would tell")
        with (
            self._there([self._file(kept, size)]).open(kept) as stream,
            _unpacked(stream, f"{self._uri}/{kept}") as unpacked,
        ):
            _pass_over(unpacked, start)
            yield unpacked

    @cached_property
    def _found(self) -> Mapping[str, int]:
        names = [file.path for file in self._artifact.files]
        candidates = dict.fromkeys([*names, *(f"{name}{COMPRESSED}" for name in names)])
        return self._there([self._file(name, 0) for name in candidates]).sizes()

    def _is_compressed(self, name: str) -> bool:
        kept = f"{name}{COMPRESSED}"
        return kept in self._found and all(file.path != kept for file in self._artifact.files)

    def _file(self, name: str, size: int) -> ArtifactFile:
        return ArtifactFile.model_construct(path=name, digest=self._artifact.digest, size=size)

    def _there(self, files: Sequence[ArtifactFile]) -> ArtifactFiles:
        there = self._artifact.model_copy(update={"uri": self._uri, "files": tuple(files)})
        return self._open_there(there)


@contextmanager
def _unpacked(stream: BinaryIO, label: str) -> Iterator[BinaryIO]:
    try:
        import zstandard
    except ImportError as error:
        raise ArtifactUnreachable(
            f"{label} is compressed, and the package zstandard is not installed",
            remedy="run: pip install 'interlock[archive]'",
        ) from error
    reader = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).stream_reader(stream, closefd=False)
    with io.BufferedReader(cast(io.RawIOBase, _Unpacked(reader, label, zstandard.ZstdError)), _PIECE) as unpacked:
        yield unpacked


class _Unpacked(io.RawIOBase):
    """What a compressed file holds; whatever zstd has against it means that the bytes are not the promised ones."""

    def __init__(self, reader: Any, label: str, flaw: type[Exception]) -> None:
        self._reader, self._label, self._flaw = reader, label, flaw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any writable buffer
        try:
            return int(self._reader.readinto(buffer))
        except self._flaw as error:
            raise ArtifactCorrupt(
                f"{self._label} cannot be unpacked: {error}",
                expected="a file that zstd has compressed",
                remedy="archive it again from where its bytes are: interlock archive ADAPTER@REVISION --to DIR",
            ) from error


def _pass_over(stream: BinaryIO, count: int) -> None:
    while count > 0:
        piece = stream.read(min(count, _PIECE))
        if not piece:
            return
        count -= len(piece)
