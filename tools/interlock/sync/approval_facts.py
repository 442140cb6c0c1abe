"""What a node knows about the approvals of one commit: signed statements, and who had a hand in it. No forge is asked.

Called by `decisions` before the quorum is. Who made a commit is known by its signature alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.facts import ApprovalFacts
from interlock.approvals.people import People
from interlock.checking.approval_gathering import Gathered
from interlock.checking.contributor_gathering import gather_contributors, gather_trainers
from interlock.documents.identifiers import RevisionId
from interlock.history.range_paths import BranchStep
from interlock.history.repository import GitRepository
from interlock.rules.approval_decisions import decisions
from interlock.rules.change import Change


def approval_facts(
    repository: GitRepository,
    target_ref: str,
    step: BranchStep,
    change: Change,
    gathered: Gathered,
    signers: Mapping[str, str],
) -> ApprovalFacts:
    """Everything that the quorum asks about the commit of a step.

    Raises:
        HistoryError: git cannot read the commits.
    """
    people = People.of(change.base.roster.document if change.base.roster else None)
    contributors = gather_contributors(repository.git, step.parent, step.commit, people, signers=signers)
    revisions = {key for decision in decisions(change) for key in decision.brings_in}
    return ApprovalFacts(
        tree=step.tree,
        target_ref=target_ref,
        contributors=contributors,
        approvals=gathered.approvals,
        base_commit=step.parent,
        trainers={key: _trainers(repository, step, change, key, people, signers) for key in revisions},
        activator=_activator(step, people, signers),
        merged=True,
    )


def _trainers(
    repository: GitRepository,
    step: BranchStep,
    change: Change,
    revision: RevisionId,
    people: People,
    signers: Mapping[str, str],
) -> Identified:
    return gather_trainers(repository.git, step.commit, change.head.snapshot, revision, people, signers=signers)


def _activator(step: BranchStep, people: People, signers: Mapping[str, str]) -> Identified | None:
    """Who brought the commit onto the branch: whoever signed it."""
    key = signers.get(step.commit)
    return identify([Contributor("", "", "merger", step.commit, key=key)], people) if key else None
