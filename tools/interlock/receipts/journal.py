"""The receipts of one node on its own disk: segments of lines that only grow, each line synced before it counts.

Called by the agent alone. What a crash, a kill or a full disk leaves behind is told apart from receipts: bytes that are
no receipt stay where they are, their segment is closed, and the next receipt says which bytes those are. Each segment
begins with a receipt that is complete, so that one segment is enough to know what was served when it was written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from interlock.approvals.unattended_key import UnattendedKey
from interlock.artifacts.durable import read_bounded
from interlock.errors import EvidenceError, InterlockError
from interlock.receipts.receipt import (
    NAMESPACE,
    Damage,
    Event,
    Line,
    Receipt,
    moment,
    read_line,
    routes_digest,
    to_line,
)
from interlock.receipts.witnessed import Witnessed

SEGMENT_BYTES = 4 * 1024 * 1024
MAX_SEGMENT = 64 * 1024 * 1024
_MOST_DAMAGES = 20


class ReceiptNotWritten(InterlockError):
    """A receipt could not be put on disk; those before it are there, untouched."""


@dataclass
class Journal:
    """The receipts in `directory`. `clock` is monotonic, `wall` seconds since the epoch; `key` None: not signed."""

    directory: Path
    node: str
    environment: str
    key: UnattendedKey | None
    clock: Callable[[], float]
    wall: Callable[[], float]
    segment_bytes: int = SEGMENT_BYTES
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _head: Line | None = None
    _state: Witnessed | None = None
    _segment: int = 0
    _size: int = -1
    _damaged: tuple[Damage, ...] = ()
    _began: float | None = None

    @property
    def last(self) -> Witnessed | None:
        """What the last receipt says, as far as it can be read; None where there is none."""
        self._open()
        return self._state

    @property
    def head(self) -> Line | None:
        """The last receipt."""
        self._open()
        return self._head

    def append(self, event: Event, now: Witnessed, *, since: float | None = None) -> Line:
        """Write one receipt and have it on disk; `since` as in `Receipt`, in seconds since the epoch.

        Raises:
            ReceiptNotWritten: the disk is full, read-only or gone.
        """
        try:
            self._open()
            return self._append(event, now, _moment(since) if since is not None else None)
        except OSError as error:
            self._size = -1  # look again at what is there before the next one
            remedy = f"make room in {self.directory} and make it writable; the agent then writes what is served"
            raise ReceiptNotWritten(f"a receipt cannot be written: {error}", remedy=remedy) from error

    def _append(self, event: Event, now: Witnessed, since: dt.datetime | None) -> Line:
        new = not 0 < self._size < self.segment_bytes or self._state is None or bool(self._damaged)
        line = to_line(receipt := self._receipt(event, now, since, complete=new), self._signature(receipt))
        if new:
            self._begin(line)
        else:
            _grow(self._path(self._segment), line, self._size)
        self._size = len(line) if new else self._size + len(line)
        self._head, self._state, self._damaged = read_line(line[:-1]), now, ()
        return self._head

    def _receipt(self, event: Event, now: Witnessed, since: dt.datetime | None, *, complete: bool) -> Receipt:
        head = self._head.receipt if self._head else None
        changed, gone = now.changes_from(Witnessed() if complete or not self._state else self._state)
        if self._began is None:
            self._began = self.clock()
        return Receipt(
            node=self.node,
            environment=self.environment,
            chain=head.chain if head else secrets.token_hex(16),
            sequence=head.sequence + 1 if head else 0,
            previous=self._head.digest if self._head else None,
            run=self.run,
            event=event,
            time=_moment(self.wall()),
            since=since,
            elapsed=max(0, int((self.clock() - self._began) * 1000)),
            commit=now.commit,
            table=now.table,
            complete=complete,
            routes=changed,
            gone=gone,
            routes_digest=routes_digest(dict(now.routes)),
            engine=now.engine,
            serving=now.serving,
            absent=now.absent,
            damaged=self._damaged,
        )

    def _signature(self, receipt: Receipt) -> str:
        return self.key.sign(receipt.to_bytes(), NAMESPACE) if self.key else ""

    def _begin(self, line: bytes) -> None:
        """Begin the next segment; a name that is taken by something that we do not know is left alone."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = self._segment + 1
        handle = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _write(handle, line, 0)
        except OSError:
            if not os.fstat(handle).st_size:
                self._path(number).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        _sync(self.directory)
        self._segment = number

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:06d}.jsonl"

    def _open(self) -> None:
        """Look at what is there: once, and again after something went wrong or somebody else wrote here."""
        if self._size >= 0 and _size_of(self._path(self._segment)) == self._size:
            return
        numbers = [number for number, _ in segments(self.directory)]
        self._segment = numbers[-1] if numbers else 0
        damaged: list[Damage] = []
        self._head, self._state, self._size = None, None, 0
        for number in reversed(numbers):
            found = read_segment(self._path(number))
            damaged += found.damaged
            if number == self._segment:
                self._size = found.size
            if found.lines:
                head = found.lines[-1].receipt
                if (head.node, head.environment) == (self.node, self.environment):
                    self._head, self._state = found.lines[-1], found.state
                break
        self._damaged = tuple(damaged[:_MOST_DAMAGES])


@dataclass(frozen=True)
class Segment:
    """What one segment holds: receipts, bytes that are none, and what is served after the last receipt."""

    lines: tuple[Line, ...]
    damaged: tuple[Damage, ...]
    size: int

    @property
    def state(self) -> Witnessed | None:
        """What the last receipt says; None where receipts that are needed for it cannot be read."""
        found = Witnessed()
        for line in self.lines:
            found = found.after(line.receipt)
        whole = self.lines and routes_digest(dict(found.routes)) == self.lines[-1].receipt.routes_digest
        return found if whole else None


def segments(directory: Path) -> list[tuple[int, Path]]:
    """The segments in a directory, in the order in which they were written."""
    found = directory.glob("[0-9]*.jsonl") if directory.is_dir() else ()
    return sorted((int(path.stem), path) for path in found if path.stem.isdecimal() and path.stem.isascii())


def read_segment(path: Path) -> Segment:
    """Read a segment, whatever its state.

    Raises:
        DocumentError: it cannot be read at all.
    """
    data = read_bounded(path, limit=MAX_SEGMENT) or b""
    lines, damaged = [], []
    for offset, part in _parts(data):
        try:
            if not part.endswith(b"\n"):
                raise EvidenceError("a line that breaks off")
            lines.append(read_line(part[:-1]))
        except EvidenceError:
            digest = f"sha256:{hashlib.sha256(part).hexdigest()}"
            damaged.append(Damage(file=path.name, offset=offset, size=len(part), digest=digest))
    return Segment(tuple(lines), tuple(damaged), len(data))


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for part in io.BytesIO(data):
        yield offset, part
        offset += len(part)


def _grow(path: Path, line: bytes, size: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _write(handle, line, size)
    finally:
        os.close(handle)


def _write(handle: int, line: bytes, size: int) -> None:
    """Add a line to a file of `size` bytes; where that fails, the file is left as it was if the disk lets us.

    A line that is complete stays, also where it cannot be synced: somebody may have copied it already.
    """
    try:
        rest = line
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError:
        os.ftruncate(handle, size)
        raise
    os.fsync(handle)


def _moment(seconds: float) -> dt.datetime:
    return moment(dt.datetime.fromtimestamp(seconds, dt.UTC))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
