"""Writes CODEOWNERS from roster, policies and adapters, or says how the one that is there differs.

Called by `interlock codeowners`. Never touches a file that somebody wrote: lines that people chose would be lost.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import REGULAR, ListedOnce
from interlock.errors import ArtifactError, DocumentError, InterlockError, UsageError
from interlock.lifecycle.file_writing import write_below
from interlock.rules.code_owners import expected_text, unread_documents
from interlock.rules.code_owners_file import (
    ALL_LOCATIONS,
    LOCATIONS,
    MAX_BYTES,
    WRITTEN_TO,
    Forge,
    NotWritable,
    Options,
    generated_with,
)


class Undecided(DocumentError):
    """A document that decides about owners cannot be read, so nobody can say who they are."""


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """Where the file stands or should stand, what it should say, and what it says (None: it is not there)."""

    path: str
    expected: str
    found: str | None

    @property
    def is_current(self) -> bool:
        """Whether the file is there and says what it should."""
        return self.found == self.expected

    @property
    def differences(self) -> list[str]:
        """The lines that differ, marked with - where they stand and + where they should."""
        lines = difflib.unified_diff((self.found or "").splitlines(), self.expected.splitlines(), lineterm="", n=0)
        return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def code_owners(root: Path, forge: Forge | None, teams: str | None) -> CodeOwners:
    """The file of the repository at `root`; what is not said is taken from the file that was generated before.

    Raises:
        Undecided: a document that decides about owners cannot be read.
        UsageError: a login or the name of the organisation cannot stand in such a file.
    """
    tree = ListedOnce(root)
    texts = _texts(tree)
    options = _options(texts, forge, teams)
    snapshot = read_snapshot(tree)
    unread = unread_documents(snapshot)
    if unread:
        raise Undecided(
            f"{', '.join(unread[:3])} cannot be read, so nobody can say who owns what",
            expected="a readable roster, policies, environments and adapters",
            remedy="run: interlock check",
        )
    path = next((at for at, text in texts.items() if _is_ours(text, options.forge)), WRITTEN_TO[options.forge])
    try:
        return CodeOwners(path, expected_text(snapshot, options), texts.get(path))
    except NotWritable as error:
        raise UsageError(str(error), expected="logins as the forge writes them, in policies/roster.yaml") from None


def write_code_owners(root: Path, wanted: CodeOwners, forge: Forge) -> None:
    """Put the file where it belongs.

    Raises:
        InterlockError: somebody wrote a file there, or one that the forge takes instead.
    """
    for path in LOCATIONS[forge]:
        text = _texts(ListedOnce(root)).get(path)
        if text is not None and generated_with(text) is None:
            raise InterlockError(
                f"{path} was written by somebody, and not by `interlock codeowners`",
                expected="no other CODEOWNERS, because a forge reads one file only",
                remedy=f"move {path} away, or keep it and add what `interlock codeowners` prints by hand",
            )
        if path == wanted.path:
            break
    write_below(root, wanted.path, wanted.expected.encode())


def forge_of(wanted: CodeOwners) -> Forge:
    """The forge that a generated file is for."""
    options = generated_with(wanted.expected)
    assert options is not None, "what is expected was generated"
    return options.forge


def _texts(tree: ListedOnce) -> dict[str, str]:
    """The files that are there; one that is no text is somebody's own."""
    found = {}
    for path in ALL_LOCATIONS:
        entry = tree.entries().get(path)
        if entry is not None:
            try:
                found[path] = tree.read(path, limit=MAX_BYTES).decode() if entry.kind == REGULAR else ""
            except (DocumentError, ArtifactError, UnicodeDecodeError):
                found[path] = ""
    return found


def _options(texts: dict[str, str], forge: Forge | None, teams: str | None) -> Options:
    known = (generated_with(text) for text in texts.values())
    before = next((options for options in known if options and forge in (None, options.forge)), None)
    try:
        return Options(
            forge or (before.forge if before else "github"),
            teams if teams is not None else before.teams if before else "",
        )
    except NotWritable as error:
        raise UsageError(str(error), expected="the organisation or group as in the forge's addresses") from None


def _is_ours(text: str, forge: Forge) -> bool:
    options = generated_with(text)
    return options is not None and options.forge == forge
