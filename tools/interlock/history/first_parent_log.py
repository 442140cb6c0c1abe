"""What every commit of a branch changed against its first parent, read as one stream. Called by the audit.

Main moves by first parents: a merge is one decision, and what it changed is how its tree differs from its first
parent's. Nothing is checked out, no rename is guessed, and paths come as they are, also such as are not UTF-8.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.documents.identifiers import commit_id
from interlock.documents.tree import Entry
from interlock.errors import HistoryError
from interlock.history.bounded_process import printed_errors
from interlock.history.git_command import Git
from interlock.history.listing import entry_of

_CHUNK = 1 << 18
MAX_PATH = 1 << 16
"""Bytes of the longest path, or of any other part of the stream."""
_GONE = "000000"


@dataclass(frozen=True, slots=True)
class PathChange:
    """One path that a commit changed: what stood there before (None: nothing), and what stands there after."""

    path: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class BranchCommit:
    """One commit of a branch, and every path at which its tree differs from that of its first parent."""

    commit: str
    changes: tuple[PathChange, ...]


def first_parent_log(git: Git, head: str, only: str = "") -> Iterator[BranchCommit]:
    """Every first-parent commit up to `head` (a full id), oldest first; `only` those that change the path `only`.

    Raises:
        HistoryError: git cannot read all of it, or is silent for longer than its timeout.
    """
    commit, changes = "", list[PathChange]()
    parts = _parts(git, commit_id(head), only)
    for part in parts:
        if not part.startswith(b":"):
            if commit:
                yield BranchCommit(commit, tuple(changes))
            commit, changes = commit_id(part.decode("ascii", errors="replace")), []
            continue
        changes.extend(_change(part, next(parts, b"")))
    if commit:
        yield BranchCommit(commit, tuple(changes))


def _change(description: bytes, raw: bytes) -> Iterator[PathChange]:
    """A change of one path; of a mode that makes no difference to us, none."""
    old_mode, mode, old, new, _ = description.decode("ascii").removeprefix(":").split(" ")
    path = raw.decode("utf-8", errors="surrogateescape")
    before = None if old_mode == _GONE else entry_of(path, old_mode, old)
    after = None if mode == _GONE else entry_of(path, mode, new)
    if before != after:
        yield PathChange(path, before, after)


def _parts(git: Git, head: str, only: str) -> Iterator[bytes]:
    """The NUL-separated parts of the log: an id, then pairs of a description, which begins with a colon, and a path."""
    with git.pipe(
        "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "-z", "--no-renames",
        "--no-abbrev", "--format=%H", "--end-of-options", head, "--", *([only] if only else []),
    ) as process:  # fmt: skip
        rest = b""
        path_follows = False
        while chunk := _chunk(process, git.local_timeout):
            *parts, rest = (rest + chunk).split(b"\0")
            for part in parts:
                # Between an id and its changes git writes a line break; a path may begin with one.
                text = part if path_follows else part.strip(b"\n")
                path_follows = not path_follows and text.startswith(b":")
                if text or path_follows:
                    yield text
            if len(rest) > MAX_PATH:
                raise HistoryError(f"git printed a path of more than {MAX_PATH} bytes")
        _check_end(process, git)


def _chunk(process: subprocess.Popen[bytes], timeout: float) -> bytes:
    assert process.stdout
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    if not poll.poll(timeout * 1000):
        raise HistoryError(f"git printed nothing of the history for {timeout:g} seconds", remedy="run: git fsck")
    return os.read(process.stdout.fileno(), _CHUNK)


def _check_end(process: subprocess.Popen[bytes], git: Git) -> None:
    deadline = time.monotonic() + git.local_timeout
    try:
        status = process.wait(deadline - time.monotonic())
    except subprocess.TimeoutExpired as error:
        raise HistoryError("git does not end after it printed the history") from error
    if status:
        why = printed_errors(process) or f"git ended with status {status}"
        raise HistoryError(f"the history cannot be read to its beginning: {why}", remedy="run: git fsck")
