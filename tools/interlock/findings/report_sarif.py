"""Findings as SARIF 2.1.0, which code scanning services and editors read.

What could not be evaluated is told three times over, so that no reader takes it for a pass: as a result of level
`error` whose text begins so (kind `open`, which SARIF has for it, would force the level `none`, and viewers hide that),
as a notification of the run, and by `executionSuccessful: false`. Nothing here depends on the time or on the machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from interlock.findings.finding import Finding
from interlock.findings.judgement import Judgement, nothing_was_checked, tally
from interlock.findings.ranking import worst
from interlock.findings.readable import readable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 25_000
"""More results in one run are refused by GitHub's code scanning."""
ROOT = "%SRCROOT%"
NOTHING_CHECKED = (
    "Nothing was checked: there is no document here. Run: interlock init, or name the repository's folder."
)
_OTHER_LINE = re.compile(r"\bline \d+")


class RuleWords(Protocol):
    """The words of a rule; `rules.rule.Rule` has them."""

    @property
    def id(self) -> str:
        """What findings call it."""

    @property
    def title(self) -> str:
        """The flaw in one sentence."""

    @property
    def why(self) -> str:
        """What goes wrong when it is let through."""

    @property
    def remedy(self) -> str:
        """How it is put right."""

    @property
    def family(self) -> str:
        """The rules that it belongs to."""


def render_sarif(result: Judgement, rules: Iterable[RuleWords], *, exit_status: int, version: str) -> str:
    """Return one SARIF log, ASCII only, ending in a line break. `exit_status` of the command is recorded."""
    kept = worst(result.findings, MOST_RESULTS)
    described = {rule.id: _rule(rule) for rule in rules}
    described |= {finding.rule: {"id": finding.rule} for finding in kept if finding.rule not in described}
    index = {rule: number for number, rule in enumerate(described)}
    prints = _fingerprints(kept)
    run = {
        "tool": {"driver": {"name": "Interlock", "version": version, "rules": list(described.values())}},
        "automationDetails": {"id": f"interlock/{result.environment or 'all'}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository that was checked."}}},
        "invocations": [_invocation(result, len(result.findings) - len(kept), exit_status)],
        "results": [_result(found, index, mark) for found, mark in zip(kept, prints, strict=True)],
        "properties": {"counts": tally(result)},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(rule: RuleWords) -> dict[str, Any]:
    more = f"interlock explain {rule.id}"
    return {
        "id": rule.id,
        "name": rule.id.title().replace("-", ""),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why}\nWhat to do: {rule.remedy}\nWith examples: {more}",
            "markdown": f"{_markdown(rule.why)}\n\n**What to do.** {_markdown(rule.remedy)}\n\nWith examples: `{more}`",
        },
        "properties": {"tags": [rule.family]},
    }


def _invocation(result: Judgement, left_out: int, exit_status: int) -> dict[str, Any]:
    unknown = [finding for finding in result.findings if finding.blocks and not finding.evaluated]
    notes = [_note(_told(finding), finding) for finding in unknown[:MOST_RESULTS]]
    if left_out:
        notes.append(_note(f"{left_out} more findings do not fit into this report; the worst are here."))
    if nothing_was_checked(result):
        notes.append(_note(NOTHING_CHECKED))
    return {
        "executionSuccessful": not (unknown or nothing_was_checked(result)),
        "exitCode": exit_status,
        "exitCodeDescription": "nothing-checked" if nothing_was_checked(result) else result.verdict.value,
        "toolExecutionNotifications": notes,
    }


def _note(text: str, about: Finding | None = None) -> dict[str, Any]:
    note: dict[str, Any] = {"level": "error", "message": {"text": text}}
    return note | {"associatedRule": {"id": about.rule}, "locations": [_location(about)]} if about else note


def _result(finding: Finding, index: dict[str, int], fingerprint: str) -> dict[str, Any]:
    excuse = {"kind": "external", "status": "accepted", "justification": readable(finding.excused)}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": finding.severity.value,
        "message": {"text": _told(finding)},
        "locations": [_location(finding)],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint, "interlockFlaw/v1": fingerprint},
        "suppressions": [excuse] if finding.excused else [],
        "properties": {"evaluated": finding.evaluated, "environment": finding.environment},
    }


def _told(finding: Finding) -> str:
    """The message as text for any viewer: what was found, what was expected, what to do next."""
    found = finding.found if finding.evaluated else f"Could not evaluate: {finding.found}"
    lines = (found, finding.expected and f"Expected: {finding.expected}", finding.remedy and f"Next: {finding.remedy}")
    text = "\n".join(readable(line) for line in lines if line)
    # SARIF reads [text](target) in a message as a link, and nothing in a repository may place one.
    return text.replace("[", "\\[").replace("]", "\\]") if "](" in text else text


def _location(finding: Finding) -> dict[str, Any]:
    place = finding.place
    where: dict[str, Any] = {"artifactLocation": {"uri": _uri(place.path), "uriBaseId": ROOT}}
    if place.line:
        where["region"] = {"startLine": place.line, "startColumn": max(place.column, 1)}
    return {"physicalLocation": where}


def _uri(path: str) -> str:
    """A relative reference whose bytes are those of the path, also where they are not UTF-8."""
    try:
        return quote(path.encode("utf-8", errors="surrogateescape"))
    except UnicodeEncodeError:
        return quote(path.encode("utf-8", errors="replace"))


def _fingerprints(findings: Sequence[Finding]) -> list[str]:
    """One a finding, of what makes it the same flaw after lines have moved; equal flaws of one file are numbered."""
    seen: Counter[str] = Counter()
    prints = []
    for finding in findings:
        flaw = (finding.rule, finding.place.path, finding.environment, _OTHER_LINE.sub("line", finding.found))
        digest = hashlib.sha256(json.dumps(flaw).encode("ascii")).hexdigest()[:32]
        seen[digest] += 1
        prints.append(f"{digest}:{seen[digest]}")
    return prints


def _markdown(text: str) -> str:
    """Our own words as Markdown: nothing in them is markup."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)
