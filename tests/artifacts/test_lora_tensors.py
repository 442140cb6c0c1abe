"""Which tensor belongs to which module, and which ones fit nothing."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from interlock.artifacts.lora_tensors import LoraPairs, pair_up
from interlock.artifacts.tensor_table import Tensor, TensorTable, read_header
from support.adapters import ATTENTION, MLP, linear_modules, llama_config, write_adapter, write_base

PREFIX = "base_model.model."
Q = "model.layers.0.self_attn.q_proj"


def _table(shapes: Mapping[str, tuple[int, ...]], dtype: str = "F32") -> TensorTable:
    return TensorTable({name: Tensor(name, dtype, shape, 0, 0) for name, shape in shapes.items()}, {}, 2, 10)


def _pairs(shapes: Mapping[str, tuple[int, ...]]) -> LoraPairs:
    return pair_up(_table({PREFIX + name: shape for name, shape in shapes.items()}))


def _why(pairs: LoraPairs) -> dict[str, str]:
    return {problem.tensor.removeprefix(PREFIX): problem.why for problem in pairs.problems}


def _written(tmp_path: Path, target_modules: Collection[str]) -> TensorTable:
    config = write_base(tmp_path / "base")
    directory = write_adapter(tmp_path / "a", base_config=config, target_modules=target_modules, rank=4)
    data = (directory / "adapter_model.safetensors").read_bytes()
    return read_header(io.BytesIO(data), len(data))


def test_every_module_of_a_real_adapter_is_paired(tmp_path: Path) -> None:
    pairs = pair_up(_written(tmp_path, (*ATTENTION, *MLP)))
    assert pairs.problems == ()
    shapes = {module: (pair.outputs, pair.inputs) for module, pair in pairs.pairs.items()}
    assert shapes == linear_modules(llama_config())
    assert {pair.rank for pair in pairs.pairs.values()} == {4}
    assert pairs.max_rank == 4
    assert pairs.dtypes == {"F32": 28}
    assert (pairs.magnitudes, pairs.biases, pairs.saved) == ({}, {}, {})


def test_embeddings_are_paired_with_tokens_as_their_in_features() -> None:
    pairs = _pairs({"model.embed_tokens.lora_embedding_A": (8, 320), "model.embed_tokens.lora_embedding_B": (64, 8)})
    pair = pairs.pairs["model.embed_tokens"]
    assert (pair.embedding, pair.rank, pair.inputs, pair.outputs) == (True, 8, 320, 64)
    assert pairs.problems == ()


def test_what_stands_beside_the_lora_is_kept_apart() -> None:
    pairs = _pairs(
        {
            f"{Q}.lora_A.weight": (8, 64),
            f"{Q}.lora_B.weight": (64, 8),
            f"{Q}.lora_B.bias": (64,),
            f"{Q}.lora_magnitude_vector": (64,),
            "lm_head.weight": (320, 64),
            "lm_head.bias": (320,),
            "model.embed_tokens.base_layer.weight": (320, 64),
        }
    )
    assert pairs.problems == ()
    assert list(pairs.magnitudes) == list(pairs.biases) == [Q]
    assert {module: len(tensors) for module, tensors in pairs.saved.items()} == {
        "lm_head": 2,
        "model.embed_tokens.base_layer": 1,
    }


@pytest.mark.parametrize(("here", "there"), [("A", "B"), ("B", "A")])
def test_half_a_pair_is_a_problem(here: str, there: str) -> None:
    pairs = _pairs({f"{Q}.lora_{here}.weight": (8, 8)})
    assert pairs.pairs == {}
    assert _why(pairs) == {f"{Q}.lora_{here}.weight": f"the {there} of {Q} is missing"}


@pytest.mark.parametrize("ending", ["lora_magnitude_vector", "lora_magnitude_vector.weight", "lora_B.bias"])
def test_an_extra_without_its_lora_is_a_problem(ending: str) -> None:
    assert "no LoRA" in _why(_pairs({f"{Q}.{ending}": (64,)}))[f"{Q}.{ending}"]


@pytest.mark.parametrize(
    "name",
    [
        f"{Q}.lora_A.default.weight",
        f"{Q}.lora_E",
        f"{Q}.lora_diag",
        f"{Q}.lora_A.bias",
        ".lora_A.weight",
        "weight",
        f"{Q}.token_adapter.trainable_tokens_delta",
    ],
)
def test_a_name_that_no_lora_has_is_a_problem(name: str) -> None:
    assert "none that PEFT gives" in _why(_pairs({name: (8, 64)}))[name]


def test_a_name_that_peft_would_silently_ignore_is_a_problem() -> None:
    pairs = pair_up(_table({f"{Q}.lora_A.weight": (8, 64), f"{Q}.lora_B.weight": (64, 8)}))
    assert pairs.pairs == {}
    assert all("does not begin with base_model.model." in problem.why for problem in pairs.problems)
    assert len(pairs.problems) == 2


def test_an_a_and_a_b_of_different_rank_are_a_problem() -> None:
    pairs = _pairs({f"{Q}.lora_A.weight": (8, 64), f"{Q}.lora_B.weight": (64, 16)})
    assert _why(pairs) == {f"{Q}.lora_B.weight": "it has rank 16 and its A has rank 8"}


def test_tensors_that_are_no_matrices_are_a_problem_and_have_no_rank() -> None:
    pairs = _pairs({f"{Q}.lora_A.weight": (8, 64, 1, 1), f"{Q}.lora_B.weight": (64, 8, 1, 1)})
    assert "two dimensions" in _why(pairs)[f"{Q}.lora_A.weight"]
    pair = pairs.pairs[Q]
    assert (pair.rank, pair.inputs, pair.outputs, pairs.max_rank) == (0, 0, 0, 0)


def test_an_adapter_saved_from_shards_is_a_problem() -> None:
    pairs = _pairs({f"{Q}.lora_A.weight": (8, 0), f"{Q}.lora_B.weight": (0, 8)})
    assert "shards" in _why(pairs)[f"{Q}.lora_A.weight"]


def test_two_tensors_for_one_part_of_a_module_are_a_problem() -> None:
    pairs = _pairs(
        {
            "model.embed_tokens.lora_A.weight": (8, 64),
            "model.embed_tokens.lora_B.weight": (64, 8),
            "model.embed_tokens.lora_embedding_A": (8, 320),
        }
    )
    assert _why(pairs) == {
        "model.embed_tokens.lora_embedding_A": "base_model.model.model.embed_tokens.lora_A.weight is the A of the "
        "same module"
    }


def test_an_adapter_without_tensors_has_no_pairs_and_no_problems() -> None:
    assert pair_up(_table({})) == LoraPairs({}, {}, {}, {}, (), {})
