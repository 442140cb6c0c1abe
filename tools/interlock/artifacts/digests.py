"""SHA-256 digests of files and of file sets; docs/artifacts.md shows how to recompute them with shell tools.

Called by register, the checker, the store and the agent. Reads in chunks; refuses what does not belong into the
directory of an adapter: links, sub-directories, hidden files and pickles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.plain_files import FILE, list_directory, open_plain
from interlock.documents.fields import file_name
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable

PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
MAX_FILES = 64
CHUNK = 1 << 20

Progress = Callable[[int, int], None]
"""Called while bytes are processed, with (bytes done so far, bytes in all)."""


def file_digest(source: BinaryIO | Path) -> Digest:
    """Return the digest of the rest of a stream, or of the file at a path (links are followed).

    Raises:
        ArtifactMissing: there is no file at the path.
        ArtifactUnreachable: it cannot be read.
    """
    if not isinstance(source, Path):
        return digest_of(chunks(source))
    try:
        with source.open("rb") as stream:
            return digest_of(chunks(stream, str(source)))
    except FileNotFoundError as error:
        raise ArtifactMissing(f"{source} does not exist") from error
    except OSError as error:
        raise ArtifactUnreachable(f"{source} cannot be read: {error.strerror}") from error


def digest_of(parts: Iterable[bytes]) -> Digest:
    """Return the digest of these bytes, one after the other."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return Digest(f"sha256:{state.hexdigest()}")


def chunks(stream: BinaryIO, label: str = "the source") -> Iterator[bytes]:
    """Yield the rest of a stream in pieces of at most `CHUNK` bytes.

    Raises:
        ArtifactUnreachable: the medium behind the stream failed.
    """
    while True:
        try:
            piece = stream.read(CHUNK)
        except OSError as error:
            raise ArtifactUnreachable(f"{label} cannot be read to its end: {error.strerror}") from error
        if not piece:
            return
        yield piece


def file_set_digest(files: Iterable[ArtifactFile]) -> Digest:
    """Return the digest of a set of files: over one line `<hex digest>  <size>  <path>` each, sorted by path.

    The order of `files` does not matter; paths are sorted and written as UTF-8.
    """
    lines = {file.path.encode(): f"{file.digest.hex}  {file.size}  {file.path}\n" for file in files}
    return digest_of(lines[path].encode() for path in sorted(lines))


def describe_directory(path: Path, progress: Progress | None = None, *, besides: str = "") -> tuple[ArtifactFile, ...]:
    """Return every file of an adapter's directory with its size in bytes and its digest, sorted by path.

    `besides` is the name of a regular file that may lie there too and is left out: a signature over the others.

    Raises:
        ArtifactMissing: there is no such directory, or nothing is in it.
        ArtifactCorrupt: something else than safe regular files is in it.
        ArtifactUnreachable: it cannot be read.
    """
    directory = path.resolve()
    found = list_directory(directory)
    if found.get(besides, ("", 0))[0] == FILE:
        del found[besides]
    if not found:
        raise ArtifactMissing(f"{path} is empty", expected="adapter_config.json and adapter_model.safetensors")
    for name, (kind, _) in found.items():
        _refuse_what_does_not_belong(path, name, kind)
    if len(found) > MAX_FILES:
        raise ArtifactCorrupt(f"{path} holds {len(found)} files", expected=f"at most {MAX_FILES}")
    total, done = sum(size for _, size in found.values()), 0
    files = []
    for name in sorted(found, key=str.encode):
        files.append(_described(directory, name, done, total, progress))
        done += files[-1].size
    return tuple(files)


def _refuse_what_does_not_belong(directory: Path, name: str, kind: str) -> None:
    remedy = f"remove it from {directory}, or copy adapter_config.json and adapter_model.safetensors into a directory"
    if kind != FILE:
        raise ArtifactCorrupt(f"{directory / name} is a {kind}", expected="regular files only", remedy=remedy)
    if name.lower().endswith(PICKLE_SUFFIXES):
        raise ArtifactCorrupt(
            f"{directory / name} is a pickle: reading it can run code",
            expected="weights as safetensors",
            remedy=f"save again with save_pretrained(..., safe_serialization=True); {remedy}",
        )
    if name.startswith("."):
        raise ArtifactCorrupt(f"{directory / name} is a hidden file", expected="no hidden files", remedy=remedy)
    try:
        file_name(name)
    except ValueError as error:
        raise ArtifactCorrupt(f"{directory} holds a file named {name!r}: {error}", remedy=remedy) from error


def _described(directory: Path, name: str, before: int, total: int, progress: Progress | None) -> ArtifactFile:
    state, size = hashlib.sha256(), 0
    with open_plain(directory, name) as stream:
        for piece in chunks(stream, str(directory / name)):
            state.update(piece)
            size += len(piece)
            if progress:
                progress(before + size, total)
    return ArtifactFile(path=name, digest=Digest(f"sha256:{state.hexdigest()}"), size=size)
