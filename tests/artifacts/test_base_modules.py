"""The modules of a base: from its weights, from its config, and as transformers builds them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from interlock.artifacts.base_config import read_base_config
from interlock.artifacts.base_modules import MAX_MODULES, modules_from_config, modules_of, summarize_modules
from interlock.artifacts.tensor_table import Tensor, TensorTable, read_header
from interlock.documents.kinds.base_revision import BaseModule, BaseRevision
from support.adapters import base_revision_of, linear_modules, llama_config, write_base


def _table(shapes: dict[str, tuple[int, ...]], dtype: str = "BF16") -> TensorTable:
    return TensorTable({name: Tensor(name, dtype, shape, 0, 0) for name, shape in shapes.items()}, {}, 2, 10)


def _revision(tmp_path: Path, **changes: Any) -> BaseRevision:
    write_base(tmp_path / "base")
    return base_revision_of(tmp_path / "base").model_copy(update=changes)


SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 160,
    "dtype": "bfloat16",
}
ARCHITECTURES = {
    "llama": {},
    "mistral": {"head_dim": 32},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": {},
    "phi3": {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_modules_of_a_known_architecture_are_those_that_transformers_builds(model_type: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    hf_config = AutoConfig.for_model(model_type, **(SMALL | ARCHITECTURES[model_type]))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(hf_config)
    built = {
        name: (module.embedding_dim, module.num_embeddings)
        if isinstance(module, torch.nn.Embedding)
        else (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding)
    }
    written = json.loads(hf_config.to_json_string()) | {"architectures": [type(model).__name__]}
    for fields in (written, {key: value for key, value in written.items() if key != "head_dim"}):
        if model_type == "mistral" and "head_dim" not in fields:
            continue  # there, nothing but the config says that it is unusual
        assert modules_from_config(read_base_config(fields, (), "config.json")) == built


def test_the_weights_of_a_base_and_its_config_give_the_same_modules(tmp_path: Path) -> None:
    base = _revision(tmp_path)
    assert [module.name for module in base.modules] == [
        "lm_head",
        "model.embed_tokens",
        *(f"model.layers.*.mlp.{name}_proj" for name in ("down", "gate", "up")),
        *(f"model.layers.*.self_attn.{name}_proj" for name in "koqv"),
    ]
    found = modules_of(base)
    assert found == modules_from_config(base.config)
    assert found == linear_modules(llama_config()) | {"model.embed_tokens": (64, 320), "lm_head": (320, 64)}


def test_an_unknown_architecture_without_a_list_is_unknown_and_with_one_is_known(tmp_path: Path) -> None:
    base = _revision(tmp_path)
    config = base.config.model_copy(update={"architecture": "NewForCausalLM"})
    assert modules_of(base.model_copy(update={"config": config, "modules": ()})) is None
    assert modules_of(base.model_copy(update={"config": config})) == modules_of(base)


def test_a_star_stands_for_as_many_layers_as_are_written_or_as_the_config_has(tmp_path: Path) -> None:
    lines = (
        BaseModule(name="model.layers.*.mlp.up_proj", shape=(4, 2)),
        BaseModule(name="model.extra.*.proj", layers=1, shape=(3, 2)),
    )
    assert modules_of(_revision(tmp_path, modules=lines)) == {
        "model.layers.0.mlp.up_proj": (4, 2),
        "model.layers.1.mlp.up_proj": (4, 2),
        "model.extra.0.proj": (3, 2),
    }


def test_a_document_that_claims_a_billion_layers_is_not_believed(tmp_path: Path) -> None:
    lines = (BaseModule(name="model.layers.*.proj", layers=MAX_MODULES + 1, shape=(4, 2)),)
    base = _revision(tmp_path, modules=lines)
    assert modules_of(base) is None
    config = base.config.model_copy(update={"num_hidden_layers": 1_000_000_000})
    assert modules_of(base.model_copy(update={"config": config, "modules": ()})) is None


def test_modules_of_one_shape_on_every_layer_are_one_line_and_others_keep_their_own() -> None:
    shapes: dict[str, tuple[int, ...]] = {f"model.layers.{layer}.mlp.up_proj.weight": (8, 4) for layer in range(12)}
    shapes |= {f"model.layers.{layer}.attn.q_proj.weight": (4, 4) for layer in (3, 7, 11)}
    shapes |= {"model.layers.0.wide.weight": (8, 4), "model.layers.1.wide.weight": (16, 4)}
    shapes |= {"lm_head.weight": (10, 4), "model.embed_tokens.weight": (10, 4), "model.norm.weight": (4,)}
    shapes |= {"model.conv.weight": (4, 4, 3, 3), "model.layers.0.mlp.up_proj.bias": (8, 1)}
    assert summarize_modules(_table(shapes)) == (
        BaseModule(name="lm_head", shape=(10, 4)),
        BaseModule(name="model.embed_tokens", shape=(4, 10)),
        BaseModule(name="model.layers.*.mlp.up_proj", layers=12, shape=(8, 4)),
        BaseModule(name="model.layers.*.wide", layers=1, shape=(8, 4)),
        BaseModule(name="model.layers.1.wide", shape=(16, 4)),
        BaseModule(name="model.layers.11.attn.q_proj", shape=(4, 4)),
        BaseModule(name="model.layers.3.attn.q_proj", shape=(4, 4)),
        BaseModule(name="model.layers.7.attn.q_proj", shape=(4, 4)),
    )


def test_the_parts_of_sharded_weights_are_put_together() -> None:
    first, second = ({f"model.layers.{layer}.mlp.up_proj.weight": (8, 4)} for layer in (0, 1))
    expected = (BaseModule(name="model.layers.*.mlp.up_proj", layers=2, shape=(8, 4)),)
    assert summarize_modules(_table({**first}), _table({**second})) == expected


def test_packed_four_bit_weights_show_no_shapes() -> None:
    assert summarize_modules(_table({"model.layers.0.mlp.up_proj.weight": (2048, 1)}, "U8")) == ()


def test_the_modules_of_written_weights_are_read_from_their_header(tmp_path: Path) -> None:
    write_base(tmp_path, layers=3, hidden=32, heads=2, kv_heads=1, intermediate=48)
    data = (tmp_path / "model.safetensors").read_bytes()
    lines = {line.name: line for line in summarize_modules(read_header(io.BytesIO(data), len(data)))}
    assert lines["model.layers.*.self_attn.k_proj"] == BaseModule(
        name="model.layers.*.self_attn.k_proj", layers=3, shape=(16, 32)
    )
