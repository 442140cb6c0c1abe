"""A ref that only grows: a tree of folders with files that are never changed or removed, beside the branch.

Called for signed statements (`attestation_ref`) and for receipts. Only objects and the ref are written, never an index
or a working directory; where two add at once, both succeed.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history.git_command import Git

_TRIES = 50
_NOTHING = "0" * 40
_IDENTITY = ("-c", "user.name=interlock", "-c", "user.email=interlock@localhost", "-c", "commit.gpgsign=false")


def tip(git: Git, ref: str) -> str | None:
    """The commit that a ref names, None where there is none."""
    finished = git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return commit_id(finished.output.decode("ascii").strip()) if not finished.status else None


def move(git: Git, old: str | None, new: str, ref: str) -> bool:
    """Let a ref name another commit if it still names `old`; whether it did."""
    return not git.attempt("update-ref", "--end-of-options", ref, new, old or _NOTHING).status


def folder_at(git: Git, commit: str, folder: str) -> dict[str, str]:
    """`MODE TYPE ID` by name of everything in a folder; nothing where there is no such folder."""
    listing = git.run("ls-tree", "-z", "--full-tree", commit, f"{folder}/").decode("utf-8", errors="surrogateescape")
    lines = (line.partition("\t") for line in listing.split("\0") if line)
    return {path.removeprefix(f"{folder}/"): words for words, _, path in lines}


def add(git: Git, ref: str, files: Mapping[str, Mapping[str, bytes]], message: str) -> str:
    """Add files to folders in one commit; returns the commit of the ref that holds them. What is there already stays.

    Raises:
        HistoryError: git refuses, or others write there all the time.
    """
    lines = {folder: {name: _file(git, data) for name, data in named.items()} for folder, named in files.items()}
    for _ in range(_TRIES):
        old = tip(git, ref)
        folders = {folder: folder_at(git, old, folder) if old else {} for folder in lines}
        if old and all(new.items() <= folders[folder].items() for folder, new in lines.items()):
            return old
        top = _entries(git, old)
        for folder, new in lines.items():
            top[folder] = f"040000 tree {_made(git, {**new, **folders[folder]})}"
        commit = _commit(git, _made(git, top), [old] if old else [], message)
        if move(git, old, commit, ref):
            return commit
    raise HistoryError(f"{ref} is being written by others all the time", remedy="run the same command again")


def union(git: Git, ours: str | None, theirs: str, ref: str, message: str) -> str:
    """A commit that holds the files of both; one of the two where it holds the other already.

    Raises:
        HistoryError: git refuses, or the two have different files under one name.
    """
    if ours is None or _contains(git, theirs, ours):
        return theirs
    if _contains(git, ours, theirs):
        return ours
    mine, others = _entries(git, ours), _entries(git, theirs)
    top = {**mine, **others}
    for name in mine.keys() & others.keys():
        if mine[name] != others[name]:
            both = _both(folder_at(git, ours, name), folder_at(git, theirs, name), name, ref)
            top[name] = f"040000 tree {_made(git, both)}"
    return _commit(git, _made(git, top), [ours, theirs], message)


def _both(mine: Mapping[str, str], others: Mapping[str, str], folder: str, ref: str) -> dict[str, str]:
    """The entries of two folders. What was written by hand under one name twice cannot be kept twice."""
    differing = [name for name in mine.keys() & others.keys() if mine[name] != others[name]]
    if differing or not mine or not others:
        raise HistoryError(
            f"{folder}/{''.join(differing[:1])} is one thing here and another on the remote",
            expected="files that are named by the SHA-256 of their content, in both",
            remedy=f"keep what is yours elsewhere, then: git update-ref -d {ref}, and fetch again",
        )
    return {**mine, **others}


def _contains(git: Git, newer: str, older: str) -> bool:
    return not git.attempt("merge-base", "--is-ancestor", older, newer).status


def _file(git: Git, data: bytes) -> str:
    return f"100644 blob {git.run('hash-object', '-w', '--stdin', data=data).decode('ascii').strip()}"


def _entries(git: Git, commit: str | None) -> dict[str, str]:
    """`MODE TYPE ID` by name at the top of the ref's tree."""
    listing = git.run("ls-tree", "-z", "--full-tree", commit) if commit else b""
    lines = (line.partition("\t") for line in listing.decode("utf-8", errors="surrogateescape").split("\0") if line)
    return {name: words for words, _, name in lines}


def _made(git: Git, entries: Mapping[str, str]) -> str:
    lines = "".join(f"{words}\t{name}\0" for name, words in entries.items())
    data = lines.encode("utf-8", errors="surrogateescape")
    return git.run("mktree", "-z", "--missing", data=data).decode("ascii").strip()


def _commit(git: Git, tree: str, parents: list[str], message: str) -> str:
    named = [word for parent in parents for word in ("-p", parent)]
    return git.run(*_IDENTITY, "commit-tree", tree, *named, data=message.encode()).decode("ascii").strip()
