"""`adapter_config.json`, read strictly against the keys that PEFT 0.21 knows.

Called by the checker and by register. PEFT drops keys that it does not know with a warning, so a misspelt `use_rslora`
silently rescales an adapter: such keys are reported here, in `unknown_keys`, and judged by a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from interlock.artifacts.strict_json import read_object
from interlock.errors import ArtifactCorrupt

MAX_BYTES = 1 << 20
FILE_NAME = "adapter_config.json"

_PEFT_FIELDS = """
    alora_invocation_tokens alpha_pattern arrow_config auto_mapping base_model_name_or_path bias corda_config
    ensure_weight_tying eva_config exclude_modules fan_in_fan_out inference_mode init_lora_weights kasa_config
    layer_replication layers_pattern layers_to_transform loftq_config lora_alpha lora_bias lora_dropout lora_ga_config
    megatron_config megatron_core modules_to_save monteclora_config peft_type peft_version qalora_group_size r
    rank_pattern revision runtime_config target_modules target_parameters task_type trainable_token_indices use_bdlora
    use_dora use_qalora use_rslora velora_config
"""
KNOWN_KEYS = frozenset(_PEFT_FIELDS.split())
"""Every field of `peft.LoraConfig` in PEFT 0.21."""

_LARGEST = 1e300
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """The settings that decide what an adapter does, under PEFT's own names; keys that are absent have PEFT's default.

    `raw` is the whole object, `unknown_keys` what PEFT 0.21 would drop.
    """

    peft_type: str
    r: int
    lora_alpha: float
    target_modules: tuple[str, ...] | str | None
    use_rslora: bool
    use_dora: bool
    bias: str
    modules_to_save: tuple[str, ...] | None
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    base_model_name_or_path: str | None
    revision: str | None
    init_lora_weights: bool | str
    layer_replication: tuple[Any, ...] | None
    lora_bias: bool
    trainable_token_indices: tuple[int, ...] | Mapping[str, Any] | None
    alora_invocation_tokens: tuple[int, ...] | None
    use_qalora: bool
    use_bdlora: Mapping[str, Any] | bool | None
    fan_in_fan_out: bool
    target_parameters: tuple[str, ...] | None
    arrow_config: Mapping[str, Any] | None
    kasa_config: Mapping[str, Any] | None
    monteclora_config: Mapping[str, Any] | None
    velora_config: Mapping[str, Any] | None
    unknown_keys: tuple[str, ...]
    raw: Mapping[str, Any]

    @property
    def max_rank(self) -> int:
        """The largest rank of any module, as engines count it: `r` or a value of `rank_pattern`."""
        return max(self.r, *self.rank_pattern.values(), 0)

    def rank_of(self, module: str) -> int | None:
        """The rank that these settings give a module (`model.layers.0.self_attn.q_proj`).

        None where a key of `rank_pattern` is a regular expression beyond a plain name: it comes from the file, and
        running it could take for ever.
        """
        for pattern, rank in self.rank_pattern.items():
            matches = _names(pattern, module)
            if matches is None:
                return None
            if matches:
                return rank
        return self.r


_PLAIN_PATTERN = re.compile(r"(\^?)([A-Za-z0-9_-]+(?:\\?\.[A-Za-z0-9_-]+)*)(\$?)")


def _names(pattern: str, module: str) -> bool | None:
    """PEFT's rule: a key matches the end of a module's name, from a dot on. None when `pattern` is no plain name."""
    plain = _PLAIN_PATTERN.fullmatch(pattern)
    if not plain:
        return None
    name = plain[2].replace("\\.", ".")
    return module == name or (not plain[1] and module.endswith(f".{name}"))


def read_adapter_config(data: bytes) -> AdapterConfig:
    """Read the bytes of an `adapter_config.json`.

    Raises:
        ArtifactCorrupt: more than 1 MiB, not a JSON object, a repeated key, a value of the wrong type, or a LoRA
            without `r`, `lora_alpha` or `target_modules`.
    """
    if len(data) > MAX_BYTES:
        raise _refused(f"it has {len(data)} bytes or more", f"at most {MAX_BYTES} bytes")
    raw = read_object(data, FILE_NAME)
    read = _Reader(raw)
    peft_type = read.required("peft_type", _text)
    if peft_type == "LORA":
        for key in ("r", "lora_alpha", "target_modules"):
            read.present(key)
    init = read.optional("init_lora_weights", _boolean_or_text)
    return AdapterConfig(
        peft_type=peft_type,
        r=read.value("r", _positive, 8),
        lora_alpha=read.value("lora_alpha", _number, 8.0),
        target_modules=read.optional("target_modules", _names_or_pattern),
        use_rslora=read.value("use_rslora", _boolean, False),
        use_dora=read.value("use_dora", _boolean, False),
        bias=read.value("bias", _text, "none"),
        modules_to_save=read.optional("modules_to_save", _texts),
        rank_pattern=read.optional("rank_pattern", _mapping_of(_positive)) or {},
        alpha_pattern=read.optional("alpha_pattern", _mapping_of(_number)) or {},
        base_model_name_or_path=read.optional("base_model_name_or_path", _text),
        revision=read.optional("revision", _text),
        init_lora_weights=True if init is None else init,
        layer_replication=read.optional("layer_replication", _list),
        lora_bias=read.value("lora_bias", _boolean, False),
        trainable_token_indices=read.optional("trainable_token_indices", _indices),
        alora_invocation_tokens=read.optional("alora_invocation_tokens", _whole_numbers),
        use_qalora=read.value("use_qalora", _boolean, False),
        use_bdlora=read.optional("use_bdlora", _boolean_or_object),
        fan_in_fan_out=read.value("fan_in_fan_out", _boolean, False),
        target_parameters=read.optional("target_parameters", _texts),
        arrow_config=read.optional("arrow_config", _object),
        kasa_config=read.optional("kasa_config", _object),
        monteclora_config=read.optional("monteclora_config", _object),
        velora_config=read.optional("velora_config", _object),
        unknown_keys=tuple(sorted(raw.keys() - KNOWN_KEYS)),
        raw=raw,
    )


class _Reader:
    """Takes values out of the object, each through a function that raises ValueError naming what it expects."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    def present(self, key: str) -> None:
        if key not in self._raw:
            raise _refused(f"it has no {key}", f"the key {key}, which PEFT always writes")

    def required(self, key: str, read: Callable[[Any], T]) -> T:
        self.present(key)
        return self._read(key, read)

    def value(self, key: str, read: Callable[[Any], T], default: T) -> T:
        return self._read(key, read) if key in self._raw else default

    def optional(self, key: str, read: Callable[[Any], T]) -> T | None:
        return None if self._raw.get(key) is None else self._read(key, read)

    def _read(self, key: str, read: Callable[[Any], T]) -> T:
        try:
            return read(self._raw[key])
        except ValueError as error:
            shown = repr(self._raw[key])
            raise _refused(f"{key} is {shown[:80]}", f"{key} to be {error}") from error


def _refused(why: str, expected: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{FILE_NAME} cannot be read: {why}",
        expected=expected,
        remedy="save the adapter again with PEFT, or copy the file again from where it was trained",
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _boolean_or_text(value: Any) -> bool | str:
    if not isinstance(value, bool | str):
        raise ValueError("true, false or the name of a method")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("a whole number")
    return value


def _positive(value: Any) -> int:
    if _whole(value) < 1:
        raise ValueError("a whole number above 0")
    return int(value)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < _LARGEST:  # false for NaN too
        raise ValueError("a finite number")
    return float(value)


def _list(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError("a list")
    return tuple(value)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


def _boolean_or_object(value: Any) -> Mapping[str, Any] | bool:
    return value if isinstance(value, bool) else _object(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _whole_numbers(value: Any) -> tuple[int, ...]:
    return tuple(_whole(item) for item in _list(value))


def _names_or_pattern(value: Any) -> tuple[str, ...] | str:
    return value if isinstance(value, str) else _texts(value)


def _indices(value: Any) -> tuple[int, ...] | Mapping[str, Any]:
    return value if isinstance(value, dict) else _whole_numbers(value)


def _mapping_of(read: Callable[[Any], T]) -> Callable[[Any], dict[str, T]]:
    return lambda value: {key: read(item) for key, item in _object(value).items()}
