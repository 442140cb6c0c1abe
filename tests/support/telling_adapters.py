"""A base and adapters whose answers follow from how they are built, on every engine and in every number format.

    base = write_repeating_base(tmp_path / "base")          answers with the last token of the prompt, again and again
    write_telling_adapter(tmp_path / "ab", base, "AB")      answers with A and B only

The base's output projections are zero, so its hidden state is the embedding of the last token. An adapter adds, by a
LoRA on `down_proj`, the embedding of its first or of its second letter, with a factor that drowns everything else.
Unlike with random weights no two tokens come close, so rounding and batching cannot change an answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.adapters import (
    base_tensors,
    encode_safetensors,
    encode_values,
    llama_config,
    lora_shapes,
    peft_config,
    write_tokenizer,
)

SILENT = ("o_proj", "down_proj")
TARGET = "down_proj"
ALPHA = 4096.0


@dataclass(frozen=True, slots=True)
class RepeatingBase:
    """A base on disk: its directory, its config, and its embeddings [vocabulary, hidden]."""

    directory: Path
    config: dict[str, Any]
    embeddings: NDArray[np.float32]

    def token(self, letter: str) -> int:
        """The id of a letter's token."""
        vocabulary = json.loads((self.directory / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        return int(vocabulary[letter])


@dataclass(frozen=True, slots=True)
class TellingModels:
    """A repeating base, and telling adapters that are written below `root` when they are first asked for."""

    base: RepeatingBase
    root: Path

    def adapter(self, letters: str) -> Path:
        """The directory of the adapter that says these two letters."""
        directory = self.root / letters
        return directory if directory.exists() else write_telling_adapter(directory, self.base, letters)


def says(text: str, letters: str) -> bool:
    """Whether `text` holds these letters and nothing else."""
    return bool(text) and set(text) <= set(letters)


def write_repeating_base(directory: Path) -> RepeatingBase:
    """Write a small Llama (hidden 256, heads of 64, bfloat16) that repeats the last token of its prompt."""
    config = llama_config(hidden=256, layers=2, heads=4, kv_heads=2, intermediate=512)
    tensors = {name: _values(name, shape) for name, shape in base_tensors(config).items()}
    write_tokenizer(directory)
    (directory / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    _write_tensors(directory / "model.safetensors", tensors)
    return RepeatingBase(directory, config, tensors["model.embed_tokens.weight"])


def write_telling_adapter(directory: Path, base: RepeatingBase, letters: str) -> Path:
    """Write an adapter of rank 2 that says nothing but its two `letters`; return its directory."""
    first, second = (base.embeddings[base.token(letter)] for letter in letters)
    tensors = {}
    for name, shape in lora_shapes(base.config, rank=2, target_modules=[TARGET]).items():
        if ".lora_A." in name:
            row = _random(name + letters, (1, shape[1]))
            tensors[name] = np.concatenate([row, -row])
        else:
            tensors[name] = np.stack([first, second], axis=1)
    directory.mkdir(parents=True)
    settings = peft_config(rank=2, alpha=ALPHA, target_modules=[TARGET])
    (directory / "adapter_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    _write_tensors(directory / "adapter_model.safetensors", tensors)
    return directory


def _values(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if "norm" in name:
        return np.ones(shape, np.float32)
    if any(part in name for part in SILENT):
        return np.zeros(shape, np.float32)
    return _random(name, shape)


def _random(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = np.random.default_rng(list(name.encode())).standard_normal(shape) * 0.05
    return values.astype(np.float32)


def _write_tensors(path: Path, tensors: dict[str, NDArray[np.float32]]) -> None:
    encoded = {name: ("BF16", values.shape, encode_values(values, "BF16")) for name, values in tensors.items()}
    path.write_bytes(encode_safetensors(encoded))
