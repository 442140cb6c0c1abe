"""What somebody said about a change, and why it does or does not hold: identity, latest word, what it was said about.

Called by `quorum`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from interlock.approvals.people import Member
from interlock.approvals.question import Approval, Question
from interlock.documents.kinds.roster import Machine, Person
from interlock.findings.readable import readable

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Word:
    """One approval, with whoever gave it. `key` is the same for everything that one account or signer said.

    `why` says why it does not hold ("": it does); `undecided` that with better knowledge it might.
    """

    approval: Approval
    who: str
    key: tuple[str, str]
    person: Person | None
    why: str = ""
    undecided: bool = False


def heard(question: Question) -> list[Word]:
    """Every approval of a question with its giver, in an order that does not depend on how they came in."""
    return sorted((_recognised(question, approval) for approval in question.approvals), key=_order)


def _order(word: Word) -> tuple[object, ...]:
    """By whom, then when, then by everything else that tells two approvals apart."""
    said = word.approval
    about = (said.commit, said.tree, said.from_commit, said.target_ref, said.environment, said.adapter, said.why_void)
    return (
        word.key,
        said.order,
        said.objects,
        said.withdrawn,
        repr((about, sorted(said.roles), said.is_human, said.login)),
    )


def _recognised(question: Question, approval: Approval) -> Word:
    if approval.source == "statement":
        return _signed(question, approval)
    login = f" ({readable(approval.login)})" if approval.login else ""
    if approval.account is None:
        who = f"an account that is gone{login}"
        return Word(approval, who, ("nobody", f"{approval.order}"), None, "the forge names no account", True)
    member = question.people.by_account(approval.account, question.forge)
    key = ("account", str(approval.account))
    if isinstance(member, Person):
        why, undecided = _of_no_human(approval)
        return Word(approval, member.login, key, member, why, undecided)
    unclear = question.people.is_unclear(approval.account, question.forge)
    why = "the roster gives one of its marks to several entries" if unclear else _nobody(member)
    return Word(approval, f"account {approval.account}{login}", key, None, why, unclear)


def _signed(question: Question, approval: Approval) -> Word:
    login = approval.login or ""
    member = question.people.by_login(login) if login else None
    key = ("signer", login)
    if isinstance(member, Person):
        why, undecided = _of_no_human(approval)
        return Word(approval, member.login, key, member, why, undecided)
    unclear = login in question.people.ambiguous
    why = "the roster gives one of its marks to several entries" if unclear else _nobody(member)
    return Word(approval, readable(login) or "an unknown signer", key, None, approval.why_void or why, unclear)


def _of_no_human(approval: Approval) -> tuple[str, bool]:
    if approval.why_void:
        return approval.why_void, False
    if approval.is_human is None:
        return "the forge does not say whether the account is a person's", True
    return ("", False) if approval.is_human else ("the account is a bot's, and only people approve", False)


def _nobody(member: Member | None) -> str:
    if isinstance(member, Machine):
        return f"{member.name} is a machine of the roster, and only people approve"
    return "nobody in the roster is known by it"


@dataclass(frozen=True, slots=True)
class Latest:
    """The last word of one account that takes something back, and the last approval."""

    taken_back: int
    objects: bool
    approved: int

    @property
    def stands(self) -> bool:
        """Whether a request for changes is the account's last word."""
        return self.objects and self.approved <= self.taken_back


def latest(words: Iterable[Word]) -> dict[tuple[str, str], Latest]:
    """For every account that took something back: when, and whether it approved since. Equal orders speak against."""
    negative: dict[tuple[str, str], tuple[int, bool]] = {}
    approved: dict[tuple[str, str], int] = {}
    for word in words:
        said = word.approval
        if said.why_void:
            continue
        if said.objects or said.withdrawn:
            negative[word.key] = max(negative.get(word.key, (said.order, False)), (said.order, said.objects))
        else:
            approved[word.key] = max(approved.get(word.key, said.order), said.order)
    return {key: Latest(at, objects, approved.get(key, at)) for key, (at, objects) in negative.items()}


def why_elsewhere(question: Question, approval: Approval) -> str:
    """Why an approval is about something else than what is asked ("": it is about exactly this)."""
    context = _other_context(question, approval)
    if context:
        return context
    if approval.source == "statement":
        return _other_tree(approval.tree, question.tree)
    return _other_commit(question, approval)


def _other_context(question: Question, approval: Approval) -> str:
    asked = {
        "branch": (_branch(approval.target_ref), _branch(question.target_ref)),
        "environment": (approval.environment, question.environment),
        "adapter": (approval.adapter, question.adapter),
        "earlier commit": (approval.from_commit, question.base_commit),
    }
    for what, (given, wanted) in asked.items():
        if given is not None and wanted is not None and given != wanted:
            return f"it was given for the {what} {readable(given)}, and this is about {readable(wanted)}"
    return ""


def _other_tree(given: str | None, wanted: str) -> str:
    if given is None:
        return "it does not say for which tree it was given"
    return "" if given == wanted else f"it was given for the tree {given[:_SHOWN]}, and this is {wanted[:_SHOWN]}"


def _other_commit(question: Question, approval: Approval) -> str:
    if approval.commit is None:
        return "the forge does not say for which commit it was given"
    if approval.commit != question.head_commit:
        end = question.head_commit[:_SHOWN] or "another commit"
        return f"it was given for commit {approval.commit[:_SHOWN]}, and the proposal ends with {end}"
    if question.head_tree != question.tree:
        return "merging gives another tree than the one that was reviewed: bring the branch up to date first"
    return ""


def _branch(ref: str | None) -> str | None:
    return None if ref is None else ref.removeprefix("refs/heads/")
