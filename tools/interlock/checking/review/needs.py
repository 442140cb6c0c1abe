"""What the policies still ask for before a change may serve: approvals, evidence, gates. A list to go through by hand.

Who approved is not known here, and no signature has been verified: nothing on this list is ever shown as done.
Policies are those of the trusted side, merged as `interlock policy show` shows them.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.approvals.question import Needs, Tier
from interlock.checking.evidence_reading import Evidence
from interlock.checking.review.kinds import Kind
from interlock.checking.review.origins import risk_tier
from interlock.checking.review.told_approvals import told_approvals
from interlock.checking.review.told_evidence import files_of, other_evidence, wanted_evidence
from interlock.checking.review.words import codes, listed, plural
from interlock.documents.fields import duration_text
from interlock.documents.identifiers import RevisionId
from interlock.findings.markdown_page import Block, Bullet, Bullets, Code, Paragraph, Part, Section
from interlock.rules.change import Change, PointerStep, brings_in
from interlock.rules.effective_policy import EffectivePolicy

SHOWN = 20
"""Things of one sort that are listed."""

_PARTS = {
    "trainer": "trained it",
    "evaluator": "evaluated it",
    "author": "wrote this change",
    "activator": "activates it",
}
_NOTHING_ASKED = "The policies ask for no approval and no evidence for such a change; the forge's own rules decide."
_NOT_ASKED: tuple[Part, ...] = (
    "Nobody was asked for approvals here, and nobody's yes is shown; ",
    Code("interlock check --base REV --approvals"),
    " asks. ",
)


def needs_section(change: Change, kind: Kind, evidence: Evidence) -> Section:
    """What is asked for, and what of it is there."""
    title = "Approvals and evidence still to be checked"
    if kind not in (Kind.PROMOTION, Kind.ROLLBACK):
        return Section(title, (Paragraph(_NOTHING_ASKED), *other_evidence(change, evidence, named=frozenset())))
    steps = [step for step in change.steps if brings_in(step)]
    return Section(title, tuple(block for step in steps[:4] for block in _step(change, step, evidence)))


def _step(change: Change, step: PointerStep, evidence: Evidence) -> Iterator[Block]:
    policy, where = change.policy(step.environment), Code(step.environment)
    rollback = change.is_rollback(step)
    if policy.paths:
        asks = "ask" if policy.paths[1:] else "asks"
        tier = f" (risk tier {risk_tier(change, step.adapter)}):"
        yield Paragraph((*codes(policy.paths, limit=4), f" {asks} for, in ", where, tier))
        asked = _of_rollback(policy) if rollback else None
        yield Bullets((asked,) if asked else tuple(_of_promotion(change, step, policy, evidence)))
        yield from told_approvals(change, step)
        unasked = () if change.approvals else _NOT_ASKED
        yield Paragraph((*unasked, "Each value and its file: ", Code(f"interlock policy show {step.environment}")))
    else:
        yield Paragraph(("No policy names ", where, ": no approvals and no evidence are asked for there."))
    named = () if rollback else _asked_for(change, step, policy)
    yield from other_evidence(
        change, evidence, named=frozenset(f for key, kind in named for f in files_of(change, key, kind, evidence))
    )


def _of_rollback(policy: EffectivePolicy) -> Bullet | None:
    """What the fast path needs; None where no policy describes it, so that it needs what a promotion does."""
    count = policy.value("rollback.approvals")
    if count is None:
        return None
    skip = policy.value("rollback.skip", ())
    skipped = f"; it does not wait for {listed(skip)}" if skip else ""
    return Bullet(f"{plural(count, 'approval')} for a fast-path rollback{skipped}.", open_box=True)


def _of_promotion(change: Change, step: PointerStep, policy: EffectivePolicy, evidence: Evidence) -> Iterator[Bullet]:
    asked = [
        *_approvals(policy, risk_tier(change, step.adapter)),
        *(wanted_evidence(change, key, kind, evidence) for key, kind in _asked_for(change, step, policy)),
        *_age(policy),
        *(Bullet(_gate(policy, gate), open_box=True) for gate in _gates(policy)[:SHOWN]),
        *_trial_and_budgets(policy),
    ]
    yield from asked or [Bullet("no approvals and no evidence.")]
    for setting in policy.conflicts[:SHOWN]:
        yield Bullet((Code(setting.key), f": nobody can say what counts: {setting.conflict}."))


def _approvals(policy: EffectivePolicy, tier: Tier) -> Iterator[Bullet]:
    needs = Needs.of(policy, tier)
    roles = [_people(number, role) for role, number in list(needs.roles.items())[:SHOWN]]
    if needs.asked:
        among = f", among them {listed(roles)}" if roles else ""
        yield Bullet(f"{plural(needs.count, 'approval')}{among}.", open_box=True)
    parts = [_PARTS[part] for part in policy.value("approvals.distinct", ()) if part in _PARTS]
    if parts:
        yield Bullet(f"not from whoever {' or '.join(parts)}.", open_box=True)


def _people(count: int, role: str) -> str:
    return f"1 {role}" if count == 1 else f"{count} of role {role}"


def _asked_for(change: Change, step: PointerStep, policy: EffectivePolicy) -> list[tuple[RevisionId, str]]:
    """The kinds of evidence that the risk of the adapter asks for, about each revision that comes in."""
    kinds = policy.value(f"evidence.{risk_tier(change, step.adapter)}", ())
    return [(RevisionId(step.adapter, name), kind) for name in sorted(brings_in(step)) for kind in kinds][:SHOWN]


def _age(policy: EffectivePolicy) -> Iterator[Bullet]:
    max_age = policy.value("evidence.max_age")
    if max_age:
        yield Bullet(f"no evidence older than {duration_text(max_age)}; its age is not judged yet.", open_box=True)


def _gates(policy: EffectivePolicy) -> list[str]:
    return list(dict.fromkeys(key.rpartition(".")[0] for key in policy.settings if key.startswith("gates.")))


def _gate(policy: EffectivePolicy, gate: str) -> tuple[Part, ...]:
    _, suite, test = gate.split(".")
    against = policy.value(f"{gate}.against", ())
    names = ("margin", "alpha", "max_rate", "max_attempts")
    limits = [f"{name} {value:g}" for name in names if (value := policy.value(f"{gate}.{name}")) is not None]
    told = "; ".join(([f"against {listed(against)}"] if against else []) + ([", ".join(limits)] if limits else []))
    return ("gate ", Code(suite), ": ", Code(test), f" {told}; not evaluated yet." if told else "; not evaluated yet.")


def _trial_and_budgets(policy: EffectivePolicy) -> Iterator[Bullet]:
    test, alpha = policy.value("canary.test"), policy.value("canary.alpha")
    if test:
        level = f" at alpha {alpha:g}" if alpha is not None else ""
        yield Bullet(("while a canary runs: ", Code(test), f"{level}."), open_box=True)
    budgets = [key for key in policy.settings if key.startswith("budgets.")]
    if budgets:
        told = [f"{key.removeprefix('budgets.')} at most {policy.value(key, 0):g}" for key in budgets[:SHOWN]]
        yield Bullet(f"budgets: {'; '.join(told)}.", open_box=True)
