"""Git's objects made from plain files: their ids, and writing them one by one. Called by `directory_mirror`.

An object is written to the side, synced and renamed, so that one that is there is whole. Files are read in pieces: how
large they are does not matter to memory.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 20


def blob_id(stream: BinaryIO, size: int) -> str:
    """The id of a file's content.

    Raises:
        EOFError: the stream does not have exactly `size` bytes.
    """
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for piece in _pieces(stream, size):
        digest.update(piece)
    return digest.hexdigest()


def write_blob(objects: Path, stream: BinaryIO, size: int) -> str:
    """Write a file's content into an object directory; returns its id.

    Raises:
        EOFError: the stream does not have exactly `size` bytes; nothing was written.
        OSError: it cannot be written.
    """
    return _write(objects, b"blob %d\0" % size, _pieces(stream, size))


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while piece := stream.read(min(_PIECE, left + 1)):
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise EOFError(f"expected {size} bytes")


def _write(objects: Path, head: bytes, pieces: Iterator[bytes]) -> str:
    digest, packer = hashlib.sha1(head, usedforsecurity=False), zlib.compressobj(1)
    handle, name = tempfile.mkstemp(prefix="tmp_obj_", dir=objects)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packer.compress(head))
            for piece in pieces:
                digest.update(piece)
                file.write(packer.compress(piece))
            file.write(packer.flush())
            file.flush()
            os.fsync(file.fileno())
        target = object_path(objects, digest.hexdigest())
        target.parent.mkdir(exist_ok=True)
        Path(name).chmod(0o444)
        Path(name).replace(target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - gone already where it was renamed
    return digest.hexdigest()


def object_path(objects: Path, identity: str) -> Path:
    """Where an object lies that is not in a pack."""
    return objects / identity[:2] / identity[2:]


@dataclass
class _Folder:
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    folders: dict[str, _Folder] = field(default_factory=dict)


def tree_id(files: Mapping[str, tuple[bool, str]], keep: Callable[[bytes], object] = lambda _: None) -> str:
    """The id of the tree of these files (path → executable, blob id); `keep` gets the content of every tree object."""
    root = _Folder()
    for path, (executable, blob) in files.items():
        *parents, name = path.split("/")
        folder = root
        for part in parents:
            folder = folder.folders.setdefault(part, _Folder())
        folder.files[name] = ("100755" if executable else "100644", blob)
    return _folder_id(root, keep)


def _folder_id(folder: _Folder, keep: Callable[[bytes], object]) -> str:
    rows = [(os.fsencode(name), mode, blob) for name, (mode, blob) in folder.files.items()]
    rows += [(os.fsencode(name), "40000", _folder_id(below, keep)) for name, below in folder.folders.items()]
    rows.sort(key=lambda row: row[0] + b"/" if row[1] == "40000" else row[0])
    content = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(blob) for name, mode, blob in rows)
    keep(content)
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def write_tree(objects: Path, content: bytes) -> str:
    """Write one tree object; returns its id."""
    return _write(objects, b"tree %d\0" % len(content), iter([content]))
