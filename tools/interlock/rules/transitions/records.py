"""Records are add-only: what was merged about a revision, a base or a revocation is never changed or taken away."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.kinds.policy import Revoked
from interlock.documents.layout import classify
from interlock.documents.positions import Place
from interlock.findings.finding import Finding
from interlock.rules.change import Change, Touch
from interlock.rules.remedies import restore
from interlock.rules.rule import TransitionRule

FAMILY = "records"
REVOCATIONS = "policies/revocations.yaml"


def record_changed(change: Change) -> Iterator[Finding]:
    """The manifest or the evidence of something that was merged is another one now."""
    for path in _records(change, Touch.CHANGED):
        yield Finding(
            "record-changed",
            Place(path),
            f"{path} was merged before and is different now",
            "the record exactly as it was merged",
            f"{restore(path, change.base.label)}   (and register what is new under a new revision)",
        )


def record_removed(change: Change) -> Iterator[Finding]:
    """A record that was merged is gone."""
    for path in _records(change, Touch.REMOVED):
        yield Finding(
            "record-removed",
            Place(path),
            f"{path} was merged before and is removed",
            "the record exactly as it was merged; it may still be a rollback target or somebody's evidence",
            restore(path, change.base.label),
        )


def _records(change: Change, touch: Touch) -> Iterator[str]:
    return (path for path, what in change.touched.items() if what is touch and _is_record(path))


def _is_record(path: str) -> bool:
    parts = path.split("/")
    evidence = len(parts) > 3 and parts[0] == "adapters" and parts[2] == "evidence"
    return evidence or classify(path).kind in ("AdapterRevision", "BaseRevision")


def revocation_withdrawn(change: Change) -> Iterator[Finding]:
    """A revision that was revoked is not revoked any more, or for another reason."""
    if change.base.revocations is None or REVOCATIONS not in change.touched:
        return
    after = change.head.snapshot.revocations
    kept = after.document.revoked if after else ()
    for record in change.base.revocations.document.revoked:
        if record not in kept:
            yield Finding(
                "revocation-withdrawn",
                Place(REVOCATIONS),
                f"the revocation of {record.adapter}@{record.revision} ({record.reason}) {_what_became(record, kept)}",
                "every revocation that was merged, word for word",
                f"{restore(REVOCATIONS, change.base.label)}   (and add what is new at its end)",
            )


def _what_became(record: Revoked, kept: tuple[Revoked, ...]) -> str:
    same = any((other.adapter, other.revision) == (record.adapter, record.revision) for other in kept)
    return "reads differently now" if same else "is gone"


RULES = (
    TransitionRule(
        "record-changed",
        "A merged record was changed",
        "Evidence, approvals and rollbacks speak about the record as it was merged. If it may change afterwards, nobody"
        " can say what was approved.",
        "Restore the record, and register what is new under a new revision.",
        FAMILY,
        record_changed,
    ),
    TransitionRule(
        "record-removed",
        "A merged record was removed",
        "A pointer, a rollback or an audit may need it later; git history alone is not where a node looks.",
        "Restore the record.",
        FAMILY,
        record_removed,
    ),
    TransitionRule(
        "revocation-withdrawn",
        "A revocation was withdrawn",
        "A revoked revision must never answer a request again. Somebody who could un-revoke it would only need one"
        " careless review.",
        "Restore the revocation. If it was a mistake, register the same bytes as a new revision.",
        FAMILY,
        revocation_withdrawn,
    ),
)
