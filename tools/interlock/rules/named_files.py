"""Named files: what a record gives as its evidence is a file of the repository that is really there."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.positions import Place
from interlock.findings.finding import Finding
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "references"
EEAT = ("experience", "expertise", "authoritativeness", "trustworthiness")


def named_file_missing(facts: Facts) -> Iterator[Finding]:
    """A record names an assessment, a decision or a proof that nobody can read."""
    for owner, what, path, place in _named(facts):
        if is_path(path) and not facts.written(path):
            yield Finding(
                "named-file-missing",
                place,
                f"the {what} of {owner} is not in this repository: {path}",
                f"the file {path}, or the address (https://…) where it is kept",
                f"add {path} in a change of its own before the record that names it",
            )


def is_path(text: str) -> bool:
    """Whether a text is the path of a file of this repository, and neither an address nor a sentence."""
    return "/" in text and "://" not in text and not any(char.isspace() for char in text)


def _named(facts: Facts) -> Iterator[tuple[str, str, str, Place]]:
    for key, revision in facts.revisions.items():
        bias, eeat = revision.document.risk.bias, revision.document.eeat
        if bias:
            yield str(key), "assessment of bias", bias.assessment, revision.place("risk", "bias", "assessment")
        for field in EEAT if eeat else ():
            yield str(key), field, getattr(eeat, field) or "", revision.place("eeat", field)
    for (name, version), base in facts.known_bases.items():
        trigger = base.document.pedigree.trigger
        if trigger:
            place = base.place("pedigree", "trigger", "decided_by")
            yield f"base {name} {version}", "decision to merge", trigger.decided_by, place


RULES = (
    Rule(
        "named-file-missing",
        "A record names a file that is not in the repository",
        "An assessment that nobody can read is none; at an audit it counts as if it had never been made.",
        "Add the file first, or give the address where it is kept.",
        FAMILY,
        named_file_missing,
    ),
)
