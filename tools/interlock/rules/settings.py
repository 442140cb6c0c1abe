"""Settings: the manifest, `adapter_config.json` and the tensors agree on how the adapter is applied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interlock.artifacts.adapter_config import FILE_NAME, AdapterConfig
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.positions import Place
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules import remedies
from interlock.rules.facts import ArtifactFacts, Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "settings"
COMPARED = (
    "peft_type",
    "r",
    "lora_alpha",
    "use_rslora",
    "use_dora",
    "bias",
    "modules_to_save",
    "target_modules",
    "rank_pattern",
    "alpha_pattern",
)
SAFETENSORS_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class _Configured:
    """A revision whose `adapter_config.json` was read."""

    key: RevisionId
    located: Located[AdapterRevision]
    config: AdapterConfig
    known: ArtifactFacts

    def register_again(self) -> str:
        """The command that makes a new revision of corrected bytes."""
        return remedies.register_again(self.located.document)

    def config_place(self) -> Place:
        """Where the manifest lists `adapter_config.json`."""
        return file_place(self.located, FILE_NAME)


def file_place(located: Located[AdapterRevision], name: str) -> Place:
    """Where a manifest lists a file of the artifact, or its list of files."""
    for index, file in enumerate(located.document.artifact.files):
        if file.path == name:
            return located.place("artifact", "files", index, "path")
    return located.place("artifact", "files")


def _configured(facts: Facts) -> Iterator[_Configured]:
    for key, located in facts.revisions.items():
        known = facts.artifacts.get(key)
        if known and known.config:
            yield _Configured(key, located, known.config, known)


def settings_mismatch(facts: Facts) -> Iterator[Finding]:
    """The manifest says one thing and the file that the engine reads another."""
    for adapter in _configured(facts):
        for field in COMPARED:
            promised, actual = getattr(adapter.located.document.peft, field), getattr(adapter.config, field)
            if promised != actual and _comparable(promised) != _comparable(actual):
                yield Finding(
                    "settings-mismatch",
                    adapter.located.place("peft", field),
                    f"peft.{field} of {adapter.key} is {_shown(promised)}, {FILE_NAME} says {_shown(actual)}",
                    f"{_shown(actual)}, which is what engines read",
                    adapter.register_again(),
                )


def _comparable(value: Any) -> Any:
    """PEFT writes lists of modules in any order, and nothing, an empty list and an empty mapping mean the same."""
    if isinstance(value, (tuple, list)):
        return sorted(set(value)) or None
    return (dict(value) if hasattr(value, "items") else value) or (value if value is False else None)


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return listed(sorted(value), limit=8) or "an empty list"
    return "absent" if value is None or value == {} else f"{value}"[:200]


def rank_mismatch(facts: Facts) -> Iterator[Finding]:
    """The tensors have another rank than the settings: engines scale the adapter wrongly, or fail."""
    for adapter in _configured(facts):
        pairs = adapter.known.pairs.pairs if adapter.known.pairs else {}
        ranks = {module: (pair.rank, adapter.config.rank_of(module)) for module, pair in pairs.items()}
        wrong = {module: both for module, both in ranks.items() if both[1] is not None and both[0] != both[1]}
        if wrong:
            module, (actual, promised) = min(wrong.items())
            yield Finding(
                "rank-mismatch",
                adapter.located.place("peft", "r"),
                f"the tensors of {module} in {adapter.key} have rank {actual}{_others(wrong)}",
                f"rank {promised}, as {FILE_NAME} says",
                f"{remedies.inspect(adapter.key)}, and save the adapter again with its own settings",
            )
        if any(promised is None for _, promised in ranks.values()):
            yield _unreadable_pattern(adapter)


def _unreadable_pattern(adapter: _Configured) -> Finding:
    keys = listed(sorted(adapter.config.rank_pattern), limit=3)
    return Finding(
        "rank-mismatch",
        adapter.located.place("peft", "rank_pattern"),
        f"whether the tensors of {adapter.key} have the promised ranks could not be judged: rank_pattern has the keys"
        f" {keys}",
        "plain module names: a regular expression from a file could run for ever",
        f"write the modules out in rank_pattern, then {adapter.register_again()}",
        evaluated=False,
    )


def _others(found: dict[str, Any]) -> str:
    return f" (and {len(found) - 1} more modules)" if len(found) > 1 else ""


def target_modules_mismatch(facts: Facts) -> Iterator[Finding]:
    """There are tensors for a module that is no target: PEFT drops them silently, vLLM applies them."""
    for adapter in _configured(facts):
        targets = adapter.config.target_modules
        if not isinstance(targets, tuple) or adapter.config.target_parameters or not adapter.known.pairs:
            continue
        surplus = sorted(module for module in adapter.known.pairs.pairs if not _is_target(module, targets))
        if surplus:
            yield Finding(
                "target-modules-mismatch",
                adapter.located.place("peft", "target_modules"),
                f"{adapter.key} has tensors for {listed(surplus)}, which target_modules does not name",
                f"tensors for {listed(sorted(targets), limit=8)} only: engines disagree about the others",
                f"save the adapter again with its own settings, then {adapter.register_again()}",
            )


def _is_target(module: str, targets: tuple[str, ...]) -> bool:
    if module.rpartition(".")[2] in targets:
        return True
    return any(module == target or module.endswith(f".{target}") for target in targets)


def dtype_mismatch(facts: Facts) -> Iterator[Finding]:
    """The tensors are of another type than the manifest says."""
    for key, located in facts.revisions.items():
        known, promised = facts.artifacts.get(key), located.document.peft.dtype
        dtypes = {tensor.dtype for tensor in known.table.tensors.values()} if known and known.table else set()
        if dtypes - {SAFETENSORS_DTYPES[promised]}:
            yield Finding(
                "dtype-mismatch",
                located.place("peft", "dtype"),
                f"peft.dtype of {key} is {promised}, its tensors are {listed(sorted(dtypes))}",
                f"tensors of one type, {SAFETENSORS_DTYPES[promised]} for {promised}",
                remedies.register_again(located.document),
            )


def unknown_setting(facts: Facts) -> Iterator[Finding]:
    """A key that PEFT does not know: it is dropped with a warning, and with it whatever it was meant to do."""
    for adapter in _configured(facts):
        if adapter.config.unknown_keys:
            yield Finding(
                "unknown-setting",
                adapter.config_place(),
                f"{FILE_NAME} of {adapter.key} has keys that no engine reads: {listed(adapter.config.unknown_keys)}",
                "the keys of PEFT's LoraConfig (version 0.21) only",
                "remove or correct them, compare the answers, then " + adapter.register_again(),
            )


def base_unpinned(facts: Facts) -> Iterator[Finding]:
    """`adapter_config.json` names a base that can change under it."""
    for adapter in _configured(facts):
        reference = adapter.located.document.base
        base = facts.snapshot.bases.get((reference.name, reference.revision))
        source = base.document.source if base else None
        pinned = {reference.revision, source.commit} if source else {reference.revision}
        revision = adapter.config.revision
        if revision is None and source and source.repository:
            yield _unpinned(adapter, "names no revision of its base", Severity.WARNING)
        elif revision is not None and revision not in pinned and not _COMMIT.fullmatch(revision):
            yield _unpinned(adapter, f"names the base revision {revision!r}, which can move", Severity.ERROR)


def base_commit_mismatch(facts: Facts) -> Iterator[Finding]:
    """`adapter_config.json` names another commit of the base than the manifest of that base."""
    for adapter in _configured(facts):
        reference, revision = adapter.located.document.base, adapter.config.revision
        base = facts.snapshot.bases.get((reference.name, reference.revision))
        commit = base.document.source.commit if base else None
        if commit and revision and _COMMIT.fullmatch(revision) and revision != commit:
            yield Finding(
                "base-commit-mismatch",
                adapter.located.place("base", "revision"),
                f"{adapter.key} was trained on commit {revision} of its base",
                f"commit {commit}, which is {reference.name} {reference.revision}",
                "register the base at that commit and name it here, or train on the registered one",
            )


def _unpinned(adapter: _Configured, found: str, severity: Severity) -> Finding:
    reference = adapter.located.document.base
    return Finding(
        "base-unpinned",
        adapter.config_place(),
        f"{FILE_NAME} of {adapter.key} {found}",
        f"a full commit id, or {reference.revision} as in bases/{reference.name}/{reference.revision}.yaml",
        "set revision in LoraConfig when training (PEFT leaves it empty), then " + adapter.register_again(),
        severity=severity,
    )


_STORY = "What was reviewed is not what the engine applies: the adapter is scaled or attached differently."

RULES = (
    Rule(
        "settings-mismatch",
        "The manifest and adapter_config.json disagree",
        _STORY,
        "Register the directory again instead of editing either.",
        FAMILY,
        settings_mismatch,
    ),
    Rule(
        "rank-mismatch",
        "The tensors have another rank than the settings say",
        _STORY,
        "Save the adapter again with the settings that it was trained with.",
        FAMILY,
        rank_mismatch,
    ),
    Rule(
        "target-modules-mismatch",
        "There are tensors for modules that are no target",
        "PEFT drops such tensors silently, vLLM applies them: one adapter, two behaviours.",
        "Save the adapter again with the settings that it was trained with.",
        FAMILY,
        target_modules_mismatch,
    ),
    Rule(
        "dtype-mismatch",
        "The tensors are of another type than the manifest says",
        _STORY,
        "Register the directory again.",
        FAMILY,
        dtype_mismatch,
    ),
    Rule(
        "unknown-setting",
        "A setting that PEFT does not know",
        "PEFT drops it with a warning that nobody reads in production; a misspelt use_rslora silently rescales.",
        "Remove or correct the key and register the directory.",
        FAMILY,
        unknown_setting,
    ),
    Rule(
        "base-unpinned",
        "The adapter names a base that can move",
        "A branch such as main means other weights next month; the adapter then fits by name and not by behaviour.",
        "Train with `revision` set to a commit.",
        FAMILY,
        base_unpinned,
    ),
    Rule(
        "base-commit-mismatch",
        "The adapter was trained on another commit of its base",
        "Shapes fit and answers drift: nothing else would notice.",
        "Register the base at the commit that the adapter was trained on.",
        FAMILY,
        base_commit_mismatch,
    ),
)
