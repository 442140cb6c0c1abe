"""Which earlier revisions are worth keeping loaded: those to which a rollback would pass the checker now.

History names every revision that a pointer ever named, also one whose commit no node accepted and that was reverted.
Loading that one for a rollback would show the engine exactly what the checker refused. Called by `source`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from interlock.checking.checker import CheckResult
from interlock.checking.fact_cache import FactCache
from interlock.checking.gather import gather
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import pointer_path, revision_path
from interlock.documents.snapshot import Located
from interlock.documents.tree import Tree
from interlock.findings.finding import Finding
from interlock.rules.registry import judge
from interlock.sync.desired import may_serve_again

LOOKED_AT = 8
"""How many earlier revisions of an adapter are judged beyond those that are kept, before the search is given up."""


def rollback_targets(
    tree: Tree, checked: CheckResult, environment: str, earlier: Mapping[str, Sequence[str]], cache: FactCache
) -> dict[str, list[str]]:
    """Of `earlier` (adapter → revisions, the one to go back to first), those to keep: `keep_previous` for each adapter.

    `checked` is the verdict on `tree` as it is. A revision about which nothing can be found out just now is kept.
    """
    settings = checked.snapshot.environments.get(environment)
    wanted = settings.document.keep_previous if settings else 0
    search = {adapter: _search(checked, environment, adapter, earlier.get(adapter, ()), wanted) for adapter in earlier}
    kept: dict[str, list[str]] = {adapter: [] for adapter in earlier}
    while proposal := {
        adapter: revision
        for adapter, candidates in search.items()
        if len(kept[adapter]) < wanted and (revision := next(candidates, None))
    }:
        unfit = _unfit(tree, checked, environment, proposal, cache)
        for adapter in proposal.keys() - unfit:
            kept[adapter].append(proposal[adapter])
    return kept


def _search(checked: CheckResult, environment: str, adapter: str, earlier: Sequence[str], wanted: int) -> Iterator[str]:
    if (environment, adapter) not in checked.snapshot.pointers:
        return iter(())
    known = [revision for revision in earlier if may_serve_again(checked.snapshot, adapter, revision)]
    return iter(known[: wanted + LOOKED_AT])


def _unfit(
    tree: Tree, checked: CheckResult, environment: str, proposal: Mapping[str, str], cache: FactCache
) -> Collection[str]:
    """The adapters that could not go back to the proposed revision."""
    pointers = {
        adapter: _gone_back(checked.snapshot.pointers[environment, adapter], revision)
        for adapter, revision in proposal.items()
    }
    return unfit(tree, checked, environment, pointers, cache)


def unfit(
    tree: Tree, checked: CheckResult, environment: str, proposal: Mapping[str, Pointer], cache: FactCache
) -> Collection[str]:
    """The adapters whose proposed pointer cannot be followed: something that was not found before blocks it."""
    pointers = dict(checked.snapshot.pointers)
    for adapter, pointer in proposal.items():
        pointers[environment, adapter] = replace(pointers[environment, adapter], document=pointer)
    proposed = replace(checked.snapshot, pointers=pointers)
    findings = judge(gather(tree, proposed, environment=environment, cache=cache))
    before = {_identity(finding) for finding in checked.findings}
    blocked = {f.place.path for f in findings if f.blocks and f.evaluated and _identity(f) not in before}
    return {
        adapter
        for adapter, pointer in proposal.items()
        if any(path in blocked for path in _paths(environment, pointer))
    }


def _paths(environment: str, pointer: Pointer) -> list[str]:
    """The pointer and the revisions that answer requests by it."""
    revisions = (pointer.active, *((pointer.canary.revision,) if pointer.canary else ()))
    return [
        pointer_path(environment, pointer.adapter),
        *(revision_path(pointer.adapter, revision) for revision in revisions),
    ]


def _gone_back(located: Located[Pointer], revision: str) -> Pointer:
    """The pointer after a rollback: `revision` alone takes requests."""
    pointer = located.document
    keep = tuple(kept for kept in pointer.keep if kept != revision)
    return pointer.model_copy(update={"active": revision, "canary": None, "shadow": None, "keep": keep})


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.place.path, finding.found
