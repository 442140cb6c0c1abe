"""Compatibility: the adapter attaches to the base that serves it, module by module and shape by shape.

Engines do not look: vLLM takes an adapter whose tensors belong to another base and answers with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interlock.artifacts.base_modules import Shape, modules_from_config, modules_of
from interlock.artifacts.lora_tensors import LoraPair, LoraPairs, TensorProblem
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.positions import Place
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules import remedies
from interlock.rules.engine_profiles import CLASSIFIER_HEADS
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.settings import file_place
from interlock.rules.wording import listed

FAMILY = "compatibility"
TENSORS = "adapter_model.safetensors"
MAX_LAYERS = 1_000
"""Layers of the largest base that is judged; a manifest could claim a number that would fill the memory."""


@dataclass(frozen=True, slots=True)
class _Attached:
    """An adapter whose tensors were read, with the base that it says it belongs to (None where that is not here)."""

    key: RevisionId
    located: Located[AdapterRevision]
    pairs: LoraPairs
    base: BaseRevision | None
    modules: Mapping[str, Shape] | None
    severity: Severity

    @property
    def base_name(self) -> str:
        """The base as a person calls it."""
        reference = self.located.document.base
        return f"{reference.name} {reference.revision}"

    def place(self) -> Place:
        """Where the manifest lists the tensors."""
        return file_place(self.located, TENSORS)


def _attached(facts: Facts) -> tuple[_Attached, ...]:
    return facts.once("attached", lambda facts: tuple(_with_bases(facts)))


def _with_bases(facts: Facts) -> Iterator[_Attached]:
    shapes = {key: _shapes(located.document) for key, located in facts.snapshot.bases.items()}
    for key, located in facts.revisions.items():
        known, reference = facts.artifacts.get(key), located.document.base
        if known and known.pairs:
            base = facts.snapshot.bases.get((reference.name, reference.revision))
            modules = shapes.get((reference.name, reference.revision))
            yield _Attached(key, located, known.pairs, base.document if base else None, modules, facts.weight_of(key))


def _shapes(base: BaseRevision) -> Mapping[str, Shape] | None:
    """The modules of a base; its config adds those of which quantized weights do not show the shape."""
    if max(base.config.num_hidden_layers, *(module.layers or 0 for module in base.modules), 0) > MAX_LAYERS:
        return None
    listed_modules = modules_of(base)
    if base.quantization and listed_modules is not None:
        return {**(modules_from_config(base.config) or {}), **listed_modules}
    return listed_modules


def base_mismatch(facts: Facts) -> Iterator[Finding]:
    """An environment would serve an adapter on another base than the one that it was trained on."""
    for use in facts.uses:
        environment = facts.snapshot.environments.get(use.environment)
        revision = facts.snapshot.revisions.get(use.revision)
        if environment and revision and environment.document.base != revision.document.base.reference:
            trained, serving = revision.document.base, environment.document.base
            yield Finding(
                "base-mismatch",
                use.place,
                f"{use.revision} was trained on {trained.name} {trained.revision}, and {use.environment} serves"
                f" {serving.name} {serving.revision}",
                f"a revision of {use.revision.adapter} for {serving.name} {serving.revision}"
                f" ({environment.place('base')})",
                remedies.promote_another(use.revision, use.environment),
                environment=use.environment,
            )


def base_shape_unknown(facts: Facts) -> Iterator[Finding]:
    """The base's modules are not known, so nothing can be said about whether the adapter fits."""
    for adapter in _attached(facts):
        if adapter.base and adapter.modules is None:
            architecture = adapter.base.config.architecture
            yield Finding(
                "base-shape-unknown",
                adapter.located.place("base"),
                f"whether {adapter.key} fits {adapter.base_name} could not be judged: its manifest lists no modules,"
                f" and {architecture} with {adapter.base.config.num_hidden_layers} layers is not known here",
                "`modules` in the manifest of the base: names and [out, in] shapes",
                remedies.register_base(adapter.base.name, "NEW"),
                severity=adapter.severity,
                evaluated=False,
            )


def module_not_in_base(facts: Facts) -> Iterator[Finding]:
    """The adapter changes modules that its base does not have."""
    for adapter in _attached(facts):
        modules = adapter.modules
        absent = [module for module in adapter.pairs.pairs if modules is not None and module not in modules]
        if absent and adapter.base:
            certain = not adapter.base.quantization or modules_from_config(adapter.base.config) is not None
            yield Finding(
                "module-not-in-base",
                adapter.place(),
                f"{adapter.key} has weights for {listed(absent)}, which {adapter.base_name} does not have",
                "modules of its base only",
                f"{remedies.register_on_another_base(adapter.key.adapter)}, naming the base that it was trained on",
                evaluated=certain,
            )


def tensor_shape_mismatch(facts: Facts) -> Iterator[Finding]:
    """The factors do not fit the module that they belong to, or each other."""
    for adapter in _attached(facts):
        misfits = [*_wrong_shapes(adapter), *_inner_misfits(adapter.pairs)]
        if misfits:
            yield Finding(
                "tensor-shape-mismatch",
                adapter.place(),
                f"{adapter.key} does not fit {adapter.base_name}: {misfits[0]}"
                + (f" (and {len(misfits) - 1} more)" if len(misfits) > 1 else ""),
                "A as [rank, in features] and B as [out features, rank] of each module",
                f"{remedies.register_on_another_base(adapter.key.adapter)}, naming the base that it was trained on",
            )


def _wrong_shapes(adapter: _Attached) -> Iterator[str]:
    for module, pair in adapter.pairs.pairs.items():
        shape = (adapter.modules or {}).get(module)
        if shape and pair.flat and (pair.outputs, pair.inputs) != shape:
            yield (
                f"{module} takes {shape[1]} inputs and gives {shape[0]} outputs,"
                f" the adapter has {pair.inputs} and {pair.outputs}"
            )


def _inner_misfits(pairs: LoraPairs) -> Iterator[str]:
    paired = _names(pairs.pairs)
    return (f"{problem.tensor}: {problem.why}" for problem in pairs.problems if problem.tensor in paired)


def _names(pairs: Mapping[str, LoraPair]) -> set[str]:
    return {tensor.name for pair in pairs.values() for tensor in (pair.a, pair.b)}


def incomplete_pair(facts: Facts) -> Iterator[Finding]:
    """A factor without the other one: the module's change is lost or the load fails."""
    for adapter in _attached(facts):
        yield from _problems(adapter, "incomplete-pair", True, "an A and a B for every module")


def unknown_tensor(facts: Facts) -> Iterator[Finding]:
    """A tensor that is no part of a LoRA: engines refuse it or leave it out."""
    for adapter in _attached(facts):
        yield from _problems(adapter, "unknown-tensor", False, "the tensors that PEFT saves for a LoRA")


def _problems(adapter: _Attached, rule: str, of_a_factor: bool, expected: str) -> Iterator[Finding]:
    paired = _names(adapter.pairs.pairs)
    found = [p for p in adapter.pairs.problems if p.tensor not in paired and _is_factor(p) is of_a_factor]
    if found:
        yield Finding(
            rule,
            adapter.place(),
            f"{adapter.key}: {found[0].tensor}: {found[0].why}"
            + (f" (and {len(found) - 1} more tensors)" if len(found) > 1 else ""),
            expected,
            "save it again with PEFT's save_pretrained, then " + remedies.register_again(adapter.located.document),
        )


def _is_factor(problem: TensorProblem) -> bool:
    return ".lora_A." in problem.tensor or ".lora_B." in problem.tensor or ".lora_embedding_" in problem.tensor


def undeclared_module(facts: Facts) -> Iterator[Finding]:
    """Whole modules lie beside the LoRA that `modules_to_save` does not name."""
    for adapter in _attached(facts):
        declared = {*(adapter.located.document.peft.modules_to_save or ()), *CLASSIFIER_HEADS}
        surplus = sorted(module for module in adapter.pairs.saved if not _declared(module, declared))
        if surplus:
            yield Finding(
                "undeclared-module",
                adapter.place(),
                f"{adapter.key} holds whole weights of {listed(surplus)}, which modules_to_save does not name",
                "factors of a LoRA, and the modules that modules_to_save names",
                "save with save_pretrained(…, save_embedding_layers=False), then "
                + remedies.register_again(adapter.located.document),
            )


def _declared(module: str, declared: set[str]) -> bool:
    return any(module == name or module.endswith(f".{name}") for name in declared)


def no_lora_tensors(facts: Facts) -> Iterator[Finding]:
    """A tensor file without one LoRA factor."""
    for adapter in _attached(facts):
        if not adapter.pairs.pairs and not any(_is_factor(problem) for problem in adapter.pairs.problems):
            yield Finding(
                "no-lora-tensors",
                adapter.place(),
                f"{TENSORS} of {adapter.key} holds no LoRA factors",
                "tensors named base_model.model.<module>.lora_A.weight and .lora_B.weight",
                "save it with PEFT's save_pretrained, then " + remedies.register_again(adapter.located.document),
            )


_UNNOTICED = "Engines load such an adapter without complaint and answer with garbage, or as the base."

RULES = (
    Rule(
        "base-mismatch",
        "The environment serves another base",
        _UNNOTICED,
        "Promote a revision that was trained on the environment's base.",
        FAMILY,
        base_mismatch,
    ),
    Rule(
        "base-shape-unknown",
        "The modules of the base are not known",
        "Without them nobody can tell an adapter that fits from one that does not.",
        "Register the base again from its files, which lists its modules.",
        FAMILY,
        base_shape_unknown,
    ),
    Rule(
        "module-not-in-base",
        "The adapter changes modules that its base does not have",
        _UNNOTICED,
        "Name the base that the adapter was trained on.",
        FAMILY,
        module_not_in_base,
    ),
    Rule(
        "tensor-shape-mismatch",
        "The tensors do not fit the base",
        _UNNOTICED,
        "Name the base that the adapter was trained on.",
        FAMILY,
        tensor_shape_mismatch,
    ),
    Rule(
        "incomplete-pair",
        "A factor without the other one",
        "Half of a pair changes nothing, or makes the load fail on every node.",
        "Save the adapter again.",
        FAMILY,
        incomplete_pair,
    ),
    Rule(
        "unknown-tensor",
        "A tensor that is no part of a LoRA",
        "vLLM refuses the whole adapter for it, PEFT leaves it out: nobody serves what was trained.",
        "Convert to plain LoRA and save again.",
        FAMILY,
        unknown_tensor,
    ),
    Rule(
        "undeclared-module",
        "Whole modules that modules_to_save does not name",
        "Some engines refuse them, others silently keep the base's own: retrained embeddings would be lost.",
        "Save without them, or declare them.",
        FAMILY,
        undeclared_module,
    ),
    Rule(
        "no-lora-tensors",
        "No LoRA factors at all",
        "The adapter loads and answers exactly as the base.",
        "Save the adapter with PEFT and register it.",
        FAMILY,
        no_lora_tensors,
    ),
)
