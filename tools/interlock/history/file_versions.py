"""What one path is in each of many commits, found out together. Called by `checking` for rosters and keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from interlock.documents.fields import relative_path
from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history.blob_reading import object_reader
from interlock.history.git_command import Git
from interlock.history.reading_session import remembered

_OBJECT = re.compile(rb"([0-9a-f]{40}) (?:blob|tree) \d+")


def objects_at(git: Git, path: str, commits: Sequence[str]) -> dict[str, str | None]:
    """The id of the file or folder that `path` is in each of `commits`; None where there is none.

    Raises:
        HistoryError: git did not answer.
    """
    if not commits:
        return {}
    return remembered(git, ("objects", path, tuple(commits)), lambda: _objects_at(git, path, commits))


def _objects_at(git: Git, path: str, commits: Sequence[str]) -> dict[str, str | None]:
    asked = "".join(f"{commit_id(commit)}:{relative_path(path)}\n" for commit in commits)
    answers = git.run("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", data=asked.encode())
    lines = answers.split(b"\n")
    if len(lines) != len(commits) + 1:
        raise HistoryError(f"git did not say what {path} is in {len(commits)} commits", remedy="run: git fsck")
    matches = (_OBJECT.fullmatch(line) for line in lines[:-1])
    return {commit: match[1].decode() if match else None for commit, match in zip(commits, matches, strict=True)}


def contents_of(git: Git, blobs: Iterable[str], *, limit: int) -> dict[str, bytes]:
    """The bytes of those of these blobs that have at most `limit` bytes; a partial clone downloads what it lacks.

    Raises:
        HistoryError: git did not answer.
    """
    wanted = sorted(set(blobs))
    if not wanted:
        return {}
    with object_reader(git) as reader:
        return reader.read_several(wanted, limit=limit)
