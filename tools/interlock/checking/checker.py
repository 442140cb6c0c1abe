"""Judges one tree: reads its documents, gathers facts about the bytes they name, applies every rule.

Called by `interlock check`, by promote, rollback and register before they write, and by the agent before it follows a
commit. Raises nothing for bad content: that is what findings are for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

from interlock.checking.fact_cache import FactCache
from interlock.checking.gather import gather
from interlock.checking.reach import Reach
from interlock.checking.reading_ahead import ReadingAhead
from interlock.documents.snapshot import DocumentCache, Snapshot, read_snapshot
from interlock.documents.tree import Tree
from interlock.findings.finding import Finding, Verdict, verdict_of
from interlock.findings.judgement import Judgement, nothing_was_checked
from interlock.rules.facts import Facts
from interlock.rules.registry import judge
from interlock.rules.waivers import excuse_waived

CLEAN, BLOCKED, NOTHING_CHECKED, COULD_NOT_EVALUATE = 0, 1, 3, 4
_EXIT_CODES = {Verdict.PASS: CLEAN, Verdict.FAIL: BLOCKED, Verdict.UNKNOWN: COULD_NOT_EVALUATE}


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check. `checked` counts the adapter revisions whose bytes were looked at."""

    findings: tuple[Finding, ...]
    verdict: Verdict
    snapshot: Snapshot
    facts: Facts
    checked: int

    @property
    def label(self) -> str:
        """What was judged: a directory or a commit."""
        return self.snapshot.label

    @property
    def environment(self) -> str | None:
        """The environment that the check was narrowed to, if any."""
        return self.facts.environment

    @property
    def documents(self) -> int:
        """How many documents were read."""
        return self.snapshot.documents_read

    @property
    def lacks(self) -> str:
        """What a repository still needs before it can serve anything: `base`, `adapter`, or "" for nothing."""
        if not self.documents or self.snapshot.problems:
            return ""
        return "" if self.snapshot.bases and self.snapshot.revisions else "adapter" if self.snapshot.bases else "base"


@dataclass
class CheckCaches:
    """What one check leaves behind for the next one; may be used for several trees, but by one thread at a time.

    `ahead` says how documents are read before they are judged; without it, one after the other.
    """

    documents: DocumentCache = field(default_factory=DocumentCache)
    facts: FactCache = field(default_factory=FactCache)
    last: dict[tuple[str | None, bool], CheckResult] = field(default_factory=dict)
    ahead: ReadingAhead | None = None


def check_tree(
    tree: Tree,
    *,
    environment: str | None = None,
    deep: bool = False,
    today: dt.date | None = None,
    caches: CheckCaches | None = None,
    reach: Reach | None = None,
    judged: bool = True,
) -> CheckResult:
    """Judge `tree`.

    With `environment`, the form of every document is judged, and beyond it only what that environment's pointers
    name; `deep` looks at every value of the weights. `today` (UTC) puts the tree's own waivers into force: only for a
    tree that is trusted itself. `caches` of an earlier check spare work, never judgement. `reach` narrows everything
    to what a change can affect: other documents are not read, and findings elsewhere are not made. Without `judged`
    the documents are read, and that is all.

    Raises:
        HistoryError: a git tree could not be read at all.
    """
    caches = caches or CheckCaches()
    documents = (reach.documents | reach.neighbours if judged else reach.documents) if reach else None
    if caches.ahead:
        caches.ahead.into(caches.documents, tree, documents)
    snapshot = read_snapshot(tree, caches.documents, documents, reach.lookalikes if reach else ())
    if not judged:
        return CheckResult((), Verdict.UNKNOWN, snapshot, Facts(snapshot, environment=environment, today=today), 0)
    gathered = gather(
        tree,
        snapshot,
        environment=environment,
        deep=deep,
        only=reach.revisions if reach else None,
        only_pointers=reach.pointers if reach else None,
        cache=caches.facts,
    )
    facts = replace(gathered, today=today)
    last = None if reach else caches.last.get((environment, deep))
    findings = last.findings if last and _same(last.facts, facts) else _judged(facts)
    if reach:
        findings = tuple(finding for finding in findings if reach.concerns(finding))
    checked = sum(not (known.unreachable or known.missing) for known in facts.artifacts.values())
    result = CheckResult(findings, verdict_of(findings), snapshot, facts, checked)
    if not reach:
        caches.last[environment, deep] = result
    return result


def _judged(facts: Facts) -> tuple[Finding, ...]:
    found = judge(facts)
    return tuple(excuse_waived(found, facts.snapshot, facts.today)) if facts.today else found


def _same(before: Facts, now: Facts) -> bool:
    """Whether two trees are the same to the rules: same paths with the same bytes, same facts about bytes elsewhere."""
    return (
        before.snapshot.entries == now.snapshot.entries
        and before.artifacts == now.artifacts
        and before.bases == now.bases
        and before.digests == now.digests
        and before.today == now.today
        and before.evidence == now.evidence
        and before.signatures == now.signatures
    )


def exit_code(result: Judgement) -> int:
    """The exit status of a command that ends with this result: 0 clean, 1 blocked, 3 nothing checked, 4 unknown."""
    return NOTHING_CHECKED if nothing_was_checked(result) else _EXIT_CODES[result.verdict]
