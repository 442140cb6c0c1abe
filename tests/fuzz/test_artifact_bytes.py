"""The files of an adapter with anything in them: understood, or corrupt; never an exception of another kind."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.damage import damaged
from fuzz.mutation import flow, mutated
from fuzz.reading import assert_worded, table_or_corrupt
from fuzz.valid import healthy_files
from interlock.artifacts.adapter_config import read_adapter_config
from interlock.artifacts.lora_tensors import pair_up
from interlock.artifacts.tensor_table import DTYPE_BITS
from interlock.artifacts.tensor_values import scan_values
from interlock.errors import ArtifactCorrupt

_FOLDER = "artifacts/support-bot/1"
WEIGHTS = healthy_files()[f"{_FOLDER}/adapter_model.safetensors"]
SETTINGS = healthy_files()[f"{_FOLDER}/adapter_config.json"]
_LENGTH = int.from_bytes(WEIGHTS[:8], "little")
_HEADER: dict[str, Any] = json.loads(WEIGHTS[8 : 8 + _LENGTH])
_TENSORS = WEIGHTS[8 + _LENGTH :]
_ENDS = (
    ".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B", ".lora_magnitude_vector",
    ".lora_B.bias", ".weight",
    ".bias", "", ".", ".lora_A", ".lora_A.default.weight", ".base_layer.weight", "..weight",
)  # fmt: skip


def framed(text: bytes, data: bytes, off: int = 0) -> bytes:
    """A safetensors file with this header, whose length is told wrongly by `off`."""
    return max(0, len(text) + off).to_bytes(8, "little") + text + data


def understood(data: bytes) -> None:
    """Whatever is taken for a table can be paired up, and its values looked at."""
    table = table_or_corrupt(data)
    if table is None:
        return
    pairs = pair_up(table)
    for pair in pairs.pairs.values():
        assert pair.rank >= 0
    for problem in pairs.problems:
        assert problem.tensor in table.tensors
        assert problem.why
    assert sum(pairs.dtypes.values()) == len(table.tensors)
    values = scan_values(io.BytesIO(data), table)
    assert {*values.non_finite, *values.all_zero, *values.not_judged} <= table.tensors.keys()


@st.composite
def changed_headers(draw: st.DrawFn) -> bytes:
    """A real adapter whose header says something else."""
    text = flow(draw(mutated(st.just(_HEADER))), False).encode("utf-8", errors="surrogatepass")
    data = draw(st.sampled_from((_TENSORS, _TENSORS, b"", _TENSORS[:-1], _TENSORS + b"\0", _TENSORS[:100])))
    return framed(text, data, draw(st.sampled_from((0, 0, 0, 0, 1, -1, 8, 2**40, -len(text)))))


@st.composite
def small_adapters(draw: st.DrawFn) -> bytes:
    """Well-formed files whose tensors have names, types and shapes that no training writes."""
    header: dict[str, Any] = draw(st.sampled_from(({}, {"__metadata__": {"format": "pt"}}))).copy()
    position = 0
    for _ in range(draw(st.integers(0, 4))):
        module = draw(
            st.sampled_from(
                ("base_model.model.model.layers.0.self_attn.q_proj", "base_model.model.a", "a", "base_model.model.")
            )
        )
        dtype, shape = (
            draw(st.sampled_from(sorted(DTYPE_BITS))),
            draw(st.lists(st.sampled_from((0, 1, 2, 8, 64)), max_size=3)),
        )
        bits = DTYPE_BITS[dtype]
        for size in shape:
            bits *= size
        if bits % 8:
            shape, bits = [*shape, 8], bits * 8
        header[module + draw(st.sampled_from(_ENDS))] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [position, position + bits // 8],
        }
        position += bits // 8
    return framed(json.dumps(header).encode(), draw(st.sampled_from((b"\0", b"\xff", b"\x7f"))) * position)


@cases(900, changed_headers())
def test_a_header_that_says_something_else_is_understood_or_corrupt(data: bytes) -> None:
    understood(data)


@cases(500, damaged(st.sampled_from([WEIGHTS, framed(json.dumps(_HEADER, indent=1).encode(), _TENSORS)])))
def test_damaged_weights_are_understood_or_corrupt(data: bytes) -> None:
    understood(data)


@cases(500, small_adapters())
def test_strange_tensors_are_paired_up_or_told_about(data: bytes) -> None:
    understood(data)


def settings_or_corrupt(data: bytes) -> None:
    """Read PEFT settings: what is understood answers every question that the rules ask."""
    try:
        config = read_adapter_config(data)
    except ArtifactCorrupt as refused:
        assert_worded(refused.found)
        return
    assert isinstance(config.max_rank, int)
    assert config.rank_of("model.layers.0.self_attn.q_proj") != 0
    assert set(config.unknown_keys) <= config.raw.keys()


@cases(
    700,
    mutated(st.just(json.loads(SETTINGS))).map(
        lambda value: flow(value, False).encode("utf-8", errors="surrogatepass")
    ),
)
def test_peft_settings_with_other_values_are_understood_or_corrupt(data: bytes) -> None:
    settings_or_corrupt(data)


@cases(300, damaged(st.just(SETTINGS)))
def test_damaged_peft_settings_are_understood_or_corrupt(data: bytes) -> None:
    settings_or_corrupt(data)
