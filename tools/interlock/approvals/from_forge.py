"""What a forge says about a proposal, as approvals and contributors. Pure; called by whatever gathers approvals."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.approvals.contributors import Contributor
from interlock.approvals.question import Approval
from interlock.approvals.reviews import ProposalFacts, Review

_HUMAN = {"human": True, "bot": False, "unknown": None}
_TELL_NO_KIND = frozenset({"forgejo"})
"""Forges that know no kinds of accounts: whoever stands in the roster as a person, by the account's number, is one."""


def approvals_of(proposal: ProposalFacts, forge: str = "") -> tuple[Approval, ...]:
    """Every review that says yes or no, in words of the quorum; comments say neither. `forge` is its kind.

    All of them and not only the latest: the quorum says of each why it does not count.
    """
    return tuple(_approval(proposal, review, forge) for review in proposal.reviews if review.state != "commented")


def _approval(proposal: ProposalFacts, review: Review, forge: str) -> Approval:
    return Approval(
        login=review.login,
        account=review.account,
        source="review",
        commit=review.commit,
        is_human=True if review.kind == "unknown" and forge in _TELL_NO_KIND else _HUMAN[review.kind],
        withdrawn=review.state == "dismissed",
        objects=review.state == "changes-requested",
        order=review.order,
        target_ref=proposal.base_ref,
    )


def contributors_of(proposal: ProposalFacts) -> Iterator[Contributor]:
    """Who proposed and who pushed. Pushers prove who made the commits only where the forge names all of them."""
    yield Contributor("", "", "proposer", account=proposal.author_account)
    for account in proposal.pushers:
        yield Contributor("", "", "pusher" if proposal.pushers_known else "seen-pusher", account=account)


def why_unread(proposal: ProposalFacts) -> str:
    """Why not every review is known, in one sentence ("": they all are)."""
    return (
        ""
        if proposal.complete
        else f"not every review is known: {proposal.why_incomplete or 'the forge left some out'}"
    )
