"""Puts the page for a reviewer together, from the outcome of a check. Called by `interlock check --format markdown`."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.checking.changes import ChangeResult
from interlock.checking.checker import CheckResult
from interlock.checking.evidence_reading import Evidence, read_evidence
from interlock.checking.review.compatibility import compatibility_section
from interlock.checking.review.kinds import kind_of
from interlock.checking.review.needs import needs_section
from interlock.checking.review.origins import base_section, origin_section, revisions_told
from interlock.checking.review.other_files import files_section
from interlock.checking.review.pointers import pointer_section
from interlock.checking.review.rollback import rollback_section
from interlock.checking.review.told_findings import blocking_section, other_section
from interlock.checking.review.words import codes, moment, plural
from interlock.documents.tree import Tree
from interlock.findings.finding import Verdict
from interlock.findings.judgement import Judgement, nothing_was_checked, tally
from interlock.findings.markdown_page import Code, Commands, Line, Page, Paragraph, Section, Table
from interlock.rules.catalogue import catalogue

_MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.UNKNOWN: "❓"}
_OF_A_CHANGE = {Verdict.PASS: "May merge", Verdict.FAIL: "Blocked", Verdict.UNKNOWN: "Could not be evaluated"}
_OF_A_TREE = {
    Verdict.PASS: "May be served",
    Verdict.FAIL: "Must not be served",
    Verdict.UNKNOWN: "Could not be evaluated",
}
_WHO = (
    "Interlock keeps in git which revision of which LoRA adapter every environment serves. This page is for the person"
    " who approves; it was written from the change itself, and is no approval."
)
_LEFT_TO_PEOPLE = "Approvals and evidence are left to people: see below what is asked for."
_EVIDENCE_LEFT = "Evidence is left to people: see below what is asked for."
_SHOWN_ENVIRONMENTS = 20
_SHOWN_RULES = 5


def page_of(result: Judgement, tree: Tree | None, see_all: str) -> Page:
    """The page about a check of `tree` (None: it could not begin); `see_all` shows everything that was found."""
    if isinstance(result, ChangeResult):
        evidence = read_evidence(tree, revisions_told(result.change)) if tree else {}
        return change_page(result, evidence, see_all)
    if nothing_was_checked(result):
        return _nothing(result)
    return tree_page(result, see_all) if isinstance(result, CheckResult) else unjudged_page(result, see_all)


def change_page(result: ChangeResult, evidence: Evidence, see_all: str) -> Page:
    """What a change does, whether it fits, what is missing, and how to take it back."""
    change, kind = result.change, kind_of(result.change)
    left = _EVIDENCE_LEFT if change.approvals else _LEFT_TO_PEOPLE
    said = f"{_said(result)} {left}" if result.verdict is Verdict.PASS else _said(result)
    sections = (
        *blocking_section(result.findings, see_all),
        *pointer_section(change),
        *files_section(change),
        *compatibility_section(change, result.findings),
        needs_section(change, kind.kind, evidence),
        *rollback_section(change, kind.kind),
        *base_section(change),
        *origin_section(change),
        *other_section(result.findings, see_all),
        _more(result, see_all, f"Judged {moment(change.now)}: "),
    )
    title: Line = (f"{_headline(result.verdict, _OF_A_CHANGE)}: ", *kind.title)
    return Page(title, (Paragraph(said), Paragraph(kind.why), Paragraph(_WHO)), sections)


def tree_page(result: CheckResult, see_all: str) -> Page:
    """A shorter page about a repository as it lies there: what each environment serves, and what was found."""
    title = f"{_headline(result.verdict, _OF_A_TREE)}: {plural(result.documents, 'document')} checked"
    sections = (
        *blocking_section(result.findings, see_all),
        *_environments(result),
        *other_section(result.findings, see_all),
        _more(result, see_all, "Judged: "),
    )
    return Page(title, (Paragraph(_said(result)),), sections)


def unjudged_page(result: Judgement, see_all: str) -> Page:
    """A check that could not begin, and why; never a page without a verdict."""
    title = f"{_headline(result.verdict, _OF_A_CHANGE)}, so it must not merge"
    return Page(
        title, (Paragraph(_WHO),), (*blocking_section(result.findings, see_all), _more(result, see_all, "Judged: "))
    )


def _headline(verdict: Verdict, words: dict[Verdict, str]) -> str:
    return f"{_MARKS[verdict]} {words[verdict]}"


def _nothing(result: Judgement) -> Page:
    where: Line = ("There is no document in ", Code(result.label), ", and an empty repository is not a pass.")
    return Page(f"{_MARKS[Verdict.UNKNOWN]} Nothing was checked", (Paragraph(where),), ())


def _said(result: Judgement) -> str:
    """How much was found, in a sentence that a person may rely on."""
    counts = tally(result)
    unknown = sum(finding.blocks and not finding.evaluated for finding in result.findings)
    if not counts["errors"]:
        return f"No rule blocks it. The bytes of {plural(counts['revisions'], 'adapter revision')} were checked."
    failed = counts["errors"] - unknown
    told = [f"{plural(failed, 'finding')} block it" if failed != 1 else "1 finding blocks it"] if failed else []
    told += [f"{plural(unknown, 'question')} could not be answered, which is not a pass"] if unknown else []
    return f"{'; '.join(told)}."


def _environments(result: CheckResult) -> Iterator[Section]:
    snapshot = result.snapshot
    rows = [
        (
            Code(name),
            "yes" if env.document.protected else "no",
            Code(f"{env.document.base.name}@{env.document.base.revision}"),
            codes(
                f"{adapter}@{p.document.active}" for (where, adapter), p in snapshot.pointers.items() if where == name
            )
            or "nothing",
        )
        for name, env in list(snapshot.environments.items())[:_SHOWN_ENVIRONMENTS]
    ]
    if rows:
        yield Section("What is served", (Table(("Environment", "Protected", "Base", "Active"), tuple(rows)),))


def _more(result: Judgement, see_all: str, judged: str) -> Section:
    """The commands that tell more, and what exactly was judged."""
    rules = list(dict.fromkeys(f.rule for f in sorted(result.findings, key=lambda f: not f.blocks)))
    known = [rule for rule in rules if rule in catalogue()][:_SHOWN_RULES]
    commands = Commands((see_all, *(f"interlock explain {rule}" for rule in known)))
    return Section("See more", (commands, Paragraph((judged, Code(result.label)))))
