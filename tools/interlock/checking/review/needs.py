"""What the policies still ask for before a change may serve: approvals, evidence, gates. A list to go through by hand.

Who approved is not known here, and no signature has been verified: nothing on this list is ever shown as done.
Policies are those of the trusted side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from interlock.checking.evidence_reading import Evidence, EvidenceFile, EvidenceFolder, evidence_folder
from interlock.checking.review.kinds import Kind
from interlock.checking.review.origins import revisions_told, risk_tier
from interlock.checking.review.words import codes, listed, manifest_of, plural
from interlock.documents.fields import duration_text
from interlock.documents.identifiers import Digest, RevisionId
from interlock.documents.kinds.policy import Approvals, Gate, Policy
from interlock.documents.snapshot import Located
from interlock.findings.markdown_page import Block, Bullet, Bullets, Code, Line, Paragraph, Part, Section
from interlock.rules.change import Change, PointerStep, brings_in

SHOWN = 20
"""Files of evidence about one revision that are listed."""

_PARTS = {
    "trainer": "trained it",
    "evaluator": "evaluated it",
    "author": "wrote this change",
    "activator": "activates it",
}


def needs_section(change: Change, kind: Kind, evidence: Evidence) -> Section:
    """What is asked for, and what of it is there."""
    title = "Approvals and evidence still to be checked"
    if kind not in (Kind.PROMOTION, Kind.ROLLBACK):
        blocks: list[Block] = [
            Paragraph(
                "The policies ask for no approval and no evidence for such a change; the forge's own rules decide."
            )
        ]
        return Section(title, (*blocks, *_there(change, evidence, named=frozenset())))
    steps = [step for step in change.steps if brings_in(step)]
    return Section(title, tuple(block for step in steps[:4] for block in _step(change, step, evidence)))


def _step(change: Change, step: PointerStep, evidence: Evidence) -> Iterator[Block]:
    policies = [p for p in change.base.policies.values() if step.environment in p.document.environments]
    if not policies:
        yield Paragraph(
            ("No policy names ", Code(step.environment), ": no approvals and no evidence are asked for there.")
        )
    for located in sorted(policies, key=lambda p: p.path):
        yield Paragraph((Code(located.path), " asks for, in ", Code(step.environment), ":"))
        asked = _of_rollback(located.document) if change.is_rollback(step) else None
        bullets = [*asked] if asked else [*_of_promotion(change, step, located.document, evidence)]
        yield Bullets(tuple(bullets) or (Bullet("no approvals and no evidence."),))
    yield Paragraph("No approval is read from the forge yet, and no signature is verified: nobody's yes is shown here.")
    yield from _there(change, evidence, named=frozenset(_counting(change, step, policies, evidence)))


def _of_rollback(policy: Policy) -> Iterator[Bullet] | None:
    """What the fast path needs; None where the policy does not describe it, so that it needs what a promotion does."""
    if policy.rollback is None:
        return None
    skipped = f"; it does not wait for {listed(policy.rollback.skip)}" if policy.rollback.skip else ""
    approvals = plural(policy.rollback.approvals, "approval")
    return iter([Bullet(f"{approvals} for a fast-path rollback{skipped}.", open_box=True)])


def _of_promotion(change: Change, step: PointerStep, policy: Policy, evidence: Evidence) -> Iterator[Bullet]:
    if policy.approvals:
        yield from _approvals(policy.approvals)
    if policy.evidence:
        tier = risk_tier(change, step.adapter)
        kinds = getattr(policy.evidence, tier)
        for revision in sorted(brings_in(step)):
            key = RevisionId(step.adapter, revision)
            yield from (Bullet(_evidence(change, key, kind, tier, evidence), open_box=True) for kind in kinds)
        if policy.evidence.max_age and kinds:
            yield Bullet(
                f"none of it older than {duration_text(policy.evidence.max_age)}; its age is not judged yet.",
                open_box=True,
            )
    for gate in policy.gates:
        yield Bullet(_gate(gate), open_box=True)
    if policy.canary:
        yield Bullet(
            ("while a canary runs: ", Code(policy.canary.test), f" at alpha {policy.canary.alpha:g}."), open_box=True
        )
    if policy.budgets:
        budgets = "; ".join(f"{name} at most {share:g}" for name, share in list(policy.budgets.items())[:10])
        yield Bullet(f"budgets: {budgets}.", open_box=True)


def _approvals(asked: Approvals) -> Iterator[Bullet]:
    roles = [
        f"{count} {role}" if count == 1 else f"{count} of role {role}" for role, count in list(asked.roles.items())[:10]
    ]
    among = f", among them {listed(roles)}" if roles else ""
    yield Bullet(f"{plural(asked.count, 'approval')}{among}.", open_box=True)
    parts = [_PARTS[part] for part in asked.distinct if part in _PARTS]
    if parts:
        yield Bullet(f"not from whoever {' or '.join(parts)}.", open_box=True)


def _evidence(change: Change, key: RevisionId, kind: str, tier: str, evidence: Evidence) -> Line:
    files = _files_of(change, key, kind, evidence)
    asked: tuple[Part, ...] = ("evidence ", Code(kind), " for ", Code(str(key)), f" (tier {tier}): ")
    if not files:
        return (*asked, "missing.")
    return (*asked, "present, signature not verified yet: ", *codes(files, limit=3), ".")


def _files_of(change: Change, key: RevisionId, kind: str, evidence: Evidence) -> list[str]:
    """The statements of one kind about exactly the bytes of a revision."""
    digest = _digest(change, key)
    found = ((file.path, file.statement) for file in _folder(evidence, key).files)
    return [path for path, said in found if said and said.kind == kind and digest and said.is_about(digest)]


def _counting(
    change: Change, step: PointerStep, policies: Iterable[Located[Policy]], evidence: Evidence
) -> Iterator[str]:
    """The files that are named where policies ask for them."""
    tier = risk_tier(change, step.adapter)
    for kind in {kind for p in policies if p.document.evidence for kind in getattr(p.document.evidence, tier)}:
        for revision in () if change.is_rollback(step) else brings_in(step):
            yield from _files_of(change, RevisionId(step.adapter, revision), kind, evidence)


def _gate(gate: Gate) -> Line:
    against = f" against {listed(gate.against)}" if gate.against else ""
    names = ("margin", "alpha", "max_rate", "max_attempts")
    limits = [f"{name} {value:g}" for name in names if (value := getattr(gate, name)) is not None]
    return ("gate ", Code(gate.suite), ": ", Code(gate.test), f"{against}; {', '.join(limits)}. Not evaluated yet.")


def _there(change: Change, evidence: Evidence, *, named: frozenset[str]) -> Iterator[Block]:
    """What lies in the folders of evidence, whether anybody asked for it or not; but for the files `named` above."""
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
    state = "present, signature not verified yet"
    if digest is None or not file.statement.is_about(digest):
        state = "about other bytes than this revision's, so it counts for nothing"
    return (Code(file.statement.kind), f": {state}: ", Code(file.path))


def _digest(change: Change, key: RevisionId) -> Digest | None:
    located = manifest_of(change, key.adapter, key.revision)
    return located.document.artifact.digest if located else None


def _folder(evidence: Evidence, key: RevisionId) -> EvidenceFolder:
    return evidence.get(key) or EvidenceFolder()
