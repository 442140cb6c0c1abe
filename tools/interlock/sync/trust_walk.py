"""Walks a branch from the last trusted commit to a new head, one decision after the other. Called by `trust`.

Where a commit has a flaw, the walk goes on only behind a later signed commit whose files are exactly those that were
trusted before the flaw: everything between is undone, and takes no part in what is judged afterwards.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from interlock.checking.signed_range import JudgedCommit, verify_range
from interlock.history.git_command import Git
from interlock.history.range_paths import BranchStep, branch_steps
from interlock.sync.accepted import Accepted
from interlock.sync.decisions import DecisionJudge
from interlock.sync.demands import concerns
from interlock.sync.trust_outcome import Flaw, NotYet, Refused, Trusted, TrustOutcome


@dataclass(frozen=True)
class Walk:
    """One walk. `served` are the adapters that have a pointer in the environment on either side of it."""

    git: Git
    judge: DecisionJudge
    environment: str
    served: frozenset[str]
    today: dt.date

    def to(self, begun: Accepted, head: str) -> TrustOutcome:
        """Walk from a trusted commit to `head` (a full id).

        Raises:
            HistoryError: git cannot read the range.
        """
        steps = branch_steps(self.git, begun.commit, head)
        if broken := _broken(begun.commit, head, steps):
            return broken
        tree = self.judge.repository.tree_of(begun.commit)
        undone, how, at = set(begun.undone), begun.how, 0
        while at < len(steps):
            stretch = self._stretch(steps[at].parent, steps[at:], undone)
            at += len(stretch.good)
            how = stretch.how or how
            if stretch.flaw is None:
                break
            back = _return_to(steps[at - 1].tree if at else tree, steps, at, stretch.unsigned)
            if back is None:
                return stretch.flaw
            undone |= {step.commit for step in steps[at : back + 1]}
            at = back + 1
        return Trusted(replace(begun, commit=head, how=how, undone=tuple(sorted(undone))))

    def _stretch(self, start: str, steps: Sequence[BranchStep], undone: Collection[str]) -> _Stretch:
        """The steps up to the first flaw."""
        signed = self._signed(start, steps)
        good: list[BranchStep] = []
        how = ""
        for step in steps:
            flaw = signed.get(step.commit)
            if flaw is None and concerns(self.environment, step.touched.items(), self.served):
                proof = self.judge.judge(step, undone)
                if isinstance(proof, Refused | NotYet):
                    flaw = proof
                else:
                    how = proof.how or how
            if flaw:
                return _Stretch(good, how, flaw, signed.keys())
            good.append(step)
        return _Stretch(good, how, None, signed.keys())

    def _signed(self, start: str, steps: Sequence[BranchStep]) -> dict[str, Flaw]:
        """What is wrong with the signature of each commit of which something is."""
        if not self.judge.demands.signatures:
            return {}
        signed = verify_range(self.git, start, steps[-1].commit, now=self.today)
        if signed.flaw:
            return {steps[0].commit: Refused("Rewritten", signed.flaw, "move the branch by first parents only")}
        return {commit.commit: _unsigned(commit) for commit in signed.refused}


@dataclass(frozen=True)
class _Stretch:
    """`flaw` is that of the first step after `good`; `how` says what stood for the last step that needed a word.

    `unsigned` are all commits from the stretch on that nobody signed who may.
    """

    good: list[BranchStep]
    how: str
    flaw: Flaw | None
    unsigned: Collection[str]


def _unsigned(commit: JudgedCommit) -> Flaw:
    why = f"commit {commit.commit[:12]} is not signed by anybody in the roster before it: {commit.why_not}"
    if not commit.known:
        return NotYet("NotEvaluated", why, "repair what is named; the node looks again by itself")
    reason = "UnknownSigner" if commit.fingerprint else "Unsigned"
    remedy = (
        f"run: git revert {commit.commit[:12]}, push, and bring the change in again by a signed commit (git commit -S)"
    )
    return Refused(reason, why, remedy)


def _broken(start: str, head: str, steps: Sequence[BranchStep]) -> Refused | None:
    """Whether the steps are no chain of first parents from `start` to `head`."""
    chain = [start, *(step.commit for step in steps)]
    if chain[-1] == head and all(step.parent == before for step, before in zip(steps, chain, strict=False)):
        return None
    found = f"the branch did not move from {start[:12]} to {head[:12]} by first parents"
    return Refused(
        "Rewritten",
        found,
        f"merge into the branch and not the branch into something else: git merge --no-ff, from {start[:12]}",
    )


def _return_to(tree: str, steps: Sequence[BranchStep], at: int, unsigned: Collection[str]) -> int | None:
    """The last step from `at` on that has exactly the files of `tree`, and that somebody of a roster has signed."""
    found = (index for index in reversed(range(at, len(steps))) if steps[index].tree == tree)
    return next((index for index in found if steps[index].commit not in unsigned), None)
