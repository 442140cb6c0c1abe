"""Judges a proposed change: the tree it leads to, and the way there, by the rules of the trusted side.

Called by `interlock check --base` and `--staged`. A flaw that stood before, in a file that the change neither touches
nor depends on, is told and does not block: new rules bind what is new.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from interlock.approvals.facts import ApprovalFacts
from interlock.checking.change_gathering import gather_change, touched_paths
from interlock.checking.checker import CheckCaches, CheckResult, check_tree
from interlock.checking.own_rules import change_with_own_rules
from interlock.checking.reach import reach_of
from interlock.documents.identifiers import RevisionId
from interlock.documents.layout import base_path, environment_path, revision_path
from interlock.documents.path_problems import shown_path
from interlock.documents.snapshot import Snapshot
from interlock.documents.tree import Tree
from interlock.findings.finding import Finding, Verdict, in_reading_order, verdict_of
from interlock.history.git_command import Git
from interlock.rules.change import Change
from interlock.rules.custom import CANNOT_JUDGE
from interlock.rules.transitions.registry import judge_change
from interlock.rules.waivers import excuse_waived

GatherApprovals = Callable[[Change], ApprovalFacts]
"""What people said about a change; what cannot be read stands in `unread`."""
STOOD_BEFORE = "it stood before this change"


@dataclass(frozen=True)
class ChangeResult:
    """The outcome of a change check; satisfies `findings.judgement.Judgement`. `base` is the check of the old tree.

    The old tree is judged only where the new one has findings that block.
    """

    findings: tuple[Finding, ...]
    head: CheckResult
    base: CheckResult
    change: Change

    @property
    def verdict(self) -> Verdict:
        """Fail, could not evaluate, or pass."""
        return verdict_of(self.findings)

    @property
    def label(self) -> str:
        """What was judged, and against what."""
        return f"{self.head.label} against {self.base.label}"

    @property
    def environment(self) -> str | None:
        """The environment that the check was narrowed to, if any."""
        return self.head.environment

    @property
    def documents(self) -> int:
        """How many documents the new tree holds."""
        return self.head.documents

    @property
    def checked(self) -> int:
        """How many adapter revisions had their bytes looked at."""
        return self.head.checked


def check_change(
    git: Git,
    base_commit: str | None,
    base: Tree,
    head: Tree,
    *,
    now: dt.datetime,
    environment: str | None = None,
    deep: bool = False,
    caches: CheckCaches | None = None,
    everything: bool = False,
    approvals: GatherApprovals | None = None,
    untrusted: Collection[str] = (),
) -> ChangeResult:
    """Judge the change from `base` (the tree of `base_commit`; None: nothing was committed yet) to `head`.

    Only what the change can affect is read and judged, unless `everything` is asked for. `approvals` is asked for what
    people said about the change; without it nobody's approval is judged. Nothing counts as having been active because
    of a commit in `untrusted` (full ids).

    Raises:
        HistoryError: git cannot read one of the trees.
    """
    caches = caches or CheckCaches()
    touched = touched_paths(base.entries(), head.entries())
    reach = None if everything else reach_of(touched, base, head, caches.documents)
    after = check_tree(head, environment=environment, deep=deep, caches=caches, reach=reach)
    blocked = any(finding.blocks for finding in after.findings)  # only then it matters what stood before
    before = check_tree(base, environment=environment, deep=deep, caches=caches, reach=reach, judged=blocked)
    change = gather_change(git, base_commit, before.snapshot, after.facts, touched, now, untrusted)
    change = change_with_own_rules(change, head)
    change = replace(change, approvals=approvals(change)) if approvals else change
    found = excuse_old(after.findings, before.findings, concerned_paths(change))
    if base_commit is not None:  # a first commit comes from nowhere: only its result can be judged
        found += judge_change(change)
    found = excuse_waived(found, before.snapshot, now.astimezone(dt.UTC).date())
    return ChangeResult(tuple(in_reading_order(found)), after, before, change)


def excuse_old(after: Iterable[Finding], before: Iterable[Finding], concerned: frozenset[str]) -> list[Finding]:
    """Findings of the new tree; those that stood before, outside of what the change concerns, do not block."""
    known = {flaw_identity(finding) for finding in before if finding.blocks}
    return [
        replace(finding, excused=STOOD_BEFORE)
        if finding.blocks
        and finding.rule not in CANNOT_JUDGE
        and finding.place.path not in concerned
        and flaw_identity(finding) in known
        else finding
        for finding in after
    ]


def flaw_identity(finding: Finding) -> tuple[str, str, str]:
    """What makes two findings the same flaw although lines moved."""
    return finding.rule, finding.place.path, finding.found


def concerned_paths(change: Change) -> frozenset[str]:
    """The touched files, as findings show them, and those on which it depends whether its pointers can be served."""
    paths = set(map(shown_path, change.touched))
    for step in change.steps:
        paths.add(environment_path(step.environment))
        for revision in step.after.document.revisions if step.after else ():
            paths |= revision_paths(change.head.snapshot, RevisionId(step.adapter, revision))
    return frozenset(paths)


def revision_paths(snapshot: Snapshot, key: RevisionId) -> set[str]:
    """The manifest of a revision and that of its base: what decides whether its bytes can be served."""
    paths = {revision_path(key.adapter, key.revision)}
    located = snapshot.revisions.get(key)
    if located:
        base = located.document.base
        paths.add(base_path(base.name, base.revision))
    return paths
