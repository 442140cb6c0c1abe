"""Brings receipts together from wherever copies of them lie: files, directories, and the refs of a repository.

Called by the audit. Nothing is believed for lying in a certain place: the lines say themselves whose they are and what
they follow, and their order in files means nothing. What cannot be read is told with its place.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from interlock.documents.identifiers import InvalidIdentifier, adapter_name
from interlock.errors import EvidenceError, HistoryError, UsageError
from interlock.findings.readable import readable
from interlock.history.blob_reading import ObjectReader
from interlock.history.git_command import Git
from interlock.history.listing import lines_of
from interlock.receipts.chains import Found
from interlock.receipts.receipt import MAX_LINE, read_line

REFS = "refs/interlock/receipts/"
MAX_FILES = 200_000
MAX_BYTES = 2 * 1024**3
"""Of all receipts that one audit looks at."""
_MAX_BLOB = 64 * 1024 * 1024
_AT_ONCE = 500


@dataclass
class Collected:
    """Lines with their places. `wrong` are bytes that are no receipt and that no receipt tells of, `notes` the rest."""

    found: list[Found] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@dataclass
class _Collector:
    collected: Collected = field(default_factory=Collected)
    strange: list[tuple[str, str, bool]] = field(default_factory=list)
    left: int = MAX_BYTES
    node: str = ""

    def read(self, stream: BinaryIO, place: str, copy: str, folder: str = "") -> None:
        """Read the lines of one file."""
        number = 0
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if self.node and f'"node":"{self.node}"'.encode() not in line:
                continue
            self.left -= len(line)
            if self.left < 0:
                remedy = "ask about one node: --on-node NODE, or name copies that hold fewer"
                raise UsageError(f"more than {MAX_BYTES} bytes of receipts", remedy=remedy)
            try:
                if not line.endswith(b"\n"):
                    raise EvidenceError("a line that breaks off")
                self.collected.found.append(Found(read_line(line[:-1]), place, folder, copy))
            except EvidenceError as error:
                digest = f"sha256:{hashlib.sha256(line).hexdigest()}"
                self.strange.append((digest, f"line {number} of {place}: {error.found}", not line.endswith(b"\n")))

    def done(self) -> Collected:
        """Everything, with what is strange told apart by whether the node itself told of it."""
        told = {damage.digest for one in self.collected.found for damage in one.line.receipt.damaged}
        for digest, what, breaks_off in self.strange:
            if digest not in told:
                (self.collected.notes if breaks_off else self.collected.wrong).append(what)
        return self.collected


def from_paths(paths: Sequence[Path], *, node: str = "") -> Collected:
    """The receipts in files, and in every `.jsonl` file below directories; links below a directory are not followed.

    `node` leaves out those of others.

    Raises:
        UsageError: a path is not there or cannot be read, or there is too much.
    """
    collector = _Collector(node=node)
    for path in paths:
        collector.collected.places.append(readable(str(path)))
        try:
            for file in _files(path):
                with file.open("rb") as stream:
                    collector.read(stream, readable(str(file)), readable(str(path)))
        except OSError as error:
            raise UsageError(
                f"receipts in {readable(str(path))} cannot be read: {error.strerror}", remedy="correct the path"
            ) from error
    return collector.done()


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    found = []
    for folder, _, names in os.walk(path):
        found += [Path(folder, name) for name in names if name.endswith(".jsonl")]
        if len(found) > MAX_FILES:
            raise UsageError(f"{path} holds more than {MAX_FILES} files", remedy="name those of fewer nodes")
    return sorted(file for file in found if not file.is_symlink() and file.is_file())


def from_refs(git: Git, *, node: str = "") -> Collected:
    """The receipts under `refs/interlock/receipts/` of a repository; `node` leaves out those of others.

    Raises:
        HistoryError: git cannot read them.
    """
    collector = _Collector(node=node)
    objects = ObjectReader(git)
    try:
        for ref, owner in _refs(git):
            if node not in ("", owner):
                continue
            collector.collected.places.append(ref)
            for name, data in _blobs(git, objects, ref):
                collector.read(io.BytesIO(data), f"{ref}:{name}", ref, owner)
    finally:
        objects.close()
    return collector.done()


def _refs(git: Git) -> Iterator[tuple[str, str]]:
    listed = git.run("for-each-ref", "--format=%(refname)", REFS).decode("utf-8", errors="replace")
    for ref in listed.split("\n"):
        node = ref.removeprefix(REFS)
        try:
            yield ref, adapter_name(node)
        except InvalidIdentifier:
            continue


def _blobs(git: Git, objects: ObjectReader, ref: str) -> Iterator[tuple[str, bytes]]:
    listing = git.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", ref)
    files = [(path, words.split()[-1]) for words, path in lines_of(listing) if words.startswith("100644 blob ")]
    if len(files) > MAX_FILES:
        raise HistoryError(f"{ref} holds more than {MAX_FILES} files", remedy="find out who added them")
    for start in range(0, len(files), _AT_ONCE):
        part = files[start : start + _AT_ONCE]
        contents = objects.read_several([blob for _, blob in part], limit=_MAX_BLOB)
        for path, blob in part:
            if blob not in contents:
                raise HistoryError(f"{readable(path)} of {ref} is not here or has more than {_MAX_BLOB} bytes")
            yield readable(path), contents[blob]
