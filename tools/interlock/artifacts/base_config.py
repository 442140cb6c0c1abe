"""The `config.json` of a base: the shape of the model and how it is quantized, as a base revision records them.

Called by `base_directory`. Refuses a config that lacks a field which compatibility is judged on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from interlock.artifacts.digests import digest_of
from interlock.artifacts.tensor_table import TensorTable
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Quantization
from interlock.documents.kinds.base_revision import BaseConfig
from interlock.errors import ArtifactCorrupt

_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")


def read_base_config(config: Mapping[str, Any], tables: Iterable[TensorTable], label: str) -> BaseConfig:
    """Return the shape of the model from the fields of its `config.json`; `label` names that file in messages.

    The sizes of a multimodal model are those of its `text_config`. Where the config leaves the dtype open, it is the
    most frequent float type in the weight files.

    Raises:
        ArtifactCorrupt: a needed field is missing or is not a positive whole number.
    """
    text = config.get("text_config")
    sizes = text if isinstance(text, dict) else config
    named = config.get("architectures")
    fields = {key: sizes.get(key) for key in _SIZES}
    fields |= {
        "architecture": named[0] if isinstance(named, list) and named else None,
        "num_key_value_heads": sizes.get("num_key_value_heads") or sizes.get("num_attention_heads"),
        "head_dim": sizes.get("head_dim"),
        "dtype": _dtype(config, sizes) or _most_frequent(tables),
    }
    try:
        return BaseConfig.model_validate(fields)
    except ValidationError as error:
        wrong = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        raise ArtifactCorrupt(
            f"{label} does not say what an adapter is judged on: {wrong}",
            expected=f"architectures, {', '.join(_SIZES)} and dtype (float32, float16 or bfloat16)",
            remedy="take the config.json that belongs to these weights",
        ) from error


def read_quantization(config: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> Quantization | None:
    """Return how the weights are quantized, or None: `quantization_config` of `config.json`, else of a file of its own.

    `others` are further configuration files by name. The digest is over the configuration as canonical JSON.

    Raises:
        ArtifactCorrupt: it does not name its method.
    """
    for label, found in (("config.json", config.get("quantization_config")), *others.items()):
        if isinstance(found, dict) and found:
            return Quantization(method=_method(label, found), digest=canonical_digest(found))
    return None


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys and no blanks, ASCII only: equal for values that are equal."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def canonical_digest(value: Any) -> Digest:
    """Return the digest of a value's canonical JSON."""
    return digest_of([canonical_json(value)])


def _method(label: str, quantization: Mapping[str, Any]) -> str:
    nested = quantization.get("quantization")
    inner = nested if isinstance(nested, dict) else quantization
    method = next((inner[key] for key in ("quant_method", "quant_algo", "quant_type") if inner.get(key)), None)
    if method is None and "bits" in inner:
        method = "gptq"  # the file of its own that GPTQ has always written names bits and no method
    if not isinstance(method, str):
        raise ArtifactCorrupt(f"{label} quantizes the weights and does not say how", expected="a quant_method")
    return method.lower().replace("_", "-")


def _dtype(config: Mapping[str, Any], sizes: Mapping[str, Any]) -> str | None:
    for fields in (config, sizes):
        for key in ("dtype", "torch_dtype"):
            value = fields.get(key)
            if isinstance(value, str) and value.removeprefix("torch.") in _DTYPES.values():
                return value.removeprefix("torch.")
    return None


def _most_frequent(tables: Iterable[TensorTable]) -> str | None:
    found = Counter(t.dtype for table in tables for t in table.tensors.values() if t.dtype in _DTYPES)
    return _DTYPES[found.most_common(1)[0][0]] if found else None
