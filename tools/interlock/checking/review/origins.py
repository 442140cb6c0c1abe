"""What a revision brings along: its base, who made it from what, what is known to be risky, where its notes are."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.approvals.question import Tier
from interlock.checking.review.words import plural, size
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision, Dataset
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.layout import classify
from interlock.findings.markdown_page import Bullet, Bullets, Code, Line, Part, Section, Strong
from interlock.rules.change import Change, Touch

SHOWN = 4
"""Revisions, and for each datasets, that are described."""


def revisions_told(change: Change) -> tuple[RevisionId, ...]:
    """The revisions that a page describes: those that the change adds, and those that a pointer newly names."""
    found: list[RevisionId] = []
    for path, touch in change.touched.items():
        named = classify(path)
        if named.kind == "AdapterRevision" and touch is not Touch.REMOVED:
            found.append(RevisionId(*named.values))
    for step in change.steps:
        before = step.before.document.revisions if step.before else ()
        after = step.after.document.revisions if step.after else ()
        found += [RevisionId(step.adapter, revision) for revision in after if revision not in before]
        found += [RevisionId(step.adapter, step.activates)] if step.activates else []
        canary = step.after.document.canary if step.after else None
        found += [RevisionId(step.adapter, canary.revision)] if canary else []
    return tuple(dict.fromkeys(found))[:SHOWN]


def base_section(change: Change) -> Iterator[Section]:
    """On which bases, with which licences, behind which engines."""
    bullets = [*_bases(change), *_engines(change)]
    if bullets:
        yield Section("On which base and engine", (Bullets(tuple(bullets)),))


def _bases(change: Change) -> Iterator[Bullet]:
    snapshot = change.head.snapshot
    manifests = [snapshot.revisions[key].document.base for key in revisions_told(change) if key in snapshot.revisions]
    environments = [snapshot.environments[name].document.base for name in _environments(change)]
    added = [classify(path) for path in change.touched]
    named = [(base.name, base.revision) for base in (*manifests, *environments)]
    named += [(found.values[0], found.values[1]) for found in added if found.kind == "BaseRevision"]
    for key in list(dict.fromkeys(named))[:SHOWN]:
        located = snapshot.bases.get(key)
        name = Code("@".join(key))
        yield Bullet((name, *_base(located.document)) if located else (name, ": its manifest cannot be read."))


def _base(base: BaseRevision) -> tuple[Part, ...]:
    quantized = f"quantized with {base.quantization.method}" if base.quantization else "not quantized"
    return (", licence ", Code(base.license), f": {base.config.architecture} in {base.config.dtype}, {quantized}.")


def _environments(change: Change) -> list[str]:
    """The environments whose pointers or limits the change touches, as far as they can be read."""
    found = (classify(path) for path in change.touched)
    names = dict.fromkeys(f.values[0] for f in found if f.kind in ("Pointer", "Environment"))
    return [name for name in names if name in change.head.snapshot.environments][:SHOWN]


def _engines(change: Change) -> Iterator[Bullet]:
    for name in _environments(change):
        yield Bullet(_engine(change.head.snapshot.environments[name].document))


def _engine(env: Environment) -> Line:
    engine = env.engine
    loaded = str(engine.max_cpu_loras) if engine.max_cpu_loras else f"not set, so {engine.cpu_slots}"
    return (
        Code(env.name), " serves ", Code(f"{env.base.name}@{env.base.revision}"), " with ", Code(engine.kind), " ",
        Code(engine.version), f": max_loras {engine.max_loras}, max_cpu_loras {loaded}, max_lora_rank"
        f" {engine.max_lora_rank}; {plural(env.keep_previous, 'earlier revision')} kept loaded for a rollback.",
    )  # fmt: skip


def origin_section(change: Change) -> Iterator[Section]:
    """Every revision that comes in: folded where it was there before and is only served now."""
    bullets = [
        Bullet(Code(str(key)), tuple(_origin(change, located.document, located.path)))
        for key in revisions_told(change)
        if (located := change.head.snapshot.revisions.get(key))
    ]
    if bullets:
        yield Section("What comes with it", (Bullets(tuple(bullets)),), folded=bool(change.pointer_paths))


def _origin(change: Change, revision: AdapterRevision, path: str) -> Iterator[Line]:
    files = plural(len(revision.artifact.files), "file")
    artifact = revision.artifact
    yield ("Bytes: ", Code(str(artifact.digest)), f", {files}, {size(artifact.size)}, at ", Code(artifact.uri), ".")
    yield (*_maker(revision), " Manifest: ", Code(path), ".")
    for dataset in revision.datasets[:SHOWN]:
        yield _dataset(change, dataset)
    if len(revision.datasets) > SHOWN:
        yield f"{len(revision.datasets) - SHOWN} more datasets are in the manifest."
    if not revision.datasets:
        yield "Learned from: the manifest names no dataset."
    yield _lineage(revision)
    yield _risk(change, revision)
    notes, licence = revision.release_notes, revision.license
    yield ("Licence of the adapter: ", Code(licence), ".") if licence else "Licence of the adapter: not stated."
    yield ("Release notes: ", Code(notes), ".") if notes else "Release notes: none."


def _maker(revision: AdapterRevision) -> tuple[Part, ...]:
    made = revision.provenance
    parts: list[Part] = ["Made by ", Code(made.builder)]
    parts += [", recipe ", Code(made.recipe.path)] if made.recipe else [", without a recipe"]
    if made.source:
        parts += [", source ", Code(made.source.repository), " at ", Code(made.source.commit)]
    else:
        parts.append(", source commit not stated")
    seeds = ", ".join(str(seed) for seed in made.seeds[:10])
    parts.append(f", seeds {seeds}." if seeds else ", no seeds.")
    return tuple(parts)


def _dataset(change: Change, dataset: Dataset) -> Line:
    expiry = "no expiry stated"
    if dataset.expires:
        expiry = f"{'expired' if change.now.date() > dataset.expires else 'expires'} {dataset.expires}"
    days = f"{dataset.window.first} to {dataset.window.last}" if dataset.window else "days not stated"
    return ("Learned from ", Code(dataset.name), f": {days}; licence ", Code(dataset.license), f"; {expiry}.")


def _lineage(revision: AdapterRevision) -> Line:
    previous, anchor = revision.lineage.previous, revision.lineage.anchor
    came = ("Came after ", Code(f"{revision.adapter}@{previous}")) if previous else ("Came after no other revision",)
    ratified = (Code(f"{revision.adapter}@{anchor}"),) if anchor else ("not stated",)
    return (*came, "; last revision that people ratified end to end: ", *ratified, ".")


def _risk(change: Change, revision: AdapterRevision) -> Line:
    bias, incidents = revision.risk.bias, revision.risk.incidents
    assessed: tuple[Part, ...] = ("not assessed",)
    if bias:
        assessed = (Strong(bias.verdict), " (", Code(bias.assessment), ")")
    known = (f"; {plural(len(incidents), 'incident')} recorded",) if incidents else ()
    return (f"Risk tier {risk_tier(change, revision.adapter)}; bias ", *assessed, *known, ".")


def risk_tier(change: Change, adapter: str) -> Tier:
    """The tier by which evidence is asked for: as the trusted side says; an unknown risk is the highest."""
    located = change.base.adapters.get(adapter) or change.head.snapshot.adapters.get(adapter)
    return located.document.risk.tier if located else "high"
