"""What a forge says about one proposal: who reviewed which commit, and how. Read by `approvals.forges`.

Values only. A reader keeps what it cannot know apart from what is not there: `complete` is False, and `why_incomplete`
says what is missing. An account is the forge's own number, which stays when a person is renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

ReviewState = Literal["approved", "changes-requested", "dismissed", "commented"]
ReviewerKind = Literal["human", "bot", "unknown"]


@dataclass(frozen=True, slots=True)
class Review:
    """One review. `commit` is the commit that the reviewer saw, None where the forge does not say.

    `order` rises with time within one proposal. Of several reviews of one account the latest one that is not
    `commented` speaks for it; a dismissed one takes the account's earlier reviews along.
    """

    account: int | None
    login: str | None
    kind: ReviewerKind
    state: ReviewState
    commit: str | None
    order: int


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """One pull or merge request as its forge describes it at one moment.

    `base_ref` is the branch that it is for, without `refs/heads/`. `merged_commit` is the commit on that branch that it
    became, None while it is open. `pushers` are the accounts that the forge names as pushers; `pushers_known` says
    whether those are all of them, and `why_pushers_unknown` why not. `complete` is about the reviews: False means that
    one may be missing or has moved.
    """

    number: int
    author_account: int | None
    base_ref: str
    head_commit: str
    merged_commit: str | None = None
    pushers: tuple[int, ...] = ()
    reviews: tuple[Review, ...] = ()
    complete: bool = True
    why_incomplete: str = ""
    pushers_known: bool = False
    why_pushers_unknown: str = ""


class ReviewReader(Protocol):
    """Reads the proposals of one repository on one forge."""

    def read(self, number: int) -> ProposalFacts:
        """Everything the forge says about one proposal.

        Raises:
            ForgeUnreachable: no complete answer in time, or "later" more often than is waited for.
            ForgeRefused: the token may not read this, or there is no such repository or proposal.
            ForgeMisbehaved: an answer that the forge's interface does not allow.
        """


def current_reviews(reviews: tuple[Review, ...]) -> tuple[Review, ...]:
    """The review that speaks for each account, in the order in which they were given.

    A comment supersedes nothing, and a dismissed review does not bring an older one back. Reviews without an account
    speak for nobody and are all kept, so that whoever judges can say why they do not count.
    """
    latest: dict[object, Review] = {}
    for review in sorted(reviews, key=lambda review: review.order):
        key = review.account if review.account is not None else ("nobody", review.order)
        if review.state != "commented" or key not in latest or latest[key].state == "commented":
            latest[key] = review
    return tuple(sorted(latest.values(), key=lambda review: review.order))
