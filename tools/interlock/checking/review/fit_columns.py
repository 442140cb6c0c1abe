"""The columns of the compatibility table: which rules speak in which, and the figure that is shown beside the mark.

A new rule finds its column by its family; only where that is too coarse is it named here.
"""

from __future__ import annotations

from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.rules.capacity import places_taken
from interlock.rules.catalogue import catalogue, families
from interlock.rules.facts import ArtifactFacts, Facts

Column = str

BASE, RANK, DTYPE, MODULES = "Base", "Rank", "Dtype", "Modules"
TENSORS, QUANTIZATION, BYTES, ENGINE = "Tensors", "Quantization", "Bytes", "Engine"
CAPACITY = "Capacity"
COLUMNS: tuple[Column, ...] = (RANK, CAPACITY, BASE, MODULES, TENSORS, DTYPE, QUANTIZATION, BYTES, ENGINE)
EVERYWHERE = frozenset({BASE, DTYPE, MODULES, TENSORS, QUANTIZATION, BYTES})
"""Columns that can be judged for a revision that no environment names yet."""

_BY_RULE: dict[str, tuple[Column, ...]] = {
    "rank-over-limit": (RANK,),
    "rank-limit-not-allowed": (RANK,),
    "rank-mismatch": (RANK,),
    "dtype-mismatch": (DTYPE,),
    "target-modules-mismatch": (MODULES,),
    "module-not-in-base": (MODULES,),
    "undeclared-module": (MODULES,),
    "base-shape-unknown": (MODULES, TENSORS),
    "unclear-engine-version": (ENGINE,),
    "unreadable-tensors": (TENSORS, BYTES),
}
_BY_WORD = {"quantiz": QUANTIZATION, "base": BASE, "tokenizer": BASE, "template": BASE}
_BY_FAMILY: dict[str, tuple[Column, ...]] = {
    "compatibility": (TENSORS,),
    "weights": (TENSORS,),
    "binding": (BASE,),
    "integrity": (BYTES,),
    "settings": (BYTES,),
    "engine": (ENGINE,),
    "capacity": (CAPACITY,),
}


def columns_of(rule: str) -> tuple[Column, ...]:
    """The columns in which a finding of this rule counts; none for rules that are about something else."""
    if rule in _BY_RULE:
        return _BY_RULE[rule]
    family = families().get(rule, "")
    if family in _BY_FAMILY or family == "references":
        named = next((column for word, column in _BY_WORD.items() if word in rule), None)
        return (named,) if named else _BY_FAMILY.get(family, ())
    return ()


def value_of(facts: Facts, key: RevisionId, environment: str, column: Column) -> str | None:
    """What a cell shows; None where what the column is about could not be read, so that nothing was judged."""
    located, env = facts.snapshot.revisions.get(key), facts.snapshot.environments.get(environment)
    if located is None or (environment and (env is None or not facts.in_scope(environment))):
        return None
    reference = located.document.base
    base = facts.snapshot.bases.get((reference.name, reference.revision))
    if column == QUANTIZATION:
        return _quantization(base.document if base else None)
    known = facts.artifacts.get(key, ArtifactFacts())
    if column == BASE:
        return "" if base and known.config else None
    if column in (CAPACITY, RANK, ENGINE):
        return _in_environment(facts, key, environment, column) if environment else None
    if column == DTYPE:
        return located.document.peft.dtype if known.pairs else None
    if column == BYTES:
        return "" if known.files and known.config else None
    return _against_base(known, column) if base else None


def _quantization(base: BaseRevision | None) -> str | None:
    if base is None:
        return None
    if base.quantization is None:
        return "none"
    judged = any(QUANTIZATION in columns_of(rule) for rule in catalogue())
    return base.quantization.method if judged else None


def _against_base(known: ArtifactFacts, column: Column) -> str | None:
    if known.pairs is None or (column == MODULES and known.config is None):
        return None
    if column == TENSORS:
        return f"{len(known.pairs.pairs)} pairs"
    return str(len({module.rsplit(".", 1)[-1] for module in known.pairs.pairs}))


def _in_environment(facts: Facts, key: RevisionId, environment: str, column: Column) -> str | None:
    engine = facts.snapshot.environments[environment].document.engine
    known = facts.artifacts.get(key, ArtifactFacts())
    if column == CAPACITY:
        batch, loaded = places_taken(facts, facts.snapshot.environments[environment].document)
        return f"{batch} of {engine.max_loras}, {loaded} of {engine.cpu_slots}"
    if known.pairs is None or known.config is None:
        return None
    return f"{known.pairs.max_rank} of {engine.max_lora_rank}" if column == RANK else engine.kind
