"""Whether people have approved what a change decides. Judged only where somebody gathered what they said.

`interlock check` alone knows no approvals: they are judged by `interlock attest`, on the node and by the audit. Roster
and policies are those of the trusted side; what each decision needs is worked out by `rules.approval_decisions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from interlock.approvals.contributors import Identified
from interlock.approvals.facts import ApprovalFacts
from interlock.approvals.people import People
from interlock.approvals.quorum import Needs, Question, Quorum, judge
from interlock.findings.finding import Finding, Severity
from interlock.rules.approval_decisions import Decision, decisions, gains, why_unread
from interlock.rules.change import Change
from interlock.rules.rule import TransitionRule
from interlock.rules.wording import listed

FAMILY = "approvals"
_REMEDY = "have it approved on the forge, or run: interlock approve REV, as somebody who did not make it"


Answers = tuple[tuple[Decision, Quorum], ...]


def answers(change: Change) -> Answers:
    """Every decision of a change with the answer of the quorum; nothing where nobody gathered approvals."""
    return change.once("answers", _answers)


def _answers(change: Change) -> Answers:
    facts = change.approvals
    if facts is None:
        return ()
    people = People.of(change.base.roster.document if change.base.roster else None)
    return tuple((decision, judge(question(change, facts, people, decision))) for decision in decisions(change))


def question(change: Change, facts: ApprovalFacts, people: People, decision: Decision) -> Question:
    """What the quorum is asked about one decision."""
    return Question(
        people=people,
        needs=decision.needs,
        tree=facts.tree,
        target_ref=facts.target_ref,
        contributors=facts.contributors,
        approvals=facts.approvals,
        environment=decision.environment,
        adapter=decision.adapter,
        head_commit=facts.head_commit,
        head_tree=facts.head_tree,
        base_commit=facts.base_commit,
        forge=facts.forge,
        trainers=_together(facts.trainers.get(key, Identified()) for key in decision.brings_in),
        evaluators=_together(facts.evaluators.get(key, Identified()) for key in decision.brings_in),
        activator=facts.activator,
        merged=facts.merged,
        changes_policy=decision.changes_policy,
        gains=gains(change) if decision.changes_policy else frozenset(),
        unread=facts.unread or why_unread(change),
    )


def _together(parts: Iterator[Identified]) -> Identified | None:
    found = list(parts)
    return reduce(Identified.with_others, found) if found else None


def approvals_missing(change: Change) -> Iterator[Finding]:
    """Fewer people approved than the policy asks for, or others."""
    for decision, quorum in answers(change):
        if quorum.status == "fail" and quorum.missing:
            found = f"{decision.what} is not approved: {'; '.join(quorum.missing)}{_not_counted(quorum)}"
            yield _finding("approvals-missing", change, decision, found, asked(decision.needs), _REMEDY)


def approval_not_counted(change: Change) -> Iterator[Finding]:
    """An approval is there and does not count."""
    for decision, quorum in answers(change):
        for one in quorum.not_counted:
            yield Finding(
                "approval-not-counted",
                decision.place,
                f"the approval of {decision.what} by {one.who} does not count: {one.why}",
                "an approval by a person of the roster, of exactly this result, by nobody who made it",
                "have it approved by somebody else, or again for the result as it is now",
                severity=Severity.WARNING,
                environment=decision.environment,
            )


def approvals_not_evaluable(change: Change) -> Iterator[Finding]:
    """Whether the approvals are enough cannot be said, because somebody or something is not known."""
    for decision, quorum in answers(change):
        for sentence in quorum.unknown if quorum.status != "fail" else ():
            yield _finding(
                "approvals-not-evaluable",
                change,
                decision,
                f"{decision.what}: {sentence}",
                "that everybody who made, proposed, approved or merged it is known to the trusted roster",
                "add the account, e-mail or key to policies/roster.yaml in a change of its own, or have the commits"
                " made anew and signed by people of the roster",
                evaluated=False,
            )


def changes_requested(change: Change) -> Iterator[Finding]:
    """Somebody of the roster asked for changes and has not taken it back."""
    for decision, quorum in answers(change):
        for sentence in quorum.objections:
            yield _finding(
                "changes-requested",
                change,
                decision,
                f"{decision.what}: {sentence}",
                "no request for changes that still stands",
                "settle it with whoever asked for changes; then they approve, or take the request back",
            )


def parts_not_separate(change: Change) -> Iterator[Finding]:
    """One person played two parts that the policy keeps apart."""
    for decision, quorum in answers(change):
        for sentence in quorum.conflicts:
            yield _finding(
                "parts-not-separate",
                change,
                decision,
                f"{decision.what}: {sentence}",
                f"different people, as {listed(decision.needs.paths) or 'the policy'} says in approvals.distinct",
                "have one of the two parts played by somebody else: another author, other evidence, another merge",
            )


def emergency_not_reviewed(change: Change) -> Iterator[Finding]:
    """A promotion comes before anybody else looked at what an emergency let in without approvals."""
    past = change.approvals.past_emergencies if change.approvals else {}
    for step in change.promotions:
        waiting = [one for one in past.get(step.environment, ()) if not one.reviewed_by]
        if waiting:
            last = waiting[0]
            yield Finding(
                "emergency-not-reviewed",
                step.place("active"),
                f"{last.by} let commit {last.commit[:12]} into {step.environment} in an emergency ({last.reason}),"
                " and nobody has reviewed it",
                "a review by somebody else before the next promotion; a rollback is always possible",
                f"run: interlock emergency review {last.commit[:12]}   (as somebody else)",
                environment=step.environment,
            )


def _finding(
    rule: str,
    change: Change,
    decision: Decision,
    found: str,
    expected: str,
    remedy: str,
    *,
    evaluated: bool = True,
) -> Finding:
    return Finding(
        rule,
        decision.place,
        found,
        expected,
        remedy,
        evaluated=evaluated,
        environment=decision.environment,
        excused=_emergency(change, decision),
    )


def _emergency(change: Change, decision: Decision) -> str:
    """Why a pointer may change without its approvals; an emergency never changes what decides about later changes."""
    facts, environment = change.approvals, decision.environment
    if facts is None or environment is None or decision.adapter is None:
        return ""
    return facts.emergencies.get(environment, "")


def asked(needs: Needs) -> str:
    """What a decision needs, in words: `2 approvals, among them 1 validator, by people who did not make the change`."""
    people = "1 approval" if needs.count == 1 else f"{needs.count} approvals"
    roles = ", ".join(f"{number} {role}" for role, number in needs.roles.items())
    among = (
        f", among them {roles}" if roles else f" by holders of {listed(sorted(needs.eligible))}" * bool(needs.eligible)
    )
    return f"{people}{among}, by people who did not make the change ({listed(needs.paths) or 'no policy says so'})"


def _not_counted(quorum: Quorum) -> str:
    told = "; ".join(f"that of {one.who} does not, because {one.why}" for one in quorum.not_counted)
    return f"; {told}" if told else ""


RULES = (
    TransitionRule(
        "approvals-missing",
        "Too few people have approved the change",
        "One person alone, or one person with two accounts, would decide what the environment serves.",
        "Have it approved by people in the roles that the policy asks for, who had no hand in it.",
        FAMILY,
        approvals_missing,
    ),
    TransitionRule(
        "approval-not-counted",
        "An approval that does not count",
        "Whoever sees it on the forge believes that it is enough.",
        "Have the result as it is now approved by somebody of the roster who did not make it.",
        FAMILY,
        approval_not_counted,
    ),
    TransitionRule(
        "approvals-not-evaluable",
        "Nobody can say whether the approvals are enough",
        "Whoever is not known could be the person who approves, under another name.",
        "Let every account, e-mail and key that had a part in it stand in the roster, and sign the commits.",
        FAMILY,
        approvals_not_evaluable,
    ),
    TransitionRule(
        "changes-requested",
        "Somebody asked for changes",
        "An approval of other people does not answer the question that one of them asked.",
        "Settle it; then the same person approves or takes the request back.",
        FAMILY,
        changes_requested,
    ),
    TransitionRule(
        "parts-not-separate",
        "One person plays two parts that the policy keeps apart",
        "Who trained an adapter finds its evidence convincing, and who wrote a change finds it right.",
        "Let another person play one of the parts.",
        FAMILY,
        parts_not_separate,
    ),
    TransitionRule(
        "emergency-not-reviewed",
        "A promotion before an emergency was reviewed",
        "What was let in without approvals becomes the ground of what comes next, and the exception becomes the rule.",
        "Have the emergency reviewed by somebody else; then promote.",
        FAMILY,
        emergency_not_reviewed,
    ),
)
