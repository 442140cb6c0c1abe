"""The next receipts that a place does not have yet, as bytes that are sent as they are. Called by `loop`.

A batch is named by what it holds, so that sending it twice is sending it once, and a node that went on from an older
copy of its receipts overwrites nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.errors import DocumentError, EvidenceError, InterlockError
from interlock.receipts.journal import segments
from interlock.receipts.receipt import MAX_LINE, Receipt, read_line

BATCH_BYTES = 1024 * 1024
_MAX_MARK = 4096


class ReceiptsNotPushed(InterlockError):
    """A place did not take receipts; they stay on the node and are sent again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a place has the receipts of a node: a segment, and the bytes of it that were sent."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Batch:
    """Lines that follow each other in one segment. `after` is the mark once a place has them."""

    data: bytes
    first: Receipt
    last: Receipt
    after: Mark

    @property
    def folder(self) -> str:
        """The chain that it is a part of and the thousand that it begins in, as a name: no folder grows for ever."""
        return f"{self.first.chain}-{self.first.sequence // 1000:06d}"

    @property
    def name(self) -> str:
        """The name of the file that holds it."""
        digest = hashlib.sha256(self.data).hexdigest()
        return f"{self.first.sequence:012d}-{self.last.sequence:012d}-{digest[:16]}.jsonl"


def next_batch(directory: Path, mark: Mark) -> Batch | None:
    """What comes after a mark, None where there is nothing; bytes that are no receipt are left out.

    Raises:
        OSError: the receipts cannot be read.
    """
    for number, path in segments(directory):
        if number < mark.segment:
            continue
        offset = mark.offset if number == mark.segment else 0
        batch = _batch_in(path, number, offset)
        if batch:
            return batch
    return None


def _batch_in(path: Path, number: int, offset: int) -> Batch | None:
    found: list[tuple[bytes, Receipt]] = []
    with path.open("rb") as stream:
        if offset > path.stat().st_size:
            offset = 0  # not the file that the mark was made for: sending it again is harmless
        stream.seek(offset)
        while sum(len(line) for line, _ in found) < BATCH_BYTES:
            line = stream.readline(MAX_LINE + 1)
            if not line.endswith(b"\n"):
                break  # the end, or a line that breaks off: the next segment goes on
            offset += len(line)
            try:
                found.append((line, read_line(line[:-1]).receipt))
            except EvidenceError:
                continue
    if not found:
        return None
    data = b"".join(line for line, _ in found)
    return Batch(data, found[0][1], found[-1][1], Mark(number, offset))


def read_mark(path: Path) -> Mark:
    """How far a place is; the beginning where that is not known, because sending twice is harmless."""
    try:
        found = json.loads(read_bounded(path, limit=_MAX_MARK) or b"{}")
        return Mark(int(found.get("segment", 0)), max(0, int(found.get("offset", 0))))
    except (DocumentError, ValueError, TypeError, AttributeError):
        return Mark()


def write_mark(path: Path, mark: Mark) -> None:
    """Remember how far a place is."""
    write_atomically(path, json.dumps({"segment": mark.segment, "offset": mark.offset}).encode())
