"""Reads blobs and trees, for `commit_tree` and `pointer_history`: many small ones at once, or one as a stream.

A blob that a partial clone lacks is downloaded when it is read. What git could not deliver is an error and never a
short file.
"""

from __future__ import annotations

import io
import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from interlock.documents.tree import too_large
from interlock.errors import ArtifactUnreachable, HistoryError, RemoteUnreachable
from interlock.history.bounded_process import printed_errors
from interlock.history.git_command import Git
from interlock.history.reading_session import OpenReader, give_reader_back, take_reader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 18
_ASKED_AT_ONCE = 500
"""Requests written before their answers are read: few enough that they fit into a pipe, so nobody waits for ever."""
_FETCH = "check the network and the remote; Interlock tries again by itself"


class ObjectReader:
    """Reads blobs by id through one long-lived `git cat-file --batch`; safe to share between threads."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()
        self._deadline = 0.0

    def close(self) -> None:
        """End the git process, or leave it to the next reader of a session; the next read starts another."""
        with self._lock:
            idle = OpenReader(self._process, self._stack) if self._process and not self._buffer else None
            if idle and give_reader_back(self._git, idle):
                self._process, self._stack = None, ExitStack()
            self._end()

    def read(self, blob: str, name: str, *, limit: int) -> bytes:
        """Return a blob of at most `limit` bytes; `name` is what the error calls it.

        Raises:
            DocumentError: the blob is larger.
            RemoteUnreachable: it is not here yet and cannot be downloaded, or git did not answer in time.
            HistoryError: git does not have it.
        """
        return self._read(blob, name, b"blob", limit)

    def _read(self, identity: str, name: str, kind: bytes, limit: int) -> bytes:
        with self._lock, ExitStack() as unless_read_to_the_end:
            unless_read_to_the_end.callback(self._end)
            self._deadline = time.monotonic() + self._git.network_timeout
            self._ask(identity, name)
            size = self._announced_size(name, kind)
            if size > limit:
                raise too_large(name, size, limit)
            data = self._exactly(size + 1, name)[:-1]
            unless_read_to_the_end.pop_all()
            return data

    def read_tree(self, tree: str, *, limit: int) -> bytes:
        """Return a tree object of at most `limit` bytes, by its id or as `COMMIT^{tree}`.

        Raises:
            DocumentError: it is larger.
            HistoryError: git does not have it (`RemoteUnreachable` where that may pass).
        """
        return self._read(tree, f"the folder {tree[:12]}", b"tree", limit)

    def read_commit(self, commit: str, *, limit: int) -> bytes:
        """Return a raw commit of at most `limit` bytes, by its full id.

        Raises:
            DocumentError: it is larger.
            HistoryError: git does not have it (`RemoteUnreachable` where that may pass).
        """
        return self._read(commit, f"commit {commit[:12]}", b"commit", limit)

    def read_several(self, blobs: Sequence[str], *, limit: int) -> dict[str, bytes]:
        """The bytes of those of these blobs that are here and have at most `limit` bytes, by id.

        Raises:
            RemoteUnreachable: git did not answer in time.
            HistoryError: git ended.
        """
        found: dict[str, bytes] = {}
        with self._lock, ExitStack() as unless_read_to_the_end:
            unless_read_to_the_end.callback(self._end)
            for start in range(0, len(blobs), _ASKED_AT_ONCE):
                asked = blobs[start : start + _ASKED_AT_ONCE]
                self._deadline = time.monotonic() + self._git.network_timeout
                self._ask("\n".join(asked), "a blob")
                for blob in asked:
                    size = self._size_if_here(blob)
                    if size is None:
                        continue
                    if size > limit:
                        self._skip(size + 1, blob)
                    else:
                        found[blob] = self._exactly(size + 1, blob)[:-1]
            unless_read_to_the_end.pop_all()
        return found

    def _ask(self, blob: str, name: str) -> None:
        if self._process is None:
            self._start()
        assert self._process
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{blob}\n".encode("ascii"))
        except BrokenPipeError as error:
            raise self._ended(name) from error

    def _start(self) -> None:
        if open_reader := take_reader(self._git):
            self._process, self._stack = open_reader.process, open_reader.ending
        else:
            self._process = self._stack.enter_context(self._git.pipe("cat-file", "--batch"))

    def _announced(self, name: str) -> list[bytes]:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill(name)
        words = bytes(self._buffer[:end]).split()
        del self._buffer[: end + 1]
        return words

    def _announced_size(self, name: str, kind: bytes) -> int:
        words = self._announced(name)
        if len(words) != 3 or words[1] != kind:
            said = b" ".join(words).decode(errors="replace")
            remedy = f"run: git -C {self._git.directory} fsck"
            raise HistoryError(f"{name} is not readable from git: {said}", remedy=remedy)
        return int(words[2])

    def _size_if_here(self, blob: str) -> int | None:
        """The size of a blob; None where git says that it has none, or something else, under this id."""
        words = self._announced(blob)
        if len(words) != 3:
            return None
        if words[1] != b"blob":
            self._skip(int(words[2]) + 1, blob)
            return None
        return int(words[2])

    def _skip(self, count: int, name: str) -> None:
        while count:
            if not self._buffer:
                self._fill(name)
            taken = min(count, len(self._buffer))
            del self._buffer[:taken]
            count -= taken

    def _exactly(self, count: int, name: str) -> bytes:
        while len(self._buffer) < count:
            self._fill(name)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _fill(self, name: str) -> None:
        assert self._process
        assert self._process.stdout
        if not _readable(self._process, self._deadline - time.monotonic()):
            raise RemoteUnreachable(f"git did not deliver {name} in time", remedy=_FETCH)
        chunk = os.read(self._process.stdout.fileno(), _CHUNK)
        if not chunk:
            raise self._ended(name)
        self._buffer += chunk

    def _ended(self, name: str) -> HistoryError:
        assert self._process
        why = printed_errors(self._process)
        if _is_about_the_remote(why):
            return RemoteUnreachable(f"{name} is not here yet and cannot be downloaded: {why}", remedy=_FETCH)
        found = f"git ended while it read {name}: {why or 'no reason given'}"
        return HistoryError(found, remedy=f"run: git -C {self._git.directory} fsck")

    def _end(self) -> None:
        self._stack.close()
        self._stack = ExitStack()
        self._process = None
        self._buffer = bytearray()


@contextmanager
def object_reader(git: Git) -> Iterator[ObjectReader]:
    """A reader for the length of a block."""
    reader = ObjectReader(git)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def blob_stream(git: Git, blob: str, name: str) -> Iterator[BinaryIO]:
    """Open a blob for reading from its start; `name` is what errors call it.

    Reading raises `ArtifactUnreachable` if git cannot deliver the blob whole, or is silent for the network timeout.
    """
    with (
        git.pipe("cat-file", "blob", blob) as process,
        io.BufferedReader(_BlobStream(process, name, git.network_timeout), _CHUNK) as stream,
    ):
        yield stream


class _BlobStream(io.RawIOBase):
    """What one `git cat-file blob` prints. It ends only where git says that it printed everything."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, timeout: float) -> None:
        super().__init__()
        self._process = process
        self._name = name
        self._timeout = timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        assert self._process.stdout
        if not _readable(self._process, self._timeout):
            raise self._unreachable(f"git printed nothing for {self._timeout:g} seconds")
        count = os.readv(self._process.stdout.fileno(), [buffer])
        if not count:
            self._check_complete()
        return count

    def _check_complete(self) -> None:
        try:
            status = self._process.wait(self._timeout)
        except subprocess.TimeoutExpired as error:
            raise self._unreachable("git does not end") from error
        if status:
            raise self._unreachable(printed_errors(self._process) or f"git ended with status {status}")

    def _unreachable(self, why: str) -> ArtifactUnreachable:
        return ArtifactUnreachable(f"{self._name} cannot be read from git: {why}", remedy=_FETCH)


def _readable(process: subprocess.Popen[bytes], seconds: float) -> bool:
    assert process.stdout
    poll = select.poll()  # not `select`, which refuses high file numbers
    poll.register(process.stdout, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1000))


def _is_about_the_remote(errors: str) -> bool:
    return "promisor remote" in errors
