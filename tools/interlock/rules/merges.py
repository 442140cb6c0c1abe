"""Merges: an adapter that was merged into a base is a base, with a record of what was merged and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.documents import layout
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "merges"
_WHOLE_MODEL = re.compile(
    r"(model|pytorch_model|consolidated)([-.]\d{1,6}(-of-\d{1,6})?)?\.(safetensors|bin|pth|gguf)"
    r"|(model|pytorch_model)\.(safetensors|bin)\.index\.json"
)
"""Names under which whole models are saved."""


def merge_without_record(facts: Facts) -> Iterator[Finding]:
    """A merged base does not say what was merged into what, and for which measured reason."""
    for located in _merged(facts):
        pedigree = located.document.pedigree
        absent = [field for field in ("base", "adapter", "trigger") if getattr(pedigree, field) is None]
        if absent:
            yield Finding(
                "merge-without-record",
                located.place("pedigree"),
                f"{_name(located)} is a merge and does not say its {' and '.join(absent)}",
                "pedigree with base, adapter and trigger (metric, threshold, observed, decided_by)",
                f"register the merged weights under a new revision with {', '.join(f'pedigree.{a}' for a in absent)}",
            )


def _merged(facts: Facts) -> Iterator[Located[BaseRevision]]:
    return (located for located in facts.known_bases.values() if located.document.pedigree.kind == "merge")


def _name(located: Located[BaseRevision]) -> str:
    return f"base {located.document.name} {located.document.revision}"


def merge_not_justified(facts: Facts) -> Iterator[Finding]:
    """The measured value does not reach the threshold that was to justify the merge."""
    for located in _merged(facts):
        trigger = located.document.pedigree.trigger
        if trigger and trigger.observed < trigger.threshold:
            yield Finding(
                "merge-not-justified",
                located.place("pedigree", "trigger", "observed"),
                f"{_name(located)} was merged because of {trigger.metric}, which was {trigger.observed:g}",
                f"at least {trigger.threshold:g}, its own threshold",
                "serve the adapter beside the base, and merge when the threshold is reached",
            )


def merged_adapter_missing(facts: Facts) -> Iterator[Finding]:
    """The adapter revision that was merged is not in the tree."""
    for located in _merged(facts):
        adapter = located.document.pedigree.adapter
        path = layout.revision_path(adapter.name, adapter.revision) if adapter else ""
        if adapter and not facts.written(path):
            yield Finding(
                "merged-adapter-missing",
                located.place("pedigree", "adapter"),
                f"{_name(located)} contains {adapter.name}@{adapter.revision}, which is not in this repository",
                f"{path} exists",
                remedies.register_on_another_base(adapter.name),
            )


def whole_model_as_adapter(facts: Facts) -> Iterator[Finding]:
    """Merged weights stand as an adapter: an engine would load them on top of a base that they already contain."""
    for key, located in facts.revisions.items():
        files = located.document.artifact.files
        whole = [index for index, file in enumerate(files) if _WHOLE_MODEL.fullmatch(file.path)]
        if whole:
            yield Finding(
                "whole-model-as-adapter",
                located.place("artifact", "files", whole[0], "path"),
                f"{key} holds the weights of a whole model: {listed([files[index].path for index in whole])}",
                "an adapter: adapter_model.safetensors and adapter_config.json",
                f"{remedies.register_base('NAME', 'REVISION')}, and serve it through an environment of that base",
            )


RULES = (
    Rule(
        "merge-without-record",
        "A merged base without a record of the merge",
        "A merge cannot be undone adapter by adapter. Who wants to know later what is in these weights, and why, finds"
        " nothing.",
        "Register it with base, adapter and trigger.",
        FAMILY,
        merge_without_record,
    ),
    Rule(
        "merge-not-justified",
        "The measured reason for a merge does not reach its threshold",
        "A merge gives up the rollback in a second and a place for every other adapter; it needs the agreed reason.",
        "Serve the adapter unmerged until the threshold is reached.",
        FAMILY,
        merge_not_justified,
    ),
    Rule(
        "merged-adapter-missing",
        "The adapter that was merged is not in the repository",
        "Its data, licence and risks are those of the merged weights too, and nobody can look them up.",
        "Register the adapter revision that was merged.",
        FAMILY,
        merged_adapter_missing,
    ),
    Rule(
        "whole-model-as-adapter",
        "Merged weights are registered as an adapter",
        "Merged weights pass the gates of a base: they change every answer, also those of other adapters. As an adapter"
        " they either do not load or are read for something that they are not.",
        "Register them as a base revision.",
        FAMILY,
        whole_model_as_adapter,
    ),
)
