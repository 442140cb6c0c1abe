"""What a person is about to sign, in the words of the reviewer's page. Called by `interlock approve`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interlock.checking.changes import ChangeResult
from interlock.checking.review.kinds import kind_of
from interlock.checking.review.pointers import before_and_after
from interlock.checking.review.words import plural
from interlock.findings.finding import Verdict
from interlock.findings.markdown_page import plain_text
from interlock.findings.readable import readable
from interlock.lifecycle.approve import Proposed, Signed

SHOWN = 20
_VERDICTS = {Verdict.PASS: "no rule blocks it", Verdict.FAIL: "blocked", Verdict.UNKNOWN: "could not be evaluated"}


def summary(proposal: Proposed, result: ChangeResult) -> Iterator[str]:
    """Where a change comes from, what it leads to, and everything that an approval of it is bound to."""
    decision, binding, kind = proposal.decision, proposal.binding, kind_of(result.change)
    yield plain_text(("You are about to approve: ", *kind.title))
    yield f"  {plain_text(kind.why)}"
    yield f"  branch    {decision.target_ref}, from {decision.parent[:12]}"
    yield f"  leads to  the tree {decision.tree}"
    if proposal.through:
        yield f"            through {plural(len(proposal.through), 'tree')} if it is merged commit by commit"
    yield from _pointers(result)
    yield from _digests("records", binding.manifests)
    yield from _digests("evidence", binding.evidence)
    yield f"  policies  {binding.policy_digest}"
    yield f"  checks    {_verdict(result)}"


def _pointers(result: ChangeResult) -> Iterator[str]:
    steps = result.change.steps
    for step in steps[:SHOWN]:
        yield f"  {readable(step.environment)}, {readable(step.adapter)}:"
        for name, before, after in before_and_after(result.change, step):
            was, will = plain_text(before), plain_text(after)
            yield f"    {name}: {was} → {will}" if was != will else f"    {name}: {was}"
    if len(steps) > SHOWN:
        yield f"  and {len(steps) - SHOWN} more pointers"


def _digests(what: str, digests: Any) -> Iterator[str]:
    for index, (path, digest) in enumerate(sorted(digests.items())[:SHOWN]):
        yield f"  {what if not index else '':<9} {digest}  {readable(path)}"
    if len(digests) > SHOWN:
        yield f"            and {len(digests) - SHOWN} more"


def _verdict(result: ChangeResult) -> str:
    """What the rules say now; an approval may be given before a soak or a window lets the change in."""
    blocking = [finding for finding in result.findings if finding.blocks]
    if not blocking:
        return _VERDICTS[result.verdict]
    rules = ", ".join(dict.fromkeys(finding.rule for finding in blocking[:SHOWN]))
    return f"{_VERDICTS[result.verdict]} now: {plural(len(blocking), 'finding')} ({readable(rules)})"


def approval_document(signed: Signed, commit: str, pushed: str | None) -> dict[str, Any]:
    """A kept approval for `--json`."""
    return {
        "statement": signed.statement.model_dump(mode="json"),
        "file": f"{signed.statement.tree}/{signed.name}",
        "by": signed.holder.name,
        "roles": sorted(signed.holder.roles),
        "key": signed.fingerprint,
        "commit": commit,
        "pushed": pushed,
    }
