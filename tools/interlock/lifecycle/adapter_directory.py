"""Reads a directory as PEFT saves it, and derives the settings that a manifest records from the bytes.

Called by register_adapter and inspect. Nothing is taken from a person's word: rank and dtype come from the tensors and
must agree with `adapter_config.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import ValidationError

from interlock.artifacts.adapter_config import FILE_NAME as SETTINGS_FILE
from interlock.artifacts.adapter_config import MAX_BYTES, AdapterConfig, read_adapter_config
from interlock.artifacts.digests import Progress, describe_directory, file_set_digest
from interlock.artifacts.tensor_table import TensorTable, read_header
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile, Dtype, PeftSettings
from interlock.errors import ArtifactCorrupt, ArtifactMissing
from interlock.evidence.weights_signing import SIGNATURE_FILE

WEIGHTS_FILE = "adapter_model.safetensors"
_DTYPES: Mapping[str, Dtype] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class AdapterDirectory:
    """What a directory holds: its files with digests, the digest of the set, and what the two PEFT files say."""

    path: Path
    files: tuple[ArtifactFile, ...]
    digest: Digest
    config: AdapterConfig
    table: TensorTable


def is_adapter_directory(path: Path) -> bool:
    """Whether PEFT would take this directory for an adapter."""
    return (path / SETTINGS_FILE).is_file()


def read_adapter_directory(path: Path, progress: Progress | None = None) -> AdapterDirectory:
    """Read and hash every file of an adapter's directory; a signature over them (`model.sig`) may lie there too.

    Raises:
        ArtifactMissing: the directory, or one of the two files of an adapter, is not there.
        ArtifactCorrupt: a file is not what it should be, or something dangerous lies beside it.
    """
    for name in (SETTINGS_FILE, WEIGHTS_FILE):
        if path.is_dir() and not (path / name).is_file():
            raise ArtifactMissing(
                f"{path} has no {name}",
                expected=f"a directory as PEFT saves it, with {SETTINGS_FILE} and {WEIGHTS_FILE}",
                remedy="save the adapter with save_pretrained(DIRECTORY, safe_serialization=True)",
            )
    files = describe_directory(path, progress, besides=SIGNATURE_FILE)
    with (path / SETTINGS_FILE).open("rb") as settings:
        config = read_adapter_config(settings.read(MAX_BYTES + 1))
    with (path / WEIGHTS_FILE).open("rb") as weights:
        table = read_header(weights, (path / WEIGHTS_FILE).stat().st_size, label=str(path / WEIGHTS_FILE))
    return AdapterDirectory(path, files, file_set_digest(files), config, table)


def peft_settings(directory: AdapterDirectory) -> PeftSettings:
    """The settings for the manifest.

    Raises:
        ArtifactCorrupt: not a LoRA, or settings and tensors that no manifest can describe.
    """
    config = directory.config
    if config.peft_type != "LORA":
        raise ArtifactCorrupt(
            f"{directory.path / SETTINGS_FILE} says peft_type {config.peft_type}",
            expected="LORA: the engines serve no other kind of adapter",
        )
    try:
        return PeftSettings(
            peft_type="LORA",
            r=config.r,
            lora_alpha=config.lora_alpha,
            use_rslora=config.use_rslora,
            use_dora=config.use_dora,
            bias=cast(Literal["none", "all", "lora_only"], config.bias),
            modules_to_save=config.modules_to_save,
            target_modules=config.target_modules or (),
            rank_pattern=dict(config.rank_pattern),
            alpha_pattern=dict(config.alpha_pattern),
            dtype=_dtype(directory),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ArtifactCorrupt(
            f"{directory.path / SETTINGS_FILE} cannot be recorded: {key}: {first['msg']}",
            expected="the settings of a LoRA adapter",
        ) from error


def _dtype(directory: AdapterDirectory) -> Dtype:
    found = sorted({tensor.dtype for tensor in directory.table.tensors.values()})
    if len(found) == 1 and found[0] in _DTYPES:
        return _DTYPES[found[0]]
    raise ArtifactCorrupt(
        f"{directory.path / WEIGHTS_FILE} has tensors of type {', '.join(found) or 'none: it is empty'}",
        expected="one type for all tensors: float32, float16 or bfloat16",
        remedy="convert the adapter to one type and save it again",
    )
