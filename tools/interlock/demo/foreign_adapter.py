"""Another base and an adapter of it, for the refusal in the story: real files, half as wide as the real base.

Their weights are constants, since nothing will ever be served from them; their shapes are what matters.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

from interlock.documents.kinds.base_revision import BaseConfig

RANK = 4
MODULES = ("q_proj", "v_proj")


def write_foreign_adapter(directory: Path, base: BaseConfig) -> None:
    """Write adapter_config.json and adapter_model.safetensors for a base with half the hidden size of `base`."""
    directory.mkdir(parents=True)
    hidden = base.hidden_size // 2
    tensors = {
        f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_{side}.weight": shape
        for layer in range(base.num_hidden_layers)
        for module in MODULES
        for side, shape in (("A", (RANK, hidden)), ("B", (hidden, RANK)))
    }
    (directory / "adapter_model.safetensors").write_bytes(_safetensors(tensors))
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "target_modules": list(MODULES),
        "bias": "none",
        "base_model_name_or_path": "another-base",
        "revision": "1",
    }
    (directory / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def write_foreign_base(directory: Path, original: Path) -> None:
    """Write a base like the one in `original`, with half its hidden size and the same tokenizer and template."""
    directory.mkdir(parents=True)
    for file in original.iterdir():
        if file.suffix != ".safetensors":
            shutil.copyfile(file, directory / file.name)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    config["hidden_size"] //= 2
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    hidden, layers = config["hidden_size"], range(config["num_hidden_layers"])
    attention = {
        f"model.layers.{layer}.self_attn.{module}.weight": (hidden, hidden) for layer in layers for module in MODULES
    }
    tensors = {"model.embed_tokens.weight": (config["vocab_size"], hidden), **attention}
    (directory / "model.safetensors").write_bytes(_safetensors(tensors))


def _safetensors(shapes: dict[str, tuple[int, int]]) -> bytes:
    header: dict[str, object] = {}
    data = bytearray()
    for name, shape in sorted(shapes.items()):
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + size]}
        data += struct.pack("<f", 0.01) * (size // 4)
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)
