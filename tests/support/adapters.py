"""Writes small bases and PEFT adapters as real files, without torch, in a few milliseconds.

    config = write_base(tmp_path / "base")
    write_adapter(tmp_path / "adapter", base_config=config, rank=8)

`transformers` loads such a base, PEFT and vLLM load such an adapter; only the values are random. Equal arguments give
equal bytes. Every defect that a test needs (NaN, an untrained `B`, shapes of another base, a missing or surplus
tensor, a changed setting) is an argument.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interlock.artifacts.base_directory import describe_base
from interlock.artifacts.digests import describe_directory, file_set_digest
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact, Fingerprinted
from interlock.documents.kinds.base_revision import BaseRevision, BaseSource, Pedigree

Config = Mapping[str, Any]
"""The fields of a `config.json`."""

RawTensor = tuple[str, tuple[int, ...], bytes]
"""A tensor as safetensors stores it: its dtype (`F32`, `BF16`, …), shape and bytes."""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>")
VOCABULARY = 320
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")

_CORPUS = (
    "the customer asks where the refund for the order is kept and when the parcel leaves the warehouse; "
    "select the name of every person who has written to us about a delivery since the first of March"
)


def llama_config(
    *, hidden: int = 64, layers: int = 2, heads: int = 4, kv_heads: int = 2, intermediate: int = 128
) -> dict[str, Any]:
    """Return the `config.json` of a small Llama with tied embeddings and `VOCABULARY` tokens."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": hidden // heads,
        "intermediate_size": intermediate,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 256,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "dtype": "bfloat16",
    }


def write_base(
    directory: Path,
    *,
    hidden: int = 64,
    layers: int = 2,
    heads: int = 4,
    kv_heads: int = 2,
    intermediate: int = 128,
    dtype: str = "BF16",
    seed: int = 0,
    chat_template: str | None = CHAT_TEMPLATE,
    config_overrides: Config | None = None,
) -> dict[str, Any]:
    """Write a small Llama with its tokenizer and chat template to `directory`; return the fields of its config."""
    config = llama_config(hidden=hidden, layers=layers, heads=heads, kv_heads=kv_heads, intermediate=intermediate)
    config |= dict(config_overrides or {})
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / "config.json", config)
    (directory / "model.safetensors").write_bytes(
        encode_safetensors({name: _random(shape, dtype, seed, name) for name, shape in base_tensors(config).items()})
    )
    write_tokenizer(directory, chat_template=chat_template)
    return config


def write_tokenizer(directory: Path, *, chat_template: str | None = CHAT_TEMPLATE) -> None:
    """Write `tokenizer.json`, `tokenizer_config.json` and, unless it is None, `chat_template.jinja`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tokenizer.json").write_text(_tokenizer_json(), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": 256,
        "clean_up_tokenization_spaces": False,
    }
    _write_json(directory / "tokenizer_config.json", settings)
    if chat_template is not None:
        (directory / "chat_template.jinja").write_text(chat_template, encoding="utf-8")


def write_adapter(
    directory: Path,
    *,
    base_config: Config,
    rank: int = 8,
    alpha: float = 16,
    target_modules: Collection[str] = ("q_proj", "v_proj"),
    dtype: str = "F32",
    seed: int = 0,
    zero_b: bool = False,
    nan: bool = False,
    config_overrides: Config | None = None,
    shapes_for: Config | None = None,
    drop_tensors: Collection[str] = (),
    extra_tensors: Mapping[str, tuple[int, ...]] | None = None,
) -> Path:
    """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT 0.21 saves them; return `directory`.

    `base_config` is what `write_base` returned. `shapes_for` takes the shapes from another base instead, `zero_b`
    leaves every B untrained, `nan` puts one NaN into the last B; `config_overrides` replaces keys of
    `adapter_config.json`, `drop_tensors` leaves tensors out, and `extra_tensors` adds random ones (name → shape).
    """
    shapes = lora_shapes(shapes_for or base_config, rank=rank, target_modules=target_modules)
    tensors = {name: _random(shape, dtype, seed, name) for name, shape in shapes.items()}
    if zero_b:
        tensors |= {name: _zero(tensor) for name, tensor in tensors.items() if ".lora_B." in name}
    if nan:
        last = max(name for name in tensors if ".lora_B." in name)
        tensors[last] = _with_nan(tensors[last])
    tensors |= {name: _random(shape, dtype, seed, name) for name, shape in (extra_tensors or {}).items()}
    kept = {name: tensor for name, tensor in tensors.items() if name not in drop_tensors}
    directory.mkdir(parents=True, exist_ok=True)
    settings = peft_config(rank=rank, alpha=alpha, target_modules=target_modules) | dict(config_overrides or {})
    _write_json(directory / "adapter_config.json", settings)
    (directory / "adapter_model.safetensors").write_bytes(encode_safetensors(kept))
    return directory


def artifact_of(directory: Path, uri: str | None = None) -> Artifact:
    """Return what a manifest says about the files in `directory`; the address is `file://` and that directory."""
    files = describe_directory(directory)
    return Artifact(uri=uri or f"file://{directory.resolve()}", digest=file_set_digest(files), files=files)


def base_revision_of(
    directory: Path, *, name: str = "tiny-base", revision: str = "1", fingerprints: tuple[Digest, Digest] | None = None
) -> BaseRevision:
    """Return the revision that describes the base in `directory`.

    `fingerprints` are those of the tokenizer and of the chat template; without them the digests stand in their place,
    which is enough wherever nothing asks a tokenizer.
    """
    found = describe_base(directory)
    tokenizer, template = fingerprints or (found.tokenizer_digest, found.chat_template_digest)
    return BaseRevision(
        kind="BaseRevision",
        name=name,
        revision=revision,
        source=BaseSource(uri=f"file://{directory.resolve()}"),
        digest=found.digest,
        files=found.files,
        config=found.config,
        modules=found.modules,
        tokenizer=Fingerprinted(digest=found.tokenizer_digest, fingerprint=tokenizer),
        chat_template=Fingerprinted(digest=found.chat_template_digest, fingerprint=template)
        if found.chat_template_digest and template
        else None,
        quantization=found.quantization,
        pedigree=Pedigree(kind="foundation"),
        license="apache-2.0",
    )


def peft_config(*, rank: int, alpha: float, target_modules: Collection[str]) -> dict[str, Any]:
    """Return every key that PEFT 0.21 writes into `adapter_config.json`, with its defaults."""
    settings = dict.fromkeys(
        (
            "alora_invocation_tokens",
            "arrow_config",
            "auto_mapping",
            "base_model_name_or_path",
            "corda_config",
            "eva_config",
            "exclude_modules",
            "kasa_config",
            "layer_replication",
            "layers_pattern",
            "layers_to_transform",
            "lora_ga_config",
            "megatron_config",
            "modules_to_save",
            "monteclora_config",
            "revision",
            "target_parameters",
            "trainable_token_indices",
            "use_bdlora",
            "velora_config",
        )
    )
    return settings | {
        "alpha_pattern": {},
        "base_model_name_or_path": "tiny-base",
        "bias": "none",
        "ensure_weight_tying": False,
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "loftq_config": {},
        "lora_alpha": alpha,
        "lora_bias": False,
        "lora_dropout": 0.0,
        "megatron_core": "megatron.core",
        "peft_type": "LORA",
        "peft_version": "0.21.2",
        "qalora_group_size": 16,
        "r": rank,
        "rank_pattern": {},
        "target_modules": sorted(target_modules),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_qalora": False,
        "use_rslora": False,
    }


def lora_shapes(config: Config, *, rank: int, target_modules: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return the LoRA tensors that PEFT makes for these target modules: name → shape, A as [r, in], B as [out, r]."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (out, in_) in sorted(linear_modules(config).items()):
        if name.rsplit(".", 1)[-1] in target_modules:
            shapes[f"base_model.model.{name}.lora_A.weight"] = (rank, in_)
            shapes[f"base_model.model.{name}.lora_B.weight"] = (out, rank)
    return shapes


def linear_modules(config: Config) -> dict[str, tuple[int, int]]:
    """Return the linear modules of a small Llama: name → (out, in)."""
    hidden, intermediate, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    attention = {"q_proj": (queries, hidden), "k_proj": (keys, hidden), "v_proj": (keys, hidden)}
    attention["o_proj"] = (hidden, queries)
    mlp = dict.fromkeys(("gate_proj", "up_proj"), (intermediate, hidden)) | {"down_proj": (hidden, intermediate)}
    return {
        f"model.layers.{layer}.{block}.{name}": shape
        for layer in range(config["num_hidden_layers"])
        for block, modules in (("self_attn", attention), ("mlp", mlp))
        for name, shape in modules.items()
    }


def base_tensors(config: Config) -> dict[str, tuple[int, ...]]:
    """Return every tensor of a small Llama with tied embeddings: name → shape."""
    hidden = config["hidden_size"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    shapes |= {f"{name}.weight": shape for name, shape in linear_modules(config).items()}
    for layer in range(config["num_hidden_layers"]):
        shapes[f"model.layers.{layer}.input_layernorm.weight"] = (hidden,)
        shapes[f"model.layers.{layer}.post_attention_layernorm.weight"] = (hidden,)
    return shapes | {"model.norm.weight": (hidden,)}


def encode_safetensors(tensors: Mapping[str, RawTensor], *, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a safetensors file with these tensors, in their order, and `{"format": "pt"}` as its metadata."""
    header: dict[str, Any] = {"__metadata__": dict(metadata if metadata is not None else {"format": "pt"})}
    offset = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    return with_header(json.dumps(header, separators=(",", ":")), (data for _, _, data in tensors.values()))


def with_header(header: str, data: Iterable[bytes] = ()) -> bytes:
    """Return the length, `header` padded with spaces to a multiple of 8 bytes, and `data`."""
    text = header.encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(data)


def encode_values(values: NDArray[np.float32], dtype: str) -> bytes:
    """Return float32 values as the bytes of `F64`, `F32`, `F16` or `BF16` (rounded towards zero)."""
    if dtype == "BF16":
        return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype("<u2").tobytes()
    return values.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).tobytes()


def _random(shape: tuple[int, ...], dtype: str, seed: int, name: str) -> RawTensor:
    generator = np.random.default_rng([seed, *name.encode()])
    return dtype, shape, encode_values((generator.standard_normal(shape) * 0.05).astype(np.float32), dtype)


def _zero(tensor: RawTensor) -> RawTensor:
    dtype, shape, data = tensor
    return dtype, shape, bytes(len(data))


def _with_nan(tensor: RawTensor) -> RawTensor:
    dtype, shape, data = tensor
    one = encode_values(np.full(1, np.nan, np.float32), dtype)
    return dtype, shape, data[: -len(one)] + one


def _write_json(path: Path, value: Config) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@cache
def _tokenizer_json() -> str:
    """A byte-level BPE tokenizer with `VOCABULARY` tokens that knows the special tokens of the chat template."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.processors import TemplateProcessing
    from tokenizers.trainers import BpeTrainer

    core = Tokenizer(BPE())
    core.pre_tokenizer = ByteLevel(add_prefix_space=False)
    core.decoder = ByteLevelDecoder()
    alphabet = ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator([_CORPUS] * 2, trainer)
    core.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", core.token_to_id("<s>"))]
    )
    return str(core.to_str(pretty=True))
