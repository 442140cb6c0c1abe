"""Where signed statements are kept: the ref `refs/interlock/attestations`, one file a statement, beside the branch.

    <tree>/<sha256 of the file>.json
    emergencies/<sha256 of the file>.json     emergencies once more, so that they are found without knowing the tree

Called by approve, attest and emergency to add, by the checker and the agent to read. Add-only: what was added is never
changed or removed. Only objects and the ref are written, never an index or a working directory; where two add at once,
both succeed. `attestation_exchange` brings it from and to a remote. Nothing here says that a statement is true.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.documents.identifiers import commit_id
from interlock.errors import HistoryError
from interlock.history import folder_ref
from interlock.history.blob_reading import object_reader
from interlock.history.git_command import Git

REF = "refs/interlock/attestations"
EMERGENCIES = "emergencies"
MAX_FILE = 128 * 1024
MAX_FILES = 500
"""Statements about one tree: more is not read, and "could not evaluate"."""
MAX_EMERGENCIES = 5000
_NAME = re.compile(r"([0-9a-f]{64})\.json")


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in the folder of one tree: `statements` by file name, and why others there were not read."""

    statements: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def file_name(data: bytes) -> str:
    """The name of the file that holds a statement."""
    return f"{hashlib.sha256(data).hexdigest()}.json"


def tip(git: Git, ref: str = REF) -> str | None:
    """The commit that a ref names, None where there is none."""
    return folder_ref.tip(git, ref)


def read(git: Git, tree: str) -> dict[str, bytes]:
    """The statements about a tree by file name, each with exactly the bytes that its name promises.

    Raises:
        HistoryError: there are too many, or git cannot read them.
    """
    return dict(read_stored(git, tree).statements)


def read_stored(git: Git, tree: str) -> Stored:
    """What lies in the folder of a tree, and why what is not read there is not.

    Raises:
        HistoryError: there are too many, or git cannot read them.
    """
    return _stored(git, commit_id(tree), f"about the tree {tree[:12]}", MAX_FILES)


def read_emergencies(git: Git) -> Stored:
    """Every emergency that was ever declared; see `read_stored`."""
    return _stored(git, EMERGENCIES, "of emergencies", MAX_EMERGENCIES)


def _stored(git: Git, folder: str, what: str, most: int) -> Stored:
    commit = tip(git)
    entries = folder_ref.folder_at(git, commit, folder) if commit else {}
    blobs = {name: _blob_id(words) for name, words in entries.items()}
    if len(blobs) > most:
        raise HistoryError(
            f"{REF} holds {len(blobs)} statements {what}",
            expected=f"at most {most}",
            remedy="find out who added them: git log " + REF,
        )
    with object_reader(git) as reader:
        found = reader.read_several([blob for blob in blobs.values() if blob], limit=MAX_FILE)
    statements, refused = {}, {}
    for name, blob in blobs.items():
        why = why_not_read(name, found.get(blob))
        if why:
            refused[name] = why
        else:
            statements[name] = found[blob]
    return Stored(statements, refused)


def why_not_read(name: str, data: bytes | None) -> str:
    """Why a file is not read, "" where it is."""
    if not _NAME.fullmatch(name):
        return "its name is not the SHA-256 of a statement"
    if data is None:
        return f"it is no file of at most {MAX_FILE} bytes that is here"
    return "" if file_name(data) == name else "its content is not what its name says: it was changed"


def _blob_id(words: str) -> str:
    """The id of a regular file, "" for anything else."""
    return words.rpartition(" ")[2] if words.startswith("100644 blob ") else ""


def add(git: Git, tree: str, files: Mapping[str, bytes]) -> str:
    """Add statements to the folder of a tree; returns the commit of the ref that holds them.

    Raises:
        HistoryError: a name is not the SHA-256 of its content, or git refuses.
    """
    return add_several(git, {tree: files})


def add_several(git: Git, files: Mapping[str, Mapping[str, bytes]]) -> str:
    """Add statements to several folders, of trees or `EMERGENCIES`, in one commit; see `add`."""
    for folder in files:
        assert folder == EMERGENCIES or commit_id(folder)
    for named in files.values():
        for name, data in named.items():
            if file_name(data) != name or len(data) > MAX_FILE:
                raise HistoryError(f"{name} is not the name of a statement of {len(data)} bytes")
    return folder_ref.add(git, REF, files, "Add statements")


def move(git: Git, old: str | None, new: str, ref: str = REF) -> bool:
    """Let a ref name another commit if it still names `old`; whether it did."""
    return folder_ref.move(git, old, new, ref)


def union(git: Git, ours: str | None, theirs: str) -> str:
    """A commit that holds the statements of both; one of the two where it holds the other already.

    Raises:
        HistoryError: git refuses, or the two have different files under one name.
    """
    return folder_ref.union(git, ours, theirs, REF, "Unite statements")
