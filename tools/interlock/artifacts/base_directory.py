"""The directory of a base: what register writes down about it, and what a node compares it with.

Called by register and, before anything is served, by the agent. Bases whose weights are pickles, incomplete downloads
and configurations that leave the shape of the model open are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.artifacts.base_config import read_base_config, read_quantization
from interlock.artifacts.base_files import (
    INDEX_FILE,
    WEIGHTS,
    describe_files,
    read_json,
    relevant_sizes,
    weight_tables,
)
from interlock.artifacts.base_modules import summarize_modules
from interlock.artifacts.digests import Progress, file_set_digest
from interlock.artifacts.file_memory import FileMemory
from interlock.artifacts.tensor_table import TensorTable
from interlock.artifacts.tokenizer_files import (
    SETTINGS_FILE,
    TEMPLATE_FILE,
    belongs_to_tokenizer,
    chat_template_digest,
    tokenizer_digest,
)
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile, Quantization
from interlock.documents.kinds.base_revision import BaseConfig, BaseModule, BaseRevision
from interlock.errors import ArtifactCorrupt, ArtifactMissing

__all__ = ["BaseDescription", "FileMemory", "describe_base", "verify_base"]

CONFIG_FILE = "config.json"
MAX_CONFIG_BYTES = 1 << 20
_QUANTIZATION_FILES = ("hf_quant_config.json", "quant_config.json", "quantize_config.json")
_WORDS = {
    CONFIG_FILE: "config",
    "generation_config.json": "generation_config",
    TEMPLATE_FILE: "chat_template",
    INDEX_FILE: f"weights: {INDEX_FILE}",
    **dict.fromkeys(_QUANTIZATION_FILES, "quantization"),
}


@dataclass(frozen=True, slots=True)
class BaseDescription:
    """Everything that register derives from the bytes of a base. `digest` is the file-set digest over `files`."""

    digest: Digest
    files: tuple[ArtifactFile, ...]
    config: BaseConfig
    modules: tuple[BaseModule, ...]
    tokenizer_digest: Digest
    chat_template_digest: Digest | None
    quantization: Quantization | None


def describe_base(
    directory: Path, progress: Progress | None = None, *, memory: FileMemory | None = None
) -> BaseDescription:
    """Describe the base in `directory`; reads every file once, unless `memory` knows its digest.

    `modules` is empty where the weight files do not show the shapes of the modules (see `_modules`).

    Raises:
        ArtifactMissing: the directory, the config, the weights or the tokenizer are not there.
        ArtifactCorrupt: a file is cut off or not well formed, or the weights are pickles.
        ArtifactUnreachable: a file cannot be read.
    """
    sizes = relevant_sizes(directory)
    config = read_json(directory / CONFIG_FILE, MAX_CONFIG_BYTES)
    tables = weight_tables(directory, sizes)
    shape = read_base_config(config, tables, str(directory / CONFIG_FILE))
    quantization = _quantization(directory, config, sizes)
    files = describe_files(directory, sizes, memory or FileMemory(), progress)
    return BaseDescription(
        digest=file_set_digest(files),
        files=files,
        config=shape,
        modules=_modules(shape, quantization, tables),
        tokenizer_digest=tokenizer_digest(directory, files),
        chat_template_digest=chat_template_digest(directory),
        quantization=quantization,
    )


def verify_base(directory: Path, base: BaseRevision, memory: FileMemory) -> list[str]:
    """Compare the base in `directory` with its revision; returns what differs, in words: nothing when it is equal.

    The words are `chat_template`, `tokenizer`, `config`, `generation_config`, `quantization`, `weights`,
    `weights: FILE` and `file: FILE`; a missing, damaged or additional file differs. What `memory` knows is not read.

    Raises:
        ArtifactMissing: the directory is not there.
        ArtifactUnreachable: a file cannot be read.
    """
    sizes = relevant_sizes(directory, also=[file.path for file in base.files])
    parts = [*_differing_parts(directory, base, sizes, memory)]
    if base.files:
        parts += [word for name in _changed_files(directory, base, sizes, memory) for word in _words(name, parts)]
    elif file_set_digest(describe_files(directory, sizes, memory)) != base.digest:
        parts += _differing_shape(directory, base, sizes) or ([] if parts else ["weights"])
    return list(dict.fromkeys(parts))


def _quantization(directory: Path, config: Mapping[str, Any], names: Collection[str]) -> Quantization | None:
    others = {name: read_json(directory / name, MAX_CONFIG_BYTES) for name in _QUANTIZATION_FILES if name in names}
    return read_quantization(config, others)


def _modules(
    shape: BaseConfig, quantization: Quantization | None, tables: Collection[TensorTable]
) -> tuple[BaseModule, ...]:
    """Modules as the weights show them. Nothing where they do not: packed weights, GPT-2, multimodal models."""
    if quantization or not shape.architecture.endswith("ForCausalLM"):
        return ()
    modules = summarize_modules(*tables)
    names = {module.name for module in modules}
    if "model.embed_tokens" in names and "lm_head" not in names:  # tied: the head has no tensor of its own
        modules = (BaseModule(name="lm_head", shape=(shape.vocab_size, shape.hidden_size)), *modules)
    return modules


def _differing_parts(
    directory: Path, base: BaseRevision, sizes: Mapping[str, int], memory: FileMemory
) -> Iterator[str]:
    template = base.chat_template.digest if base.chat_template else None
    if _differs(lambda: chat_template_digest(directory), template):
        yield "chat_template"
    own = describe_files(directory, {n: s for n, s in sizes.items() if belongs_to_tokenizer(n)}, memory)
    if _differs(lambda: tokenizer_digest(directory, own), base.tokenizer.digest):
        yield "tokenizer"


def _differs(compute: Callable[[], Digest | None], recorded: Digest | None) -> bool:
    try:
        return compute() != recorded
    except (ArtifactCorrupt, ArtifactMissing):
        return True  # what is damaged or gone is not what was recorded


def _changed_files(directory: Path, base: BaseRevision, sizes: Mapping[str, int], memory: FileMemory) -> Iterator[str]:
    recorded = {file.path: file for file in base.files}
    for name in sorted(recorded.keys() | sizes.keys()):
        promised = recorded.get(name)
        same_size = promised is not None and sizes.get(name) == promised.size
        if promised is None or not same_size or memory.digest(directory / name) != promised.digest:
            yield name


def _words(name: str, parts: Collection[str]) -> list[str]:
    """How to call a changed file; nothing where the tokenizer or the template in it has been named already."""
    if name == SETTINGS_FILE and ("chat_template" in parts or "tokenizer" in parts):
        return []
    if name.endswith(WEIGHTS):
        return [f"weights: {name}"]
    return [_WORDS.get(name) or ("tokenizer" if belongs_to_tokenizer(name) else f"file: {name}")]


def _differing_shape(directory: Path, base: BaseRevision, sizes: Mapping[str, int]) -> list[str]:
    """For a base that lists no files: whether its config alone tells the difference."""
    try:
        config = read_json(directory / CONFIG_FILE, MAX_CONFIG_BYTES)
        same_shape = read_base_config(config, weight_tables(directory, sizes), CONFIG_FILE) == base.config
        same_quantization = _quantization(directory, config, sizes) == base.quantization
    except (ArtifactCorrupt, ArtifactMissing):
        return ["config", "weights"]
    return [word for word, same in (("config", same_shape), ("quantization", same_quantization)) if not same]
