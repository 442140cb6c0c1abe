"""Which parts one person plays in a change and may not play together: trained, evaluated, wrote, approves, activates.

Called by `quorum`. Pure. That nobody approves their own work holds always; the rest is what the policy calls distinct.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from interlock.approvals.contributors import Identified, shown
from interlock.approvals.question import Question
from interlock.findings.readable import readable

_DID = {
    "trainer": "made the revision",
    "evaluator": "signed evidence about it",
    "author": "had a hand in the change",
    "activator": "merged it",
}
_MOST = 10


def involved(question: Question) -> dict[str, Identified]:
    """Who plays each part that must be kept apart from another one, as far as anybody has played it yet."""
    played = {
        "trainer": question.trainers,
        "evaluator": question.evaluators,
        "author": question.contributors,
        "activator": question.activator,
    }
    wanted = question.needs.distinct | {"author"}
    return {part: who for part, who in played.items() if part in wanted and who is not None}


def why_not_separate(question: Question, login: str) -> str:
    """Why the approval of a person does not count because of another part that the same person plays ("": it does)."""
    for part, who in involved(question).items():
        if login in who.people and part == "author":
            return f"the approver {_DID[part]}, and nobody approves their own work"
        if login in who.people and "approver" in question.needs.distinct:
            return f"the approver {_DID[part]}, and the policy keeps {part} and approver apart"
    if login in question.gains:
        return "the change gives the approver a role, and nobody approves their own rights"
    return ""


def conflicts(question: Question) -> Iterator[str]:
    """A sentence for each person or machine that plays two parts, neither of them approving, that must be distinct."""
    apart = {part: who for part, who in involved(question).items() if part in question.needs.distinct}
    for (one, some), (other, others) in combinations(apart.items(), 2):
        for name in sorted(some.everybody & others.everybody):
            did = f"{_DID[one]} and {_DID[other]}"
            yield f"{readable(name)} {did}, and the policy keeps {one} and {other} apart"


def unknown_parts(question: Question) -> Iterator[str]:
    """A sentence for everybody of whom nobody knows who it is, and for every part of which nobody knows who played it.

    Where nobody has to approve and nothing has to be kept apart, nobody has to be known.
    """
    parts = involved(question)
    if not question.needs.count and len(parts.keys() & question.needs.distinct) < 2:
        return
    for part, who in parts.items():
        yield from _unknown(part, who)
    if "trainer" in parts and not parts["trainer"].everybody and not parts["trainer"].unknown:
        yield "nobody is recorded as having made the revision"
    if question.merged and "activator" in question.needs.distinct and question.activator is None:
        yield "it is not known who merged the change, and the policy keeps the activator apart"


def _unknown(part: str, who: Identified) -> Iterator[str]:
    for contributor in who.unknown[:_MOST]:
        yield f"{readable(shown(contributor))}, is nobody in the roster, so it could be anybody who {_DID[part]}"
    for commit in who.unproven[:_MOST]:
        yield (
            f"nobody proved who made commit {commit[:12]}: it has no signature by a key of the roster, and no forge"
            " names everybody who pushed it"
        )
    more = len(who.unknown[_MOST:]) + len(who.unproven[_MOST:])
    if more:
        yield f"and {more} more of whom it is not known who {_DID[part]}"
