"""What people say about a proposal of `support.changes`, as a forge would tell it, joined with what git says.

    proposal.said = Said()
    proposal.said.approves("bob")

Reviews are of the head of the branch `proposal`, by the accounts that the trusted roster gives. Commits are taken as
signed by whoever the roster knows by the author's e-mail and has a key of, unless `signed` is False.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.approvals.facts import ApprovalFacts, PastEmergency
from interlock.approvals.from_forge import approvals_of, why_unread
from interlock.approvals.people import People
from interlock.approvals.reviews import ProposalFacts, Review, ReviewerKind, ReviewState
from interlock.checking.contributor_gathering import gather_contributors, gather_trainers
from interlock.documents.kinds.roster import dated
from interlock.documents.public_keys import key_fingerprint
from interlock.history.repository import GitRepository
from interlock.rules.change import Change, promoted

NOBODY = 999
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)


@dataclass
class Said:
    """Reviews in the order in which they were given; `signed` says whether commits are signed by their authors."""

    words: list[tuple[str | int, ReviewState, ReviewerKind, str | None]] = field(default_factory=list)
    signed: bool = True
    complete: bool = True
    also: Mapping[str, Any] = field(default_factory=dict)

    def approves(self, who: str | int, *, kind: ReviewerKind = "human", commit: str | None = None) -> None:
        """Somebody (a login, or the number of an account) says yes to the head, or to `commit`."""
        self.words.append((who, "approved", kind, commit))

    def asks_for_changes(self, who: str | int) -> None:
        """Somebody says no."""
        self.words.append((who, "changes-requested", "human", None))

    def remembers(self, by: str, environment: str, reviewed_by: str | None = None) -> None:
        """An emergency on the trusted branch, in commit eeee…; nobody has reviewed it unless somebody is named."""
        reviews = (reviewed_by,) if reviewed_by else ()
        past = PastEmergency(environment, "e" * 40, by, "the bot insults people", NOON, None, reviews)
        self.also = {**self.also, "past_emergencies": {environment: (past,)}}

    def about(self, repository: GitRepository, author: str) -> Callable[[Change], ApprovalFacts]:
        """The facts for `check_change`, gathered as the real commands gather them."""
        return lambda change: self._facts(repository, change, author)

    def _facts(self, repository: GitRepository, change: Change, author: str) -> ApprovalFacts:
        base, head = repository.resolve("main"), repository.resolve("proposal")
        people = People.of(change.base.roster.document if change.base.roster else None)
        forge = self._proposal(people, head, author)
        signers = self._signers(repository, people, head) if self.signed else {}
        tree = repository.tree_of(head)
        facts = ApprovalFacts(
            tree=tree,
            target_ref="refs/heads/main",
            contributors=gather_contributors(repository.git, base, head, people, proposals=[forge], signers=signers),
            approvals=approvals_of(forge),
            base_commit=base,
            head_commit=head,
            head_tree=tree,
            trainers={
                key: gather_trainers(repository.git, base, change.base, key, people, signers=signers)
                for _, key, _ in promoted(change)
            },
            unread=why_unread(forge),
        )
        return ApprovalFacts(**{name: getattr(facts, name) for name in facts.__slots__} | dict(self.also))

    def _proposal(self, people: People, head: str, author: str) -> ProposalFacts:
        reviews = tuple(
            Review(_account(people, who), None, kind, state, commit or head, order)
            for order, (who, state, kind, commit) in enumerate(self.words)
        )
        why = "" if self.complete else "page 2 of the reviews did not come"
        account = _account(people, author)
        return ProposalFacts(1, account, "main", head, reviews=reviews, complete=self.complete, why_incomplete=why)

    @staticmethod
    def _signers(repository: GitRepository, people: People, head: str) -> dict[str, str]:
        lines = repository.git.run("log", "--format=%H %ae", head).decode().splitlines()
        found = {}
        for commit, _, email in (line.partition(" ") for line in lines):
            member = people.by_email(email)
            if member and member.keys:
                found[commit] = key_fingerprint(dated(member.keys[0]).key)
        return found


def _account(people: People, who: str | int) -> int:
    return who if isinstance(who, int) else person.id if (person := people.person(who)) else NOBODY
