"""What the record of a revision must hold before a protected environment serves it, and the record of its adapter.

Promotions are judged and rollbacks are not. docs/checking.md has the table of what each risk tier asks for.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.adapter_revision import AdapterRevision, Provenance
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.change import Change, adapter_of, promoted_into_protected, revision_place
from interlock.rules.named_files import EEAT
from interlock.rules.rule import TransitionRule

FAMILY = "governance"
PLACEHOLDER = "your-team"
"""What `interlock register` writes for people to fill in."""


def provenance_incomplete(change: Change) -> Iterator[Finding]:
    """Nobody could train the revision again: recipe, source, seeds or data are not recorded."""
    for step, key, revision in promoted_into_protected(change):
        absent = _absent(revision.document.provenance, revision.document)
        if absent:
            yield Finding(
                "provenance-incomplete",
                revision_place(step, key),
                f"the record of {key} does not name {_and(absent)} ({revision.path})",
                "recipe with its digest, source with a full commit id, seeds, and the datasets it learned from",
                f"{remedies.register_again(revision.document)} --recipe PATH --source-repository URL"
                " --source-commit SHA --seed N --dataset …",
                environment=step.environment,
            )


def _absent(provenance: Provenance, revision: AdapterRevision) -> list[str]:
    known = {
        "a recipe": provenance.recipe,
        "the commit of the training code": provenance.source,
        "seeds": provenance.seeds,
        "datasets": revision.datasets,
    }
    return [name for name, value in known.items() if not value]


def content_notes_incomplete(change: Change) -> Iterator[Finding]:
    """An adapter that writes content for publication, without notes or without what stands behind them."""
    for step, key, revision in promoted_into_protected(change):
        adapter = adapter_of(change, step)
        blank = _blank_notes(revision.document) if adapter and adapter.document.risk.content else []
        if blank:
            yield Finding(
                "content-notes-incomplete",
                revision_place(step, key),
                f"{step.adapter} writes content for publication, and {key} leaves {_and(blank)} blank",
                f"release_notes, and eeat with {_and(list(EEAT))}: a sentence or a file each ({revision.path})",
                f"{remedies.register_again(revision.document)}, and fill in eeat before it is merged",
                environment=step.environment,
            )


def _blank_notes(revision: AdapterRevision) -> list[str]:
    blank = [] if revision.release_notes else ["release_notes"]
    return blank + [f"eeat.{field}" for field in EEAT if not (getattr(revision.eeat, field, None) or "").strip()]


def owner_not_filled_in(change: Change) -> Iterator[Finding]:
    """Nobody can be called: the owners are still what the template says."""
    for step, key, _ in promoted_into_protected(change):
        adapter = adapter_of(change, step)
        fields = _placeholders(adapter) if adapter else []
        if adapter and fields:
            yield Finding(
                "owner-not-filled-in",
                revision_place(step, key),
                f"{_and(fields)} of {step.adapter} still {'say' if len(fields) > 1 else 'says'} {PLACEHOLDER}",
                f"the people who answer for it ({adapter.place('owners')})",
                f"fill in the owners in {adapter.path}, in a change of its own",
                environment=step.environment,
            )


def _placeholders(adapter: Located[Adapter]) -> list[str]:
    owners = adapter.document.owners
    return [f"owners.{field}" for field in ("team", "contact", "escalation") if PLACEHOLDER in getattr(owners, field)]


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


RULES = (
    TransitionRule(
        "provenance-incomplete",
        "The record does not say how the revision was made",
        "An adapter that nobody can train again cannot be repaired, and nobody can show what it learned from.",
        "Register the revision with recipe, source, seeds and datasets.",
        FAMILY,
        provenance_incomplete,
    ),
    TransitionRule(
        "content-notes-incomplete",
        "Published content without what stands behind it",
        "Readers and search engines judge content by experience, expertise, authoritativeness and trustworthiness. If"
        " the record has no answer, nobody looked.",
        "Fill in the release notes and all four fields of eeat.",
        FAMILY,
        content_notes_incomplete,
    ),
    TransitionRule(
        "owner-not-filled-in",
        "The owners are still the template's",
        "When the adapter misbehaves at night, the address to call is invented.",
        "Fill in team, contact and escalation.",
        FAMILY,
        owner_not_filled_in,
    ),
)
