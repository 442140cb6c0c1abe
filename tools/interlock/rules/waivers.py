"""Waivers: one rule set aside, for one place, by one person of the roster, until one day. Pure; called by `checking`.

What guards the bytes, the records and the decisions themselves is never set aside: a waiver for it is a finding.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from interlock.documents.kinds.policy import Waiver, Waivers
from interlock.documents.snapshot import Located, Snapshot
from interlock.documents.tree import Entry, Foldered
from interlock.findings.finding import Finding, Severity
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "waivers"
NEVER_WAIVED = frozenset(
    {"form", "integrity", "records", "decisions", "retention", "policies", "rules", "approvals", "roster", FAMILY}
)
"""Families of rules that no waiver reaches."""
NEVER_WAIVED_RULES = frozenset({"revoked-revision"})


def excuse_waived(findings: Iterable[Finding], trusted: Snapshot, today: dt.date) -> list[Finding]:
    """The findings, those excused that a waiver of the trusted side covers on this day (UTC; the last one counts)."""
    families = known_families(trusted)
    written = trusted.waivers.document.waivers if trusted.waivers else ()
    ready = [waiver for waiver in written if today <= waiver.until and may_be_waived(waiver.rule, families)]
    return [_excused(finding, next((w for w in ready if _covers(w, finding)), None)) for finding in findings]


def may_be_waived(rule: str, families: Mapping[str, str]) -> bool:
    """Whether a rule can be set aside at all; one that nobody knows cannot."""
    return rule in families and families[rule] not in NEVER_WAIVED and rule not in NEVER_WAIVED_RULES


def _covers(waiver: Waiver, finding: Finding) -> bool:
    scope = waiver.scope.rstrip("/")
    path = finding.place.path
    return waiver.rule == finding.rule and (path == scope or path.startswith(f"{scope}/"))


def _excused(finding: Finding, waiver: Waiver | None) -> Finding:
    if waiver is None or not finding.blocks:
        return finding
    return replace(finding, excused=f"waived until {waiver.until} by {waiver.approver}: {waiver.reason}")


def waiver_expired(facts: Facts) -> Iterator[Finding]:
    """A waiver whose last day is over: it counts no more, and somebody should take it out."""
    for located, index, waiver in _waivers(facts):
        if facts.today and waiver.until < facts.today:
            yield Finding(
                "waiver-expired",
                located.place("waivers", index, "until"),
                f"the waiver of {waiver.rule} for {waiver.scope} ended on {waiver.until}",
                "waivers whose last day is not over",
                "remove it; if the reason still stands, have it approved again with a new end",
                severity=Severity.WARNING,
            )


def waiver_of_unknown_rule(facts: Facts) -> Iterator[Finding]:
    """A waiver names a rule that is not there: it would silently set nothing aside."""
    families = known_families(facts.snapshot)
    for located, index, waiver in _waivers(facts):
        if waiver.rule not in families:
            yield Finding(
                "waiver-of-unknown-rule",
                located.place("waivers", index, "rule"),
                f"there is no rule {waiver.rule}",
                "the id of a rule, as it stands in brackets at the end of a finding",
                "correct the id, or remove the waiver",
            )


def waiver_of_nothing(facts: Facts) -> Iterator[Finding]:
    """The scope of a waiver is no file and no folder: a misspelt one sets nothing aside."""
    there = _looked_up(facts.snapshot.entries) if facts.snapshot.waivers else frozenset().__contains__
    for located, index, waiver in _waivers(facts):
        if not there(waiver.scope.rstrip("/")):
            yield Finding(
                "waiver-of-nothing",
                located.place("waivers", index, "scope"),
                f"the waiver of {waiver.rule} is for {waiver.scope}, and there is no such file or folder",
                "a file or folder of this repository, for example environments/dev/",
                "correct the scope, or remove the waiver",
                severity=Severity.WARNING,
            )


def _looked_up(entries: Mapping[str, Entry]) -> Callable[[str], bool]:
    """Says whether there is a file or a folder, at a cost that does not grow with both waivers and files."""
    if isinstance(entries, Foldered):
        return lambda scope: scope in entries or (scope != "" and any(True for _ in entries.below(f"{scope}/")))
    return _files_and_folders(entries).__contains__


def _files_and_folders(paths: Iterable[str]) -> frozenset[str]:
    """Every path, and every folder above one."""
    found: set[str] = set()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return frozenset(found)


def waiver_not_allowed(facts: Facts) -> Iterator[Finding]:
    """A waiver for a rule that is never set aside."""
    families = known_families(facts.snapshot)
    for located, index, waiver in _waivers(facts):
        if waiver.rule in families and not may_be_waived(waiver.rule, families):
            yield Finding(
                "waiver-not-allowed",
                located.place("waivers", index, "rule"),
                f"{waiver.rule} guards what everything else relies on, and is never set aside",
                "a waiver for a rule about settings, limits, lineage, stages or the calendar",
                "remove the waiver, and put right what the rule complains about",
            )


def waiver_by_stranger(facts: Facts) -> Iterator[Finding]:
    """A waiver names an approver whom the roster does not know."""
    roster = facts.snapshot.roster
    people = {person.login for person in roster.document.people} if roster else set()
    for located, index, waiver in _waivers(facts):
        if waiver.approver not in people:
            yield Finding(
                "waiver-by-stranger",
                located.place("waivers", index, "approver"),
                f"{waiver.approver} approved the waiver, and is nobody in policies/roster.yaml",
                f"the login of a person of the roster: {', '.join(sorted(people)) or 'there is none yet'}",
                "have it approved by somebody whom the roster knows",
            )


def _waivers(facts: Facts) -> Iterator[tuple[Located[Waivers], int, Waiver]]:
    located = facts.snapshot.waivers
    if located:
        for index, waiver in enumerate(located.document.waivers):
            yield located, index, waiver


def known_families(snapshot: Snapshot) -> dict[str, str]:
    """The family of every rule, an organisation's own included, by its id."""
    # Not at the top: the catalogue lists this family too.
    from interlock.rules.catalogue import families

    return {**dict.fromkeys(snapshot.rules, "custom"), **families()}  # no rule of one's own changes a built-in one


RULES = (
    Rule(
        "waiver-of-unknown-rule",
        "A waiver names a rule that is not there",
        "It sets nothing aside, and the next person believes that it does.",
        "Correct the rule's id, or remove the waiver.",
        FAMILY,
        waiver_of_unknown_rule,
    ),
    Rule(
        "waiver-of-nothing",
        "A waiver for a file or folder that is not there",
        "It sets nothing aside, and the next person believes that it does.",
        "Correct the scope, or remove the waiver.",
        FAMILY,
        waiver_of_nothing,
    ),
    Rule(
        "waiver-not-allowed",
        "A waiver for a rule that is never set aside",
        "Digests, add-only records, revocations and single decisions are what every other promise rests on.",
        "Remove the waiver.",
        FAMILY,
        waiver_not_allowed,
    ),
    Rule(
        "waiver-by-stranger",
        "A waiver is approved by nobody whom the roster knows",
        "Whoever sets a rule aside answers for it; a name that nobody knows answers for nothing.",
        "Have it approved by a person of the roster.",
        FAMILY,
        waiver_by_stranger,
    ),
    Rule(
        "waiver-expired",
        "A waiver whose end is over",
        "It has no effect any more, and hides which exceptions are really in force.",
        "Remove it, or have it approved again with a new end.",
        FAMILY,
        waiver_expired,
    ),
)
