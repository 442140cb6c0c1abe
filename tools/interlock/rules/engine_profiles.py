"""What each kind of engine refuses or silently ignores in an adapter, as data for `engine_limits`.

Read in the source of vLLM 0.32 (`vllm/lora/peft_helper.py`, `vllm/lora/utils.py`, `vllm/config/lora.py`) and of PEFT
0.21, and partly measured: docs/engines.md says which. An engine without a profile here is not assumed to serve
anything but plain LoRA.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Settings = Mapping[str, Any]
"""The keys of `adapter_config.json`, or those of a manifest's `peft` section where the bytes are out of reach."""

CLASSIFIER_HEADS = frozenset({"classifier", "score"})


@dataclass(frozen=True, slots=True)
class Feature:
    """One way in which an adapter goes beyond plain LoRA. `present` decides, `why` says what an engine does with it."""

    setting: str
    title: str
    present: Callable[[Settings], bool]
    why: str


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """One kind of engine. `ranks` are the values its rank limit may take, None where any is fine.

    `ignores` holds, for each feature that some version silently ignores, the first version (major, minor) seen to
    apply it, or None where none does. `embeddings` says whether factors of an embedding are applied.
    """

    refuses: tuple[Feature, ...]
    ignores: Mapping[Feature, tuple[int, int] | None]
    ranks: frozenset[int] | None = None
    embeddings: bool = True


def _set(setting: str) -> Callable[[Settings], bool]:
    return lambda settings: bool(settings.get(setting))


def _starts_otherwise(than: frozenset[str]) -> Callable[[Settings], bool]:
    def present(settings: Settings) -> bool:
        value = settings.get("init_lora_weights", True)
        return isinstance(value, str) and value.lower() not in than

    return present


def _saves_other_modules(settings: Settings) -> bool:
    return bool(set(settings.get("modules_to_save") or ()) - CLASSIFIER_HEADS)


_CHANGED_BASE = (
    "it may change the base's weights, and the served base has its own; convert the adapter to plain LoRA with PEFT's"
    " path_initial_model_for_weight_conversion"
)

DORA = Feature("use_dora", "DoRA", _set("use_dora"), "the magnitude vectors are not implemented")
SAVED_MODULES = Feature(
    "modules_to_save", "whole modules", _saves_other_modules, "only a classifier or score head can be replaced"
)
ANY_SAVED_MODULES = Feature(
    "modules_to_save", "whole modules", _set("modules_to_save"), "only the factors of a LoRA are applied"
)
BIAS = Feature("bias", "biases", lambda s: s.get("bias", "none") != "none", "the base's own biases would change")
LORA_BIAS = Feature("lora_bias", "a bias beside B", _set("lora_bias"), "it is not implemented")
OTHER_START = Feature(
    "init_lora_weights",
    "an initialisation such as PiSSA, OLoRA, CorDA or LoftQ",
    _starts_otherwise(frozenset({"gaussian", "eva", "orthogonal", "mica", "lora_ga"})),
    _CHANGED_BASE,
)
ANY_OTHER_START = Feature(
    "init_lora_weights", "another initialisation", _starts_otherwise(frozenset({"gaussian"})), _CHANGED_BASE
)
ALORA = Feature(
    "alora_invocation_tokens", "Activated LoRA", _set("alora_invocation_tokens"), "it acts on a part of the prompt"
)
LAYER_REPLICATION = Feature(
    "layer_replication", "replicated layers", _set("layer_replication"), "the base would need more layers"
)
BD_LORA = Feature("use_bdlora", "BD-LoRA", _set("use_bdlora"), "block-diagonal factors are not implemented")
QALORA = Feature("use_qalora", "QALoRA", _set("use_qalora"), "pooled inputs are not implemented")
TRAINED_TOKENS = Feature(
    "trainable_token_indices",
    "retrained tokens",
    _set("trainable_token_indices"),
    "changed embeddings of single tokens are not implemented",
)
KASA = Feature("kasa_config", "KaSA", _set("kasa_config"), "it truncates the base's own weights")
ARROW = Feature("arrow_config", "Arrow routing", _set("arrow_config"), "the router is left out")
MONTECLORA = Feature("monteclora_config", "MonteCLoRA", _set("monteclora_config"), "the sampling is left out")
EXPERT_PARAMETERS = Feature(
    "target_parameters", "targets that are parameters", _set("target_parameters"), "only linear modules are changed"
)
MEGATRON = Feature("megatron_config", "Megatron layers", _set("megatron_config"), "they are not implemented")
ALPHA_PATTERN = Feature(
    "alpha_pattern", "alpha_pattern", _set("alpha_pattern"), "every module is scaled with lora_alpha instead"
)
RANK_PATTERN = Feature(
    "rank_pattern", "rank_pattern", _set("rank_pattern"), "every module is scaled as if its rank were r"
)

_REFUSED = (DORA, BIAS, LORA_BIAS, ALORA, LAYER_REPLICATION, BD_LORA, QALORA, TRAINED_TOKENS, KASA)
_PARTLY = (ARROW, MONTECLORA)

PROFILES: Mapping[str, EngineProfile] = {
    "vllm": EngineProfile(
        refuses=(*_REFUSED, SAVED_MODULES, OTHER_START),
        ignores={ARROW: None, MONTECLORA: None, ALPHA_PATTERN: (0, 32), RANK_PATTERN: (0, 32)},
        ranks=frozenset({1, 8, 16, 32, 64, 128, 256, 320, 512}),
    ),
    "embedded": EngineProfile(
        refuses=(*_REFUSED, *_PARTLY, ANY_SAVED_MODULES, ANY_OTHER_START, EXPERT_PARAMETERS, MEGATRON),
        ignores={},
        embeddings=False,
    ),
}
BEYOND_PLAIN = (
    *(*_REFUSED, *_PARTLY, ANY_SAVED_MODULES, ANY_OTHER_START, EXPERT_PARAMETERS, MEGATRON),
    *(ALPHA_PATTERN, RANK_PATTERN),
)
"""Everything that an engine without a profile is not known to serve."""

_LOWER_BOUND = re.compile(r"^\s*(?:>=|==|~=|>)\s*v?(\d{1,6})(?:\.(\d{1,6}))?")


def oldest_version(specifier: str) -> tuple[int, int]:
    """The oldest (major, minor) that a version range such as `>=0.28,<0.40` allows; (0, 0) where it has no bound."""
    bounds = [_LOWER_BOUND.match(part) for part in specifier.split(",")]
    found = [(int(match[1]), int(match[2] or 0)) for match in bounds if match]
    return max(found, default=(0, 0))
