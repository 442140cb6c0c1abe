"""Whether a change has the approvals that it needs, with a sentence for everything that does not count. Pure.

Called by the transition rules about approvals, by `interlock attest`, on the node, and by the audit. People and needs
come from the trusted side. A person counts once, however many accounts, keys and reviews say yes; the author of a
change never approves it; and whoever is not known to the roster could be anybody, so a change in which such a person
had a hand is not evaluable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from interlock.approvals.assignment import assign
from interlock.approvals.question import Approval, Asked, Counted, Needs, NotCounted, Question, Quorum, Status, Tier
from interlock.approvals.separation import conflicts, unknown_parts, why_not_separate
from interlock.approvals.words import Latest, Word, heard, latest, why_elsewhere
from interlock.findings.readable import readable

__all__ = ["Approval", "Asked", "Counted", "Needs", "NotCounted", "Question", "Quorum", "Status", "Tier", "judge"]


def judge(question: Question) -> Quorum:
    """Answer for one change; equal questions give equal answers, in whatever order the approvals come."""
    words = heard(question)
    last = latest(words)
    sorted_out = _sort_out(question, words, last)
    counted = _counted(question.needs, sorted_out.holders)
    missing = tuple(_missing(question.needs, counted))
    standing = [
        word for word in words if word.approval.objects and not word.approval.why_void and last[word.key].stands
    ]
    objections = tuple(dict.fromkeys(_objection(word) for word in standing if word.person))
    apart = tuple(dict.fromkeys(conflicts(question)))
    unknown = [
        *_unread(question),
        *unknown_parts(question),
        *(_objection(word) for word in standing if not word.person),
    ]
    undecided = sorted_out.undecided if missing else []
    certain = objections or apart or (missing and not question.unread and not undecided)
    status: Status = "fail" if certain else "unknown" if missing or unknown else "pass"
    told = tuple(dict.fromkeys([*unknown, *undecided]))
    return Quorum(status, counted, tuple(sorted_out.not_counted), missing, objections, apart, told)


@dataclass(slots=True)
class _SortedOut:
    """The approvals that hold, by person with the roles in which they were given, and the others with their reasons."""

    holders: dict[str, frozenset[str]] = field(default_factory=dict)
    not_counted: list[NotCounted] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


def _sort_out(question: Question, words: list[Word], last: Mapping[tuple[str, str], Latest]) -> _SortedOut:
    found = _SortedOut()
    for word in words:
        if word.approval.objects:
            continue
        why = _why_not(question, word, last)
        login = word.person.login if word.person else ""
        if not why and login in found.holders:
            why = "the approver is counted once already"
            found.holders[login] |= _roles(word)
        elif not why:
            found.holders[login] = _roles(word)
        if why:
            found.not_counted.append(NotCounted(readable(word.who), why))
        if why and word.undecided:
            found.undecided.append(f"an approval of {readable(word.who)} is not counted, and might have to be: {why}")
    return found


def _why_not(question: Question, word: Word, last: Mapping[tuple[str, str], Latest]) -> str:
    """Why an approval does not hold, in one sentence; "" where it does."""
    if word.why or word.person is None:
        return word.why
    if word.approval.withdrawn:
        return "it was taken back or dismissed"
    negative = last.get(word.key)
    if negative and word.approval.order <= negative.taken_back:
        return "it was followed by a request for changes" if negative.objects else "it was taken back or dismissed"
    return (
        why_elsewhere(question, word.approval)
        or why_not_separate(question, word.person.login)
        or _other_role(question.needs, word)
    )


def _roles(word: Word) -> frozenset[str]:
    """The roles that the roster gives, narrowed to those in which the approval was given, if it says any."""
    held = frozenset(word.person.roles if word.person else ())
    return held & word.approval.roles if word.approval.roles else held


def _other_role(needs: Needs, word: Word) -> str:
    if not needs.eligible and not (word.approval.roles and not _roles(word)):
        return ""
    if _roles(word) & needs.eligible:
        return ""
    held = ", ".join(sorted(_roles(word))) or "no role"
    wanted = " or ".join(sorted(needs.eligible)) or "a role that the approver holds"
    return f"it was given as {held}, and {wanted} is asked for"


def _counted(needs: Needs, holders: Mapping[str, frozenset[str]]) -> tuple[Counted, ...]:
    placed = assign(holders, needs.roles)
    return tuple(Counted(login, placed.get(login, "")) for login in sorted(holders))


def _missing(needs: Needs, counted: tuple[Counted, ...]) -> Iterator[str]:
    if not needs.asked:
        yield "no policy asks for approvals, so nothing can have been approved"
    elif not needs.count and not needs.quick:
        yield f"{_named(needs)} asks for no approval, which approves nothing"
    if len(counted) < needs.count:
        yield f"{_named(needs)} asks for {_number(needs.count)}, and {_that_count(len(counted))}"
    for role, wanted in needs.roles.items():
        filled = sum(one.role == role for one in counted)
        if filled < wanted:
            yield f"{_named(needs)} asks for {_number(wanted)} in the role {role}, and {_that_count(filled)}"


def _number(approvals: int) -> str:
    return "1 approval" if approvals == 1 else f"{approvals} approvals"


def _that_count(number: int) -> str:
    return "none counts" if not number else "1 counts" if number == 1 else f"{number} count"


def _named(needs: Needs) -> str:
    return " and ".join(needs.paths) or "the policy"


def _objection(word: Word) -> str:
    if word.person:
        return f"{readable(word.who)} asked for changes and has not approved since"
    return f"{readable(word.who)} asked for changes and has not approved since, and it is not known who that is"


def _unread(question: Question) -> Iterator[str]:
    if question.unread:
        yield question.unread
