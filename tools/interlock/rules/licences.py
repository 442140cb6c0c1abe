"""Licences: what an adapter may be offered under follows from its base. Words that rules about licences share.

No legal advice: only texts that say it themselves count. Licences are compared as SPDX and the Hugging Face hub spell
them, without regard to case. docs/decisions/0008-licences.md says why it is these and no others.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "licences"
_UNKNOWN = frozenset({"", "?", "n/a", "na", "noassertion", "none", "other", "tbd", "todo", "unknown", "unlicensed"})
_RESEARCH_ONLY = frozenset({"apple-amlr", "deepfloyd-if-license"})
_PERMISSIVE = re.compile(
    r"(0bsd|afl-\S+|apache-2\.0|bsd\S*|bsl-1\.0|cc0-1\.0|cc-by-\d\.\d|isc|mit|mit-0|ms-pl|ncsa|openmdw|pddl|postgresql"
    r"|unlicense|wtfpl|zlib)"
)
_PASSED_ON = re.compile(
    r"(agpl\S*|gpl\S*|lgpl\S*|cc-by-(nc-)?sa-\S+|cc-by-nc\S*|cc-by-(nc-)?nd\S*|gemma|llama\S*|\S*openrail\S*"
    r"|bigscience-bloom-rail\S*|\S*non-?commercial\S*|[a-z]+-research|apple-amlr|deepfloyd-if-license|odbl\S*"
    r"|cdla-sharing\S*|osl-\S+)"
)
LONGEST = 200
"""Characters of the longest name of a licence; a longer text is a licence of somebody's own."""
_WORD = re.compile(r"[^\s()]+")


def says_nothing(licence: str) -> bool:
    """Whether a text names no licence at all."""
    return licence.strip().lower() in _UNKNOWN


def restriction(licence: str) -> str:
    """What a licence says itself that it does not allow: commercial use, changes, all but research; "" for nothing."""
    for word in _WORD.findall(licence.lower()):
        parts = word.split("-")
        if (parts[0] == "cc" and "nc" in parts) or "noncommercial" in word or "non-commercial" in word:
            return "commercial use"
        if parts[0] == "cc" and "nd" in parts:
            return "passing on what was made from it"
        if "research" in parts or word in _RESEARCH_ONLY:
            return "anything but research"
    return ""


def same(one: str, other: str) -> bool:
    """Whether two texts name the same licence."""
    return " ".join(one.lower().split()) == " ".join(other.lower().split())


def licence_wider_than_base(facts: Facts) -> Iterator[Finding]:
    """The adapter is offered under a licence that asks for nothing, and its base passes its own terms on."""
    for key, located in facts.revisions.items():
        reference, offered = located.document.base, located.document.license
        base = facts.snapshot.bases.get((reference.name, reference.revision))
        if offered and base and _is(_PERMISSIVE, offered) and _is(_PASSED_ON, base.document.license):
            yield Finding(
                "licence-wider-than-base",
                located.place("license"),
                f"{key} is offered under {offered}, and its base {reference.name} {reference.revision} is under"
                f" {base.document.license}, whose terms hold for what is made from it",
                f"{base.document.license}, or terms of your own that include it",
                f"{remedies.register_again(located.document)} --license {shlex.quote(base.document.license)}",
            )


def _is(pattern: re.Pattern[str], licence: str) -> bool:
    text = licence.strip().lower()
    return len(text) <= LONGEST and pattern.fullmatch(text) is not None


RULES = (
    Rule(
        "licence-wider-than-base",
        "The adapter's licence is wider than its base allows",
        "Whoever takes the adapter by its licence breaks that of the base, and learns it from a lawyer.",
        "Offer the adapter under the licence of its base.",
        FAMILY,
        licence_wider_than_base,
    ),
)
