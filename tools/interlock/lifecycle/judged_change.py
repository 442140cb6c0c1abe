"""Judges what a pointer edit would make of the repository, by the same checker that judges commits.

Called by promote and rollback before anything is written. A change is refused for what it brings about, not for flaws
that were there before in files that it does not touch; those are reported beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from interlock.checking.changes import flaw_identity, revision_paths
from interlock.checking.checker import CheckCaches, CheckResult, check_tree
from interlock.checking.fact_cache import Elsewhere, FactCache
from interlock.documents.identifiers import RevisionId
from interlock.documents.layout import environment_path
from interlock.documents.snapshot import Snapshot
from interlock.documents.tree import Tree
from interlock.findings.finding import Finding, in_reading_order
from interlock.lifecycle.overlay_tree import OverlayTree
from interlock.lifecycle.pointer_edit import PointerEdit
from interlock.rules.custom import CANNOT_JUDGE


@dataclass(frozen=True, slots=True)
class JudgedChange:
    """`refusals` block the change; `elsewhere` blocked before it and still will; `warnings` block nothing.

    `result` is the check of `tree`, which is the repository with the edit applied.
    """

    refusals: tuple[Finding, ...]
    elsewhere: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    result: CheckResult
    tree: Tree


def judge(
    tree: Tree,
    edit: PointerEdit,
    step: Iterable[Finding] = (),
    *,
    today: dt.date | None = None,
    elsewhere: Elsewhere | None = None,
) -> JudgedChange:
    """Check `tree` with `edit` applied, for the environment of the edit, and sort the findings by what caused them.

    `step` are findings about the change itself, not about its result; they block. On `today` (UTC) the waivers of
    the tree count; without a day none does. `elsewhere` opens artifacts beyond this machine.
    """
    caches = CheckCaches(facts=FactCache(elsewhere))
    proposed = OverlayTree(tree, {edit.path: edit.data})
    before = check_tree(tree, environment=edit.environment, today=today, caches=caches)
    after = check_tree(proposed, environment=edit.environment, today=today, caches=caches)
    known = {flaw_identity(finding) for finding in before.findings}
    concerned = _concerned_paths(after.snapshot, edit)
    ours = [
        f
        for f in after.findings
        if flaw_identity(f) not in known or f.place.path in concerned or f.rule in CANNOT_JUDGE
    ]
    return JudgedChange(
        refusals=tuple(in_reading_order([*step, *(f for f in ours if f.blocks)])),
        elsewhere=tuple(f for f in after.findings if f.blocks and f not in ours),
        warnings=tuple(f for f in ours if not f.blocks),
        result=after,
        tree=proposed,
    )


def _concerned_paths(snapshot: Snapshot, edit: PointerEdit) -> frozenset[str]:
    """The files on which it depends whether the new active revision can be served here."""
    active = RevisionId(edit.adapter, edit.after.active)
    return frozenset({edit.path, environment_path(edit.environment), *revision_paths(snapshot, active)})
