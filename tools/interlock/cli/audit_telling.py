"""What `interlock audit` prints for people: the totals, every commit that was not allowed, and what nobody can say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from interlock.checking.audit.outcome import Allowed, ApprovalsSeen, Audit, AuditedCommit, Promoted, ServedSince
from interlock.checking.audit.report import NOT_REPLAYED, counts_of
from interlock.checking.audit.told_at import ToldAt
from interlock.findings.readable import readable

_WORDS = {
    Allowed.YES: "allowed",
    Allowed.NO: "NOT ALLOWED",
    Allowed.UNKNOWN: "not evaluated",
    Allowed.BEGINNING: "the beginning: nothing stood before it, so whoever trusts it vouches for it",
}
_MOST_EXAMPLES = 5


def audit_lines(audit: Audit, commits: Sequence[AuditedCommit], *, everything: bool) -> Iterator[str]:
    """The audit of these commits; with `everything` each of them, else those that somebody has to look at."""
    yield f"Audit of {audit.head[:12]}, judged on {audit.today}: {_totals(commits)}"
    for note in audit.notes:
        yield f"Note: {note}"
    yield from _all(commits) if everything else _of_interest(commits)
    yield from _emergencies(commits)
    yield ""
    yield "Told to serve at the end:"
    yield from _served(audit)
    yield ""
    yield from (f"Not replayed: {note}." for note in NOT_REPLAYED)


def _totals(commits: Sequence[AuditedCommit]) -> str:
    counts = counts_of(commits)
    kinds = ", ".join(f"{number} {kind}" for kind, number in counts["kinds"].items())
    return (
        f"{counts['commits']} commits ({kinds or 'none'}), {counts[Allowed.NO.value]} not allowed, "
        f"{counts[Allowed.UNKNOWN.value]} not evaluated, {counts['emergencies']} emergencies"
    )


def _all(commits: Sequence[AuditedCommit]) -> Iterator[str]:
    for commit in commits:
        yield ""
        yield from _commit(commit)


def _of_interest(commits: Sequence[AuditedCommit]) -> Iterator[str]:
    for commit in commits:
        if commit.verdict is Allowed.NO:
            yield ""
            yield from _commit(commit)
    unknown = [commit for commit in commits if commit.verdict is Allowed.UNKNOWN]
    if unknown:
        yield ""
        yield f"Not evaluated: {len(unknown)} commits"
        yield from _reasons(unknown)
        yield "  All of them: interlock audit --all, or --format json"


def _reasons(commits: Sequence[AuditedCommit]) -> Iterator[str]:
    """Each reason once, with the first commits that it holds for."""
    reasons: dict[str, list[str]] = {}
    for commit in commits:
        blocked = [finding.found for finding in commit.findings if finding.blocks]
        for why in dict.fromkeys([*commit.unknown, *blocked]):
            reasons.setdefault(why, []).append(commit.commit[:12])
    for why, names in list(reasons.items())[:_MOST_EXAMPLES]:
        more = f" and {len(names) - _MOST_EXAMPLES} more" if len(names) > _MOST_EXAMPLES else ""
        yield f"  {readable(why)}: {', '.join(names[:_MOST_EXAMPLES])}{more}"
    if len(reasons) > _MOST_EXAMPLES:
        yield f"  and {len(reasons) - _MOST_EXAMPLES} more reasons"


def _commit(commit: AuditedCommit) -> Iterator[str]:
    where = f" in {', '.join(map(readable, commit.environments))}" if commit.environments else ""
    yield f"{commit.commit[:12]}  {commit.when} ({commit.when.source})  {commit.kind}{where}: {_WORDS[commit.verdict]}"
    yield f"    activated by {readable(commit.activator.shown)}"
    for served in commit.served:
        change = f"{_told(served.before)} → {_told(served.after)}"
        yield f"    {readable(served.environment)}/{readable(served.adapter)}: {change}"
    for one in commit.promoted:
        yield from _promoted(one)
    for seen in commit.approvals:
        yield from _approvals(seen)
    for hand in commit.brought_in[:_MOST_EXAMPLES]:
        yield f"    brought in by the merge: {readable(hand)}"
    for finding in commit.findings:
        weight = finding.severity.value if not finding.excused else f"excused, {finding.excused}"
        unsure = "" if finding.evaluated else "could not be evaluated: "
        told = f"{unsure}{readable(finding.found)} [{finding.rule}, {readable(weight)}]"
        yield f"    {readable(str(finding.place))}: {told}"
    for why in commit.unknown:
        yield f"    not evaluated: {readable(why)}"


def _told(told: tuple[str, ...]) -> str:
    return readable(", ".join(told)) if told else "nothing"


def _promoted(one: Promoted) -> Iterator[str]:
    name = readable(f"{one.adapter}@{one.revision}")
    yield f"    {name} was registered by {readable(one.registered.shown)}; its record names the builder {one.builder!r}"
    for evidence in one.evidence:
        kind = evidence.kind or "unreadable"
        yield f"    evidence {readable(kind)} for {name} was added by {readable(evidence.added.shown)}"


def _approvals(seen: ApprovalsSeen) -> Iterator[str]:
    who = ", ".join(f"{login} as {role}" if role else login for login, role in seen.counted) or "nobody"
    yield f"    approvals: {seen.status}, counted: {readable(who)}"
    yield from (f"      not counted: {readable(who)}: {readable(why)}" for who, why in seen.not_counted)
    yield from (f"      {readable(why)}" for why in seen.why)


def _emergencies(commits: Sequence[AuditedCommit]) -> Iterator[str]:
    uses = [(commit, use) for commit in commits for use in commit.emergencies]
    if uses:
        yield ""
        yield "Emergencies:"
    for commit, use in uses:
        held = "" if use.counts else f"; it does not count: {use.why_not}"
        yield (
            f"  {commit.commit[:12]}  {readable(use.environment)}  by {readable(use.by)}: {readable(use.reason)}; "
            f"{'reviewed by ' + readable(use.reviewed) if use.reviewed else 'NOT REVIEWED'}{readable(held)}"
        )


def _served(audit: Audit) -> Iterator[str]:
    rows = [(e, a, one) for e, adapters in audit.served.items() for a, one in adapters.items()]
    yield from (_row(environment, adapter, one) for environment, adapter, one in rows)
    if not rows:
        yield "  nothing"


def _row(environment: str, adapter: str, one: ServedSince) -> str:
    name = readable(f"{environment}/{adapter}")
    return f"  {name}: {_told(one.told)}, since {one.since} ({one.since.source}), by {one.commit[:12]}"


def told_lines(told: Sequence[ToldAt], moment: str) -> Iterator[str]:
    """What each environment was told at a moment."""
    yield f"Told to serve at {moment}:"
    for one in told:
        name = readable(f"{one.environment}/{one.adapter}")
        yield (
            f"  {name}: {_told(one.told)}, since {one.since} ({one.since.source}), by {one.commit[:12]} ({one.verdict})"
        )
    if not told:
        yield "  nothing: no commit of the branch is that old"
