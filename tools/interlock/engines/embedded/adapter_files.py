"""Reads an adapter's directory once, into memory, and refuses what the embedded engine cannot serve faithfully.

Called by adapters.py before the model is touched. Reads `adapter_config.json` and `adapter_model.safetensors` only:
pickles are never opened. Nothing on disk is used after the load, so a directory may change or go while it serves.
Raises Refusal, worded and numbered as vLLM does: 404 for a missing directory, 500 with the reason for the rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from interlock.engines.embedded.refusals import Refusal, not_found, unloadable

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
MAX_CONFIG_BYTES: Final = 1024 * 1024
PREFIX: Final = "base_model.model."
_MUST_BE_UNSET: Final = (
    "use_dora",
    "modules_to_save",
    "lora_bias",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "megatron_config",
    "monteclora_config",
)
_PLAIN_STARTS: Final = (True, False, "gaussian")


@dataclass(frozen=True, slots=True)
class AdapterContent:
    """An adapter in memory: settings that PEFT's LoraConfig takes, and tensors by name."""

    settings: Mapping[str, Any]
    tensors: Mapping[str, Any]


def read_adapter(name: str, directory: str, *, modules: Mapping[str, tuple[int, int]], max_rank: int) -> AdapterContent:
    """Read and judge the adapter in `directory` against the base's linear modules (name → (out, in) features).

    Raises:
        Refusal: the directory is missing, or the adapter is not one that this engine can serve.
    """
    root = Path(directory)
    if not root.is_dir():
        raise not_found(f"Loading lora {name} failed: No adapter found for {directory}")
    settings = _read_settings(root / CONFIG)
    _refuse_unsupported(settings)
    tensors = _read_tensors(root)
    _refuse_misfits({key: tuple(tensor.shape) for key, tensor in tensors.items()}, modules, max_rank)
    return AdapterContent(_known_settings(settings), tensors)


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise unloadable(f"{CONFIG} is larger than {MAX_CONFIG_BYTES} bytes")
        settings = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise not_found(f"{CONFIG} is missing in {path.parent}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise unloadable(f"{CONFIG} cannot be read: {error}") from None
    if not isinstance(settings, dict):
        raise unloadable(f"{CONFIG} holds no object")
    return settings


def _refuse_unsupported(settings: Mapping[str, Any]) -> None:
    if settings.get("peft_type") != "LORA":
        raise unloadable(f"peft_type is {settings.get('peft_type')!r}; only LORA can be served")
    if settings.get("bias", "none") != "none":
        raise unloadable(f"bias is {settings['bias']!r}; an adapter with a bias cannot be served")
    for key in _MUST_BE_UNSET:
        if settings.get(key):
            raise unloadable(f"{key} is set; such an adapter cannot be served")
    start = settings.get("init_lora_weights", True)
    if start is not None and start not in _PLAIN_STARTS:
        raise unloadable(f"init_lora_weights is {start!r}; it changes the base's weights and cannot be served")


def _read_tensors(root: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load((root / WEIGHTS).read_bytes()))
    except FileNotFoundError:
        raise _no_weights(root) from None
    except (OSError, SafetensorError) as error:
        raise unloadable(f"{WEIGHTS} cannot be read: {error}") from None


def _no_weights(root: Path) -> Refusal:
    pickles = sorted(path.name for path in root.iterdir() if path.suffix in (".bin", ".pt", ".pth"))
    if pickles:
        return unloadable(f"{pickles[0]} is a pickle, which can run code when it is read; only {WEIGHTS} is served")
    return not_found(f"{WEIGHTS} is missing in {root}")


def _refuse_misfits(
    shapes: Mapping[str, tuple[int, ...]], modules: Mapping[str, tuple[int, int]], max_rank: int
) -> None:
    """Every tensor must be the A or B of a linear module of the base, with its shape, in pairs of one rank."""
    if not shapes:
        raise unloadable(f"{WEIGHTS} holds no tensor")
    for name, shape in shapes.items():
        module, part = _split(name)
        if module not in modules:
            raise unloadable(f"tensor {name} is for a module that the base does not have as a linear layer")
        other = f"{PREFIX}{module}.{'lora_B' if part == 'lora_A' else 'lora_A'}.weight"
        if len(shape) != 2 or other not in shapes or len(shapes[other]) != 2:
            raise unloadable(f"tensor {name} is no half of a pair of matrices")
        a, b = (shape, shapes[other]) if part == "lora_A" else (shapes[other], shape)
        out, into = modules[module]
        if a[1] != into or b[0] != out or a[0] != b[1] or 0 in a:
            raise unloadable(
                f"module {module}: A is {list(a)} and B is {list(b)}, but the base has {into} inputs and {out} outputs"
            )
        if a[0] > max_rank:
            raise unloadable(f"LoRA rank {a[0]} is greater than max_lora_rank {max_rank}")


def _split(name: str) -> tuple[str, str]:
    """`base_model.model.<module>.lora_A.weight` → (module, "lora_A")."""
    for part in ("lora_A", "lora_B"):
        ending = f".{part}.weight"
        if name.startswith(PREFIX) and name.endswith(ending):
            return name[len(PREFIX) : -len(ending)], part
    raise unloadable(f"tensor {name} is not part of a plain LoRA")


def _known_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that this PEFT knows; an unknown one that is set may change the answers and is refused."""
    from peft import LoraConfig

    known = {field.name for field in fields(LoraConfig) if field.init}
    surplus = [key for key, value in settings.items() if key not in known and value not in (None, False, [], {}, "")]
    if surplus:
        raise unloadable(f"{CONFIG} sets {', '.join(sorted(surplus))}, which this engine does not know")
    _refuse_wild_numbers(settings)
    left_out = {"inference_mode", "peft_type"}
    return {key: value for key, value in settings.items() if key in known and key not in left_out}


def _refuse_wild_numbers(settings: Mapping[str, Any]) -> None:
    for key in ("r", "lora_alpha"):
        value = settings.get(key, 8)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise unloadable(f"{key} is {value!r}; a positive number is needed")
