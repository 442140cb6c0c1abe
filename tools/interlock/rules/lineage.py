"""Lineage: where a revision comes from. Its predecessor, its anchor, its recipe and its notes are in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from interlock.documents import layout
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.circles import circles
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "lineage"


def previous_missing(facts: Facts) -> Iterator[Finding]:
    """The revision that this one came after is not in the tree."""
    yield from _ancestor_missing(facts, "previous", "previous-missing")


def anchor_missing(facts: Facts) -> Iterator[Finding]:
    """The anchor that this revision is compared with is not in the tree."""
    yield from _ancestor_missing(facts, "anchor", "anchor-missing")


def _ancestor_missing(facts: Facts, field: Literal["previous", "anchor"], rule: str) -> Iterator[Finding]:
    for key, located in facts.revisions.items():
        name = getattr(located.document.lineage, field)
        ancestor = RevisionId(key.adapter, name) if name else None
        path = layout.revision_path(ancestor.adapter, ancestor.revision) if ancestor else ""
        if path and not facts.written(path):
            yield Finding(
                rule,
                located.place("lineage", field),
                f"lineage.{field} of {key} names {ancestor}, which is not in this repository",
                f"{path} exists",
                f"bring {path} back from history (records are never removed), or register {key} as a new revision"
                f" that names an existing {field}",
            )


def lineage_cycle(facts: Facts) -> Iterator[Finding]:
    """Going back from revision to previous revision never ends."""
    previous = {key: _previous(located.document) for key, located in facts.snapshot.revisions.items()}
    for key, circle in circles(previous).items():
        if key in facts.revisions:
            yield Finding(
                "lineage-cycle",
                facts.revisions[key].place("lineage", "previous"),
                f"{key} is its own ancestor: {' → '.join(map(str, (*circle, circle[0])))}",
                "a line of previous revisions that ends at a first one",
                remedies.register_again(facts.revisions[key].document),
            )


def _previous(revision: AdapterRevision) -> RevisionId | None:
    name = revision.lineage.previous
    return RevisionId(revision.adapter, name) if name else None


def recipe_missing(facts: Facts) -> Iterator[Finding]:
    """The recipe that a manifest names is not in the tree."""
    for key, located in facts.revisions.items():
        recipe = located.document.provenance.recipe
        if recipe and not facts.written(recipe.path):
            yield Finding(
                "recipe-missing",
                located.place("provenance", "recipe", "path"),
                f"the recipe of {key} is not in this repository: {recipe.path}",
                "the recipe as it was when the adapter was trained",
                f"add {recipe.path} with the digest {recipe.digest}",
            )


def recipe_digest_mismatch(facts: Facts) -> Iterator[Finding]:
    """The recipe changed after the adapter was trained with it."""
    for key, located in facts.revisions.items():
        recipe = located.document.provenance.recipe
        if not recipe or not facts.written(recipe.path):
            continue
        found = facts.digests.get(recipe.path)
        if found != recipe.digest:
            state = f"is not the recipe that {key} was trained with: its digest is {found}"
            yield Finding(
                "recipe-digest-mismatch",
                located.place("provenance", "recipe", "digest"),
                f"{recipe.path} {state if found else 'could not be read'}",
                f"{recipe.digest}",
                f"put {recipe.path} back as it was (git log --follow {recipe.path}) and write the changed recipe"
                " into a file of its own",
                evaluated=found is not None,
            )


def release_notes_missing(facts: Facts) -> Iterator[Finding]:
    """The release notes that a manifest names are not in the tree."""
    for key, located in facts.revisions.items():
        notes = located.document.release_notes
        if notes and not facts.written(notes):
            yield Finding(
                "release-notes-missing",
                located.place("release_notes"),
                f"the release notes of {key} are not in this repository: {notes}",
                f"the file {notes}",
                f"write {notes}: what changed for the people who talk to {key.adapter}",
            )


RULES = (
    Rule(
        "previous-missing",
        "The previous revision is not in the repository",
        "A promotion is judged against the revision that came before; without it there is nothing to compare with.",
        "Bring the manifest back from history, or register the bytes again with an existing predecessor.",
        FAMILY,
        previous_missing,
    ),
    Rule(
        "anchor-missing",
        "The anchor revision is not in the repository",
        "Small losses add up from revision to revision; the anchor is the fixed point that makes them visible.",
        "Bring the manifest back from history, or register the bytes again with an existing anchor.",
        FAMILY,
        anchor_missing,
    ),
    Rule(
        "lineage-cycle",
        "A revision is its own ancestor",
        "History that runs in a circle has no last good state to return to.",
        "Register the bytes again with the right previous revision.",
        FAMILY,
        lineage_cycle,
    ),
    Rule(
        "recipe-missing",
        "The training recipe is not in the repository",
        "An adapter that nobody can train again cannot be repaired, only replaced.",
        "Add the recipe file with the digest that the manifest names.",
        FAMILY,
        recipe_missing,
    ),
    Rule(
        "recipe-digest-mismatch",
        "The training recipe was changed afterwards",
        "The record says how the bytes came about; a recipe edited later makes it a false record.",
        "Put the recipe back and write the changed one into a new file.",
        FAMILY,
        recipe_digest_mismatch,
    ),
    Rule(
        "release-notes-missing",
        "The release notes are not in the repository",
        "Reviewers and support staff learn from them what changes for the users.",
        "Write the notes at the path that the manifest names.",
        FAMILY,
        release_notes_missing,
    ),
)
