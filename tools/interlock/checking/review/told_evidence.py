"""Which evidence there is about the revisions of a change, as statements in the repository. Called by `needs`.

Present is all that is ever said of it: no signature has been verified.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.checking.evidence_reading import Evidence, EvidenceFile, EvidenceFolder, evidence_folder
from interlock.checking.review.origins import revisions_told
from interlock.checking.review.words import codes, manifest_of, plural
from interlock.documents.identifiers import Digest, RevisionId
from interlock.findings.markdown_page import Block, Bullet, Bullets, Code, Line
from interlock.rules.change import Change

SHOWN = 20
"""Files of evidence about one revision that are listed."""

PRESENT = "present, signature not verified yet"


def wanted_evidence(change: Change, key: RevisionId, kind: str, evidence: Evidence) -> Bullet:
    """One kind of evidence that is asked for, and whether it is there."""
    files = files_of(change, key, kind, evidence)
    there: tuple[str | Code, ...] = (f"{PRESENT}: ", *_names(files), ".") if files else ("missing.",)
    return Bullet(("evidence ", Code(kind), " for ", Code(str(key)), ": ", *there), open_box=True)


def files_of(change: Change, key: RevisionId, kind: str, evidence: Evidence) -> list[str]:
    """The statements of one kind about exactly the bytes of a revision."""
    digest = _digest(change, key)
    found = ((file.path, file.statement) for file in _folder(evidence, key).files)
    return [path for path, said in found if said and said.kind == kind and digest and said.is_about(digest)]


def other_evidence(change: Change, evidence: Evidence, *, named: frozenset[str]) -> Iterator[Block]:
    """What else lies in the folders of evidence, asked for or not; the files `named` above are left out."""
    bullets = [bullet for key in revisions_told(change) for bullet in _lies_there(change, key, evidence, named)]
    if bullets:
        yield Bullets(tuple(bullets))


def _lies_there(change: Change, key: RevisionId, evidence: Evidence, named: frozenset[str]) -> Iterator[Bullet]:
    folder, where = _folder(evidence, key), Code(f"{evidence_folder(key)}/")
    files = [file for file in folder.files if file.path not in named]
    if not folder.files:
        yield Bullet(("There is no evidence about ", Code(str(key)), " in ", where, "."))
    elif files or folder.unread:
        digest = _digest(change, key)
        below = tuple(_file(file, digest) for file in files[:SHOWN])
        rest = len(files) - len(below) + folder.unread
        more: tuple[Line, ...] = (f"{plural(rest, 'more file')}, not listed.",) if rest else ()
        yield Bullet(("Also about ", Code(str(key)), " in ", where, ":"), (*below, *more))


def _file(file: EvidenceFile, digest: Digest | None) -> Line:
    if file.statement is None:
        return (Code(file.path), f": counts for nothing: {file.unreadable}.")
    state = PRESENT
    if digest is None or not file.statement.is_about(digest):
        state = "about other bytes than this revision's, so it counts for nothing"
    return (Code(file.statement.kind), f": {state}: ", Code(file.path))


def _digest(change: Change, key: RevisionId) -> Digest | None:
    located = manifest_of(change, key.adapter, key.revision)
    return located.document.artifact.digest if located else None


def _folder(evidence: Evidence, key: RevisionId) -> EvidenceFolder:
    return evidence.get(key) or EvidenceFolder()


def _names(files: list[str]) -> tuple[str | Code, ...]:
    return tuple(part for part in codes(files, limit=3) if isinstance(part, str | Code))
