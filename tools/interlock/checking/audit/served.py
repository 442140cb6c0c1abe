"""Joins what nodes served, by their receipts, with what git told them. Called by `interlock audit --served`.

The receipt says which revision answered; the branch says which commit told the environment to serve that revision, and
what is known of it: its verdict, who activated it, who approved it. Where the two do not fit, that is said.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.checking.audit.outcome import Audit, AuditedCommit
from interlock.checking.key_rings import MAX_ROSTER, ROSTER
from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.roster import Roster
from interlock.documents.layout import classify, revision_path
from interlock.documents.reading import read_document
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactMissing, HistoryError
from interlock.history.repository import GitRepository
from interlock.receipts.served_at import Answer, Known

CLOCKS_DIFFER = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class ServedThen:
    """What one node answered, and what stands behind it.

    `decided` is the commit that told the environment to serve the revision, None where no revision is known or where
    none told it. `told` is what the branch said of the alias at the commit that the node followed. `wrong` are
    contradictions between receipts and git, `notes` what is worth knowing.
    """

    answer: Answer
    decided: AuditedCommit | None = None
    told: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether the answer is known and proven."""
        return self.answer.known is not Known.NOT_KNOWN and self.answer.is_proven


def roster_at(repository: GitRepository, commit: str) -> tuple[Roster | None, str]:
    """The roster of a commit, and why it cannot be read ("": it can, or there is none)."""
    with repository.commit_tree(commit) as tree:
        if ROSTER not in tree.entries():
            return None, ""
        reading = read_document(tree.read(ROSTER, limit=MAX_ROSTER), ROSTER, classify(ROSTER))
    if isinstance(reading.document, Roster):
        return reading.document, ""
    return None, f"{ROSTER} of {commit[:12]} cannot be read, so it gives no node a key"


def joined(repository: GitRepository, audit: Audit, answers: Sequence[Answer]) -> list[ServedThen]:
    """Each answer with the commit behind it.

    Raises:
        HistoryError: git cannot deliver a record that is needed.
    """
    positions: dict[str, list[int]] = defaultdict(list)
    for number, commit in enumerate(audit.commits):
        positions[commit.commit].append(number)
        positions[commit.tree].append(number)
    return [_joined(repository, audit, positions, answer) for answer in answers]


def _joined(
    repository: GitRepository, audit: Audit, positions: Mapping[str, Sequence[int]], answer: Answer
) -> ServedThen:
    if not answer.commit:
        return ServedThen(answer)
    position = _position(audit, positions.get(answer.commit, ()), answer)
    if position is None:
        wrong = f"the node followed {answer.commit[:12]}, which is no commit of this branch up to {audit.head[:12]}"
        return ServedThen(answer, wrong=(wrong,))
    before = [
        (commit, served.after)
        for commit in reversed(audit.commits[: position + 1])
        for served in commit.served
        if (served.environment, served.adapter) == (answer.environment, answer.alias)
    ]
    told = before[0][1] if before else ()
    notes = _clocks(audit.commits[position], answer)
    if not answer.served:
        return ServedThen(answer, told=told, notes=notes)
    name = ServedName.parse(answer.served)
    decided = next((commit for commit, after in before if _tells(after, name.revision)), None)
    if decided is None:
        wrong = (
            f"no commit up to {answer.commit[:12]} told {answer.environment} to serve {answer.alias}@{name.revision}"
        )
        return ServedThen(answer, None, told, (wrong,), notes)
    if not _tells(told, name.revision):
        since = before[0][0].commit[:12]
        notes = (*notes, f"git told {', '.join(told) or 'nothing'} since {since}, and the node had not followed yet")
    return ServedThen(
        answer, decided, told, _bytes_differ(repository, audit.commits[position].commit, answer, name), notes
    )


def _position(audit: Audit, possible: Sequence[int], answer: Answer) -> int | None:
    """Which commit of the branch a node followed. One that reads a directory names a tree, and several may have had it:
    then the last one that is not newer than the receipt.
    """
    written = answer.record.time + CLOCKS_DIFFER if answer.record else dt.datetime.max.replace(tzinfo=dt.UTC)
    older = [number for number in possible if audit.commits[number].when.time <= written]
    return older[-1] if older else next(iter(possible), None)


def _tells(told: tuple[str, ...], revision: str) -> bool:
    """Whether an environment is told to answer with a revision; see `works.told`."""
    return any(words.split(" ")[:2] in (["active", revision], ["canary", revision]) for words in told)


def _clocks(commit: AuditedCommit, answer: Answer) -> tuple[str, ...]:
    """A receipt that is older than what it follows: one of the two clocks was wrong."""
    record = answer.record
    if record is None or record.time >= commit.when.time - CLOCKS_DIFFER:
        return ()
    return (
        f"its receipt of {record.time:%Y-%m-%d %H:%M:%S} UTC follows {commit.commit[:12]}, which counts only from"
        f" {commit.when} ({commit.when.source}): one of the clocks was wrong",
    )


def _bytes_differ(repository: GitRepository, commit: str, answer: Answer, name: ServedName) -> tuple[str, ...]:
    """Whether the record of the revision names other bytes than the receipt."""
    path = revision_path(name.adapter, name.revision)
    try:
        with repository.commit_tree(commit) as tree:
            reading = read_document(tree.read(path, limit=MAX_DOCUMENT_BYTES), path, classify(path))
    except ArtifactMissing:
        return (f"{path} is not there at {commit[:12]}",)
    if not isinstance(reading.document, AdapterRevision):
        raise HistoryError(f"{path} of {commit[:12]} cannot be read, so its digest is not known")
    digest = reading.document.artifact.digest
    if digest.prefix == name.digest_prefix and answer.digest in ("", str(digest)):
        return ()
    revision = RevisionId(name.adapter, name.revision)
    return (f"the node served other bytes as {revision} ({answer.digest or answer.served}) than git names ({digest})",)
