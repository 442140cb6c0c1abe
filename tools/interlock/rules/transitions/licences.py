"""The licences of everything that a promoted revision was made from: base, data, and the adapter itself.

Called for promotions only; policies are read from the trusted side. A policy that lists licences decides alone; without
one a protected environment takes nothing that restricts its own use in so many words, and nothing without a licence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.change import Change, PointerStep, promoted, revision_place
from interlock.rules.licences import restriction, same, says_nothing
from interlock.rules.rule import TransitionRule
from interlock.rules.wording import listed

FAMILY = "licences"


@dataclass(frozen=True, slots=True)
class _Chain:
    """One promoted revision, and the licence of each of its parts; None for a part that states none."""

    step: PointerStep
    key: RevisionId
    revision: Located[AdapterRevision]
    parts: tuple[tuple[str, str | None], ...]
    allowed: tuple[str, ...] | None
    protected: bool

    def finding(self, rule: str, found: str, expected: str) -> Finding:
        """A finding where the new pointer names the revision."""
        again = remedies.register_again(self.revision.document)
        return Finding(
            rule,
            revision_place(self.step, self.key),
            found,
            expected,
            f"train {self.key.adapter} on what may be used here and {again}; or correct what the record says",
            environment=self.step.environment,
        )


def _chains(change: Change) -> Iterator[_Chain]:
    for step, key, revision in promoted(change):
        env = change.environment(step.environment)
        allowed = change.policy(step.environment).value("licenses.allow")
        parts = tuple(_parts(change, key, revision.document))
        yield _Chain(step, key, revision, parts, allowed, env is not None and env.document.protected)


def _parts(change: Change, key: RevisionId, revision: AdapterRevision) -> Iterator[tuple[str, str | None]]:
    base = change.head.snapshot.bases.get((revision.base.name, revision.base.revision))
    if base:
        yield f"its base {revision.base.name} {revision.base.revision}", base.document.license
    for dataset in revision.datasets:
        yield f"its data {dataset.name}", dataset.license
    yield f"{key} itself", revision.license


def _listed(licence: str, allowed: tuple[str, ...]) -> bool:
    return any(same(licence, item) for item in allowed)


def licence_not_allowed(change: Change) -> Iterator[Finding]:
    """A part is under a licence that the environment's policies do not list."""
    for chain in _chains(change):
        for part, licence in chain.parts if chain.allowed is not None else ():
            if licence and not says_nothing(licence) and not _listed(licence, chain.allowed or ()):
                yield chain.finding(
                    "licence-not-allowed",
                    f"{part} is under {licence}, which the policy of {chain.step.environment} does not allow",
                    f"one of {listed(chain.allowed or ('none that all of its policies allow',), limit=12)}",
                )


def licence_unknown(change: Change) -> Iterator[Finding]:
    """A part goes into a guarded environment, and nobody knows under which licence."""
    for chain in _chains(change):
        if not chain.protected and chain.allowed is None:
            continue
        for part, licence in chain.parts:
            unstated = licence is None and chain.allowed is not None
            if unstated or (licence is not None and says_nothing(licence)):
                yield chain.finding(
                    "licence-unknown",
                    f"the licence of {part} is {f'given as {licence!r}' if licence else 'not given'}",
                    "the licence as SPDX or the Hugging Face hub spells it, or the name of your own terms",
                )


def restricted_licence(change: Change) -> Iterator[Finding]:
    """A part must not be used commercially, passed on changed, or outside of research."""
    for chain in _chains(change):
        for part, licence in chain.parts if chain.protected and chain.allowed is None else ():
            if licence and restriction(licence):
                yield chain.finding(
                    "restricted-licence",
                    f"{part} is under {licence}, which does not allow {restriction(licence)}",
                    f"parts without that restriction in {chain.step.environment}, which is protected; or a policy that"
                    " lists this licence under licenses.allow",
                )


RULES = (
    TransitionRule(
        "licence-not-allowed",
        "A licence that the policy does not allow",
        "What was made from somebody's data or weights carries their terms into every answer that is sold.",
        "Train on what the policy allows, or have the licence added to the policy first.",
        FAMILY,
        licence_not_allowed,
    ),
    TransitionRule(
        "licence-unknown",
        "Nobody knows under which licence a part is",
        "Without a licence nothing is allowed by default: the safe reading of `unknown` is no.",
        "Find out, and register the revision with it.",
        FAMILY,
        licence_unknown,
    ),
    TransitionRule(
        "restricted-licence",
        "A licence that restricts use, in a protected environment",
        "Non-commercial and research licences say in their name that production is not what they were given for.",
        "Train on other data or another base, or let a policy list the licence for this environment.",
        FAMILY,
        restricted_licence,
    ),
)
