"""Document form: what the reader of documents found wrong, as findings with words that explain why it matters.

`documents` judges the form while it reads, because a document whose form is wrong cannot be judged further. Every
`Problem` of a snapshot becomes a finding, also one of a kind that the catalogue below has not heard of.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from interlock.documents.positions import Problem
from interlock.findings.finding import Finding
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "form"

_AMBIGUOUS = "A reviewer and a program would read different things, and only one of them decides what is served."
_UNREADABLE = "A document that cannot be read cannot be judged, and nothing that cannot be judged is let through."
_TREE = "Links and look-alike names let one path mean different files on different machines."


def problems_of(rule: str, facts: Facts) -> Iterator[Finding]:
    """The problems of one kind."""
    return (_finding(problem) for problem in facts.snapshot.problems if problem.rule == rule)


def uncatalogued(facts: Facts) -> Iterator[Finding]:
    """Problems of kinds that have no entry here: still findings, so that nothing passes for want of a description."""
    return (_finding(problem) for problem in facts.snapshot.problems if problem.rule not in _IDS)


def _finding(problem: Problem) -> Finding:
    return Finding(problem.rule, problem.place, problem.found, problem.expected, problem.remedy)


def _rule(rule: str, title: str, why: str, remedy: str) -> Rule:
    return Rule(rule, title, why, remedy, FAMILY, partial(problems_of, rule))


RULES = (
    _rule("yaml-syntax", "The file is not YAML", _UNREADABLE, "Correct the line that the finding names."),
    _rule(
        "duplicate-key",
        "A key is written twice",
        "Most YAML readers silently take the last one, reviewers read the first one.",
        "Remove one of the two.",
    ),
    _rule("yaml-anchor", "Anchors and aliases are not allowed", _AMBIGUOUS, "Write the value out where it is used."),
    _rule("merge-key", "Merge keys (`<<`) are not allowed", _AMBIGUOUS, "Write the keys out."),
    _rule("yaml-tag", "YAML tags are not allowed", _AMBIGUOUS, "Remove the tag."),
    _rule("several-documents", "A file holds one document", _AMBIGUOUS, "Move the others into files of their own."),
    _rule("complex-key", "Keys are plain text", _AMBIGUOUS, "Write a plain key."),
    _rule(
        "ambiguous-scalar",
        "A value that YAML 1.1 and YAML 1.2 read differently",
        "`no` is a word or false, `010` is ten or eight, depending on who reads it.",
        "Put quotes around text; write true, false, null and plain decimal numbers otherwise.",
    ),
    _rule(
        "document-too-large", "The file is too large for a document", _UNREADABLE, "Split it, or remove the surplus."
    ),
    _rule("document-too-deep", "The document is nested too deeply", _UNREADABLE, "Flatten it."),
    _rule("not-utf8", "The file is not plain UTF-8 text", _UNREADABLE, "Save it as UTF-8 without a byte order mark."),
    _rule("non-finite-number", "Infinity and NaN are not allowed", _AMBIGUOUS, "Write a finite number."),
    _rule(
        "unreadable-file",
        "The file could not be read",
        _UNREADABLE,
        "Check its permissions, and that nothing changes the files meanwhile.",
    ),
    _rule("symlink-in-tree", "Symbolic links are not allowed", _TREE, "Replace the link by the file itself."),
    _rule("submodule-in-tree", "Submodules are not allowed", _TREE, "Add the files themselves."),
    _rule("case-collision", "Two paths differ in case or composition only", _TREE, "Rename one of them."),
    _rule(
        "unsafe-name",
        "A name that is not safe everywhere",
        "Names become parts of paths, URLs and metric labels, and engines join them to directories unchecked.",
        "Use lower-case letters, digits and hyphens.",
    ),
    _rule(
        "unexpected-file",
        "A file that does not belong where it is",
        "A manifest with a misspelt ending or in the wrong folder would silently not count.",
        "Rename, move or remove it.",
    ),
    _rule("wrong-kind", "The document is of another kind than its place asks for", _AMBIGUOUS, "Move or correct it."),
    _rule(
        "name-mismatch",
        "The document says another name than its path",
        _AMBIGUOUS,
        "Make the two agree: rename the file or correct the name.",
    ),
    _rule(
        "unknown-key",
        "A key that this kind of document does not have",
        "A misspelt key would silently leave the default in force.",
        "Correct the spelling, or remove the key.",
    ),
    _rule("missing-key", "A key that is needed is not there", _UNREADABLE, "Add the key."),
    _rule("invalid-value", "A value that is not allowed", _UNREADABLE, "Write a value of the kind that is asked for."),
    _rule(
        "unquoted-identifier",
        "A name, revision or digest without quotes that YAML reads as a number",
        "Revision 1.10 would become 1.1, and digest 12e4567 infinity.",
        "Put it in quotes.",
    ),
    _rule("bad-digest", "Not a digest", _UNREADABLE, "Write sha256: and 64 lower-case hexadecimal digits."),
)

_IDS = frozenset(rule.id for rule in RULES)
