"""Who had a hand in each commit, as the commits themselves say it. Called by whatever gathers facts about approvals.

Every commit counts that one side has and the other has not, along all parents: a merge brings in what nobody on the
first parents wrote. Commits are read raw, so that no `.mailmap`, no replacement and no encoding changes what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history.git_command import Git
from interlock.history.pointer_history import refuse_cut_history

Written = Literal["author", "committer", "co-author", "suggester"]

MOST_COMMITS = 20_000
MOST_HANDS = 1_000
_IDENTITY = re.compile(rb"(?P<name>[^<>]*)<(?P<email>[^<>]*)> -?[0-9]{1,20} [+-][0-9]{4,6}")
_PERSON = re.compile(rb"(?P<name>[^<>]*)<(?P<email>[^<>]*)>")
_HEADERS: dict[bytes, Written] = {b"author": "author", b"committer": "committer"}
_TRAILERS: dict[bytes, Written] = {b"co-authored-by": "co-author", b"suggested-by": "suggester"}
_DIFFERING = re.compile(rb"(?:^|\0)([0-9a-f]{40})\0(?=:)")  # a commit without a difference has no line that begins so
_LINE_ENDS = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Hand:
    """One name in one commit. One that cannot be read has an empty e-mail: somebody it was, and nobody knows who."""

    commit: str
    how: Written
    name: str
    email: str


def contributors_between(git: Git, base: str | None, head: str) -> list[Hand]:
    """Everybody whom a commit names that `head` contains and `base` does not (full ids; None: all of them).

    Raises:
        HistoryError: the history is cut off, is too long to be read at once, or git cannot read it.
    """
    limits = [f"^{commit_id(base)}"] if base else []
    return _hands(git, _commits(git, commit_id(head), *limits))


def contributors_of_paths(git: Git, head: str, paths: Sequence[str]) -> list[Hand]:
    """Everybody whom a commit names that made something of one of these paths, along all parents of `head`.

    A merge counts where it has something at one of the paths that no parent has; to bring in what a parent has is
    nobody's hand in it.

    Raises:
        HistoryError: see `contributors_between`.
    """
    if not paths:
        return []
    where = (commit_id(head), "--", *paths)
    single = _commits(git, "--full-history", "--no-merges", *where)
    merges = _commits(git, "--full-history", "--merges", *where)
    return _hands(git, [*single, *_adding(git, merges, paths)])


def _adding(git: Git, merges: list[str], paths: Sequence[str]) -> Iterator[str]:
    """The merges that differ from all of their parents at one of the paths."""
    if merges:
        asked = "".join(f"{merge}\n" for merge in merges).encode("ascii")
        told = git.run("diff-tree", "--stdin", "-r", "-c", "--raw", "-z", "--no-renames", "--", *paths, data=asked)
        named = set(_DIFFERING.findall(told))
        yield from (merge for merge in merges if merge.encode("ascii") in named)


def _commits(git: Git, *words: str) -> list[str]:
    refuse_cut_history(git)
    found = git.run("rev-list", f"--max-count={MOST_COMMITS + 1}", *words).decode("ascii").split()
    if len(found) > MOST_COMMITS:
        raise HistoryError(
            f"more than {MOST_COMMITS} commits in {git.directory} would have to be read to know who wrote them",
            expected="a change of fewer commits",
            remedy="bring the branch up to date, or propose its commits in parts",
        )
    return found


def _hands(git: Git, commits: list[str]) -> list[Hand]:
    if not commits:
        return []
    objects = git.run("cat-file", "--batch", data="".join(f"{commit}\n" for commit in commits).encode("ascii"))
    return [hand for commit, data in _split(objects) for hand in hands_of(commit, data)]


def _split(objects: bytes) -> Iterator[tuple[str, bytes]]:
    """The commits in what `cat-file --batch` printed: a line with id, type and size, the bytes, a line break."""
    at = 0
    while at < len(objects):
        end = objects.index(b"\n", at)
        words = objects[at:end].decode("ascii", errors="replace").split(" ")
        if len(words) != 3 or words[1] != "commit":
            raise HistoryError(f"git has no commit {words[0]} any more", remedy="run: git fsck")
        size = int(words[2])
        yield words[0], objects[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def hands_of(commit: str, data: bytes) -> list[Hand]:
    """Everybody whom one raw commit names: author, committer and the trailers of its message.

    Raises:
        HistoryError: it names nobody at all as author or committer, or more people than can be true.
    """
    head, _, message = data.partition(b"\n\n")
    found = [*_of_headers(commit, head), *_of_trailers(commit, message)]
    if {"author", "committer"} - {hand.how for hand in found} or len(found) > MOST_HANDS:
        raise HistoryError(
            f"commit {commit} does not say who made it in a way that can be read",
            expected=f"one author, one committer and fewer than {MOST_HANDS} trailers",
            remedy=f"run: git cat-file commit {commit}",
        )
    return list(dict.fromkeys(found))


def _of_headers(commit: str, head: bytes) -> Iterator[Hand]:
    # Lines that go on from the line before begin with a space, so that a signature can fake no header.
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key in _HEADERS:
            yield _hand(commit, _HEADERS[key], _IDENTITY.fullmatch(value), value)


def _of_trailers(commit: str, message: bytes) -> Iterator[Hand]:
    """The trailers at any place of the message: what one forge shows as a co-author, another takes for text."""
    for line in _LINE_ENDS.split(message):
        key, colon, value = line.partition(b":")
        how = _TRAILERS.get(key.strip().lower()) if colon else None
        if how:
            yield _hand(commit, how, _PERSON.fullmatch(value.strip()), value)


def _hand(commit: str, how: Written, match: re.Match[bytes] | None, raw: bytes) -> Hand:
    name = (match["name"] if match else raw).strip().decode("utf-8", errors="backslashreplace")
    try:
        return Hand(commit, how, name[:200], match["email"].decode("utf-8") if match else "")
    except UnicodeDecodeError:
        return Hand(commit, how, name[:200], "")
