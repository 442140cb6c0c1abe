"""Everything that the quorum asks about one decision, from statements, commits and, where one is asked, the forge.

Called by attest, by `interlock approve --show` and by checks that ask for approvals. What cannot be read is said in
`unread`, so that the answer is "could not evaluate" and never a pass.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.facts import ApprovalFacts, PastEmergency
from interlock.approvals.from_forge import approvals_of, why_unread
from interlock.approvals.keys import KeyRing
from interlock.approvals.people import People
from interlock.approvals.reviews import ProposalFacts
from interlock.approvals.statement_form import moment_text
from interlock.checking.approval_gathering import Gathered, gather_statements
from interlock.checking.commit_signers import CommitSigners
from interlock.checking.contributor_gathering import gather_contributors, gather_trainers
from interlock.checking.decision import Decision
from interlock.checking.emergencies import declared_emergency, past_emergencies
from interlock.checking.evidence_reading import evidence_folder
from interlock.checking.proposals import resulting_tree
from interlock.documents.identifiers import RevisionId
from interlock.documents.tree import paths_below
from interlock.errors import HistoryError
from interlock.history.contributors import contributors_between, contributors_of_paths
from interlock.history.repository import GitRepository
from interlock.rules.approval_decisions import decisions
from interlock.rules.change import Change


@dataclass(frozen=True, slots=True)
class Told:
    """What a forge told about the proposals that one decision merged; `forge` is its kind, "" where none was asked."""

    proposals: tuple[ProposalFacts, ...] = ()
    forge: str = ""
    unread: str = ""


@dataclass(frozen=True)
class ApprovalSource:
    """Where the approvals of one decision come from. `now` has a timezone."""

    repository: GitRepository
    decision: Decision
    now: dt.datetime
    told: Told = Told()

    def __call__(self, change: Change) -> ApprovalFacts:
        """The facts about a change that was gathered from the two sides of the decision; raises nothing."""
        try:
            return self._facts(change, self.statements(change))
        except HistoryError as error:
            decision = self.decision
            return ApprovalFacts(decision.tree, decision.target_ref, Identified(), unread=error.found)

    def statements(self, change: Change) -> Gathered:
        """What the signed statements about the decision are worth.

        Raises:
            HistoryError: git cannot read them.
        """
        roster = change.base.roster.document if change.base.roster else None
        ring = KeyRing.of(roster, self._today)
        return gather_statements(self.repository, self.decision, ring, self.now)

    @property
    def _today(self) -> dt.date:
        return self.now.astimezone(dt.UTC).date()

    def _facts(self, change: Change, gathered: Gathered) -> ApprovalFacts:
        decision, told, git = self.decision, self.told, self.repository.git
        people = People.of(change.base.roster.document if change.base.roster else None)
        signers = CommitSigners(git, decision.parent, self._today)
        incoming = sorted({key for one in decisions(change) for key in one.brings_in})
        proposal = told.proposals[0] if told.proposals else None
        head = proposal.head_commit if proposal else ""
        return ApprovalFacts(
            tree=decision.tree,
            target_ref=decision.target_ref,
            contributors=self._contributors(people, signers),
            approvals=(
                *gathered.approvals,
                *(one for each in told.proposals for one in approvals_of(each, told.forge)),
            ),
            base_commit=decision.parent,
            head_commit=head,
            head_tree=self.repository.tree_of(head) if head and self.repository.has(head) else "",
            forge=told.forge,
            trainers={key: self._trainers(change, key, people, signers) for key in incoming},
            evaluators={key: self._evaluators(change, key, people, signers) for key in incoming},
            activator=self._activator(people, signers),
            merged=decision.commit is not None,
            emergencies=self._emergencies(change, gathered),
            past_emergencies=self._past(change),
            unread=told.unread or next(filter(None, map(why_unread, told.proposals)), ""),
        )

    def _contributors(self, people: People, signers: Mapping[str, str]) -> Identified:
        """Everybody with a hand in what comes in; a merge that only brings a proposal in is nobody's hand in it."""
        heads = [one.head_commit for one in self.told.proposals if self._is_all(one.head_commit)]
        found = Identified()
        for head in heads or [self.decision.head]:
            hands = gather_contributors(
                self.repository.git, self.decision.parent, head, people,
                proposals=self.told.proposals, signers=signers, forge=self.told.forge,
            )  # fmt: skip
            found = found.with_others(hands)
        return found

    def _is_all(self, head: str) -> bool:
        """Whether merging a proposal gives exactly the tree that was decided about."""
        if not self.repository.has(head):
            return False
        try:
            return resulting_tree(self.repository, self.decision.parent, head) == self.decision.tree
        except HistoryError:
            return False

    def _trainers(self, change: Change, key: RevisionId, people: People, signers: Mapping[str, str]) -> Identified:
        head = self.decision.head
        return gather_trainers(self.repository.git, head, change.head.snapshot, key, people, signers=signers)

    def _evaluators(self, change: Change, key: RevisionId, people: People, signers: Mapping[str, str]) -> Identified:
        """Whoever brought evidence about a revision in."""
        paths = list(paths_below(change.head.snapshot.entries, f"{evidence_folder(key)}/"))
        hands = contributors_of_paths(self.repository.git, self.decision.head, paths)
        return identify(_signed((Contributor(h.name, h.email, h.how, h.commit) for h in hands), signers), people)

    def _activator(self, people: People, signers: Mapping[str, str]) -> Identified | None:
        """Who brought the commit onto the branch: whoever signed it, or else whom it names as its committer."""
        commit = self.decision.commit
        if commit is None:
            return None
        if commit in signers:
            return identify([Contributor("", "", "signer", commit, key=signers[commit])], people)
        hands = contributors_between(self.repository.git, self.decision.parent, commit)
        committer = [one for one in hands if one.commit == commit and one.how == "committer"]
        return identify([Contributor(one.name, one.email, "merger", commit) for one in committer], people)

    def _emergencies(self, change: Change, gathered: Gathered) -> dict[str, str]:
        found = {}
        for name in _environments(change):
            policy = change.policy(name)
            declared = declared_emergency(self.repository, gathered, self.decision, name, policy, self.now).statement
            if declared:
                until = moment_text(declared.expires)
                found[name] = f"{declared.by} declared an emergency until {until}: {declared.reason}"
        return found

    def _past(self, change: Change) -> Mapping[str, tuple[PastEmergency, ...]]:
        return past_emergencies(self.repository, self.decision.parent, _environments(change), self.now)


def _environments(change: Change) -> Sequence[str]:
    return sorted({step.environment for step in change.steps})


def _signed(contributors: Iterable[Contributor], signers: Mapping[str, str]) -> list[Contributor]:
    """Contributors, with the signers of their commits."""
    found = list(contributors)
    commits = dict.fromkeys(one.commit for one in found if one.commit in signers)
    return [*found, *(Contributor("", "", "signer", commit, key=signers[commit]) for commit in commits)]
