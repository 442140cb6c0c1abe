"""The commits between an accepted one and a new one, with what each of them signs. Called by `checking.signed_range`.

Read in bulk: one `git rev-list` and one `git cat-file --batch` for a thousand commits. Nothing is verified here, and no
configuration of the repository takes part, so none can say that a signature is good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history.commit_objects import SignedCommit, take_apart
from interlock.history.git_command import Git

__all__ = ["MAX_COMMITS", "SignedCommit", "signed_commits"]

MAX_COMMITS = 100_000
MAX_COMMIT_BYTES = 1 << 20
_AT_ONCE = 1000
_LIMIT = 64 << 20


def signed_commits(git: Git, base: str | None, head: str, *, first_parents: bool = False) -> Iterator[SignedCommit]:
    """The commits that `head` has and `base` has not, parents before children; `base` None means all of them.

    `first_parents` follows the branch alone and leaves out what merges brought in.

    Raises:
        HistoryError: a commit is not here, is larger than 1 MiB or is not what its id says, or there are too many.
    """
    if base == head:
        return
    listed = _listed(git, base, head, first_parents)
    for start in range(0, len(listed), _AT_ONCE):
        yield from _read(git, listed[start : start + _AT_ONCE])


def _listed(git: Git, base: str | None, head: str, first_parents: bool) -> list[str]:
    words = ["--first-parent"] if first_parents else []
    excluded = [f"^{commit_id(base)}"] if base else []
    output = git.run(
        "rev-list", "--topo-order", "--reverse", *words, f"--max-count={MAX_COMMITS + 1}", commit_id(head), *excluded
    )
    listed = output.decode("ascii").split()
    if len(listed) > MAX_COMMITS:
        remedy = "accept a commit between them first: pin it in the node's settings"
        raise HistoryError(f"there are more than {MAX_COMMITS} commits to verify up to {head[:12]}", remedy=remedy)
    return listed


def _read(git: Git, commits: Sequence[str]) -> Iterator[SignedCommit]:
    output = git.run("cat-file", "--batch", data="".join(f"{commit}\n" for commit in commits).encode(), limit=_LIMIT)
    at = 0
    for commit in commits:
        end = output.find(b"\n", at)
        words = output[at:end].split()
        if len(words) != 3 or words[1] != b"commit" or not words[2].isdigit() or int(words[2]) > MAX_COMMIT_BYTES:
            said = output[at : max(end, at)][:200].decode(errors="replace")
            raise HistoryError(f"commit {commit} is not readable from git: {said}", remedy="run: git fsck")
        data = output[end + 1 : end + 1 + int(words[2])]
        if hashlib.sha1(b"commit %d\0" % len(data) + data, usedforsecurity=False).hexdigest() != commit:
            raise HistoryError(f"commit {commit} is damaged: its bytes have another id", remedy="run: git fsck")
        yield take_apart(commit, data)
        at = end + 2 + int(words[2])
