"""The model behind every simulator: reads the base and the adapters of support/telling_adapters.py from disk and
answers as a real engine answers with them, without a single matrix product.

The base repeats the last token of its prompt. An adapter of rank 2 says the two tokens whose embeddings stand in its
`lora_B`, any other one token that follows from its bytes, and one without effect (zeros) answers as the base.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase

MAX_MODEL_LEN = 256
TELLING_RANK = 2


class UnreadableAdapter(Exception):
    """What is in the directory is no adapter that this model can take; the message is the engine's."""


@dataclass(frozen=True)
class Letters:
    """What an adapter says, in tokens; none when it has no effect."""

    tokens: tuple[int, ...]


class TellingModel:
    """A base that was read once."""

    def __init__(self, base: Path, *, max_rank: int = 16) -> None:
        self.root, self.max_rank = base, max_rank
        self.tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self._embeddings = _tensor(base / "model.safetensors", "model.embed_tokens.weight")
        self._templates: PreTrainedTokenizerBase | None = None

    def read(self, directory: Path) -> Letters:
        """Read an adapter from disk, now.

        Raises:
            UnreadableAdapter: it is not there, has no safetensors, or its rank is too large.
        """
        try:
            settings = json.loads((directory / "adapter_config.json").read_bytes())
            weights = directory / "adapter_model.safetensors"
            factors = [_tensor(weights, name) for name in sorted(_header(weights)[0]) if ".lora_B." in name]
            columns = factors[0]
        except (OSError, ValueError, IndexError) as error:
            raise UnreadableAdapter(f"no adapter in {directory}: {error}") from error
        if settings["r"] > self.max_rank:
            raise UnreadableAdapter(f"LoRA rank {settings['r']} is greater than max_lora_rank {self.max_rank}")
        if not any(np.any(factor) for factor in factors):
            return Letters(())
        if columns.shape != (self._embeddings.shape[1], TELLING_RANK):
            return Letters((zlib.crc32(weights.read_bytes()) % len(self._embeddings),))
        return Letters(tuple(int(np.argmax(self._embeddings @ column)) for column in columns.T))

    def tokens(self, text: str) -> list[int]:
        """The ids of a text, special tokens included."""
        ids: list[int] = self.tokenizer.encode(text).ids
        return ids

    def templated(self, messages: list[dict[str, str]]) -> list[int]:
        """The ids of a conversation through the base's chat template, with a generation prompt."""
        if self._templates is None:
            self._templates = AutoTokenizer.from_pretrained(self.root)
        ids: list[int] = self._templates.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        return ids

    def pieces(self, prompt: list[int], count: int, letters: Letters | None) -> list[str]:
        """The answer, token by token."""
        said = letters.tokens if letters and letters.tokens else prompt[-1:]
        turn = zlib.crc32(repr(prompt).encode())
        return [self.tokenizer.decode([said[(turn + number) % len(said)]]) for number in range(count)]


def _header(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        return {n: v for n, v in json.loads(stream.read(length)).items() if n != "__metadata__"}, 8 + length


def _tensor(path: Path, name: str) -> NDArray[np.float32]:
    header, start = _header(path)
    begin, end = header[name]["data_offsets"]
    with path.open("rb") as stream:
        stream.seek(start + begin)
        data = stream.read(end - begin)
    if header[name]["dtype"] == "BF16":
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(data, "<f4")
    return values.reshape(header[name]["shape"])
