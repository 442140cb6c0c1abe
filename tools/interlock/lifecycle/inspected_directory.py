"""Says what a directory on disk holds: an adapter or a base, with its digests, and whether it is registered here.

Called by `interlock inspect DIRECTORY`; works without a repository.
"""

from __future__ import annotations

from pathlib import Path

from interlock.artifacts.adapter_config import FILE_NAME as SETTINGS_FILE
from interlock.artifacts.base_directory import describe_base
from interlock.artifacts.digests import Progress
from interlock.artifacts.lora_tensors import pair_up
from interlock.documents.snapshot import Snapshot
from interlock.errors import UsageError
from interlock.lifecycle.adapter_directory import is_adapter_directory, peft_settings, read_adapter_directory
from interlock.lifecycle.inspection import Description, settings_of, tensors_of


def describe_directory_of(path: Path, snapshot: Snapshot | None, progress: Progress | None = None) -> Description:
    """Describe an adapter's or a base's directory; `snapshot` is the repository to look for its digest in.

    Raises:
        UsageError: the directory is neither.
        ArtifactError: it is one and is damaged.
    """
    if is_adapter_directory(path):
        return _adapter(path, snapshot, progress)
    if (path / "config.json").is_file():
        return _base(path, snapshot, progress)
    raise UsageError(
        f"{path} is neither an adapter nor a base model",
        expected=f"a directory with {SETTINGS_FILE} (adapter) or config.json (base)",
    )


def _adapter(path: Path, snapshot: Snapshot | None, progress: Progress | None) -> Description:
    found = read_adapter_directory(path, progress)
    known = snapshot.revisions if snapshot else {}
    return {
        "kind": "AdapterDirectory",
        "path": str(path),
        "digest": str(found.digest),
        "registered_as": sorted(str(k) for k, v in known.items() if v.document.artifact.digest == found.digest),
        "trained_on": {"name": found.config.base_model_name_or_path, "revision": found.config.revision},
        "peft": settings_of(peft_settings(found)),
        "tensors": tensors_of(pair_up(found.table)),
        "unknown_settings": list(found.config.unknown_keys),
        "files": [file.model_dump(mode="json") for file in found.files],
    }


def _base(path: Path, snapshot: Snapshot | None, progress: Progress | None) -> Description:
    found = describe_base(path, progress)
    known = snapshot.bases if snapshot else {}
    return {
        "kind": "BaseDirectory",
        "path": str(path),
        "digest": str(found.digest),
        "registered_as": sorted(f"{n}@{r}" for (n, r), v in known.items() if v.document.digest == found.digest),
        "config": found.config.model_dump(mode="json", exclude_none=True),
        "modules": sum(module.layers or 1 for module in found.modules),
        "tokenizer": str(found.tokenizer_digest),
        "chat_template": str(found.chat_template_digest) if found.chat_template_digest else None,
        "quantization": found.quantization.model_dump(mode="json") if found.quantization else None,
        "files": [file.model_dump(mode="json") for file in found.files],
    }
