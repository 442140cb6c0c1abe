"""The digests of a base's tokenizer and of its chat template, which live in files of their own or inside each other.

Called by `base_directory`. docs/artifacts.md shows how to recompute both with shell tools.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from interlock.artifacts.base_config import canonical_digest, canonical_json
from interlock.artifacts.base_files import read_bounded, read_json
from interlock.artifacts.digests import digest_of, file_set_digest
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing

TEMPLATE_FILE = "chat_template.jinja"
SETTINGS_FILE = "tokenizer_config.json"
FURTHER_TEMPLATES = "additional_chat_templates"
MAX_SETTINGS_BYTES = 16 << 20
MAX_TEMPLATE_BYTES = 1 << 20

_TOKENIZER_FILES = frozenset(
    {
        "added_tokens.json",
        "merges.txt",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "tekken.json",
        "tokenizer.json",
        "tokenizer.model",
        SETTINGS_FILE,
        "vocab.json",
        "vocab.txt",
    }
)


def belongs_to_tokenizer(name: str) -> bool:
    """Whether a file of this name is part of the tokenizer."""
    return name in _TOKENIZER_FILES or name.endswith(".tiktoken")


def tokenizer_digest(directory: Path, files: Iterable[ArtifactFile]) -> Digest:
    """Return the file-set digest over the tokenizer's files among `files`.

    `tokenizer_config.json` counts as its canonical JSON without the `chat_template`, which has a digest of its own.

    Raises:
        ArtifactMissing: there is no tokenizer.
        ArtifactCorrupt: `tokenizer_config.json` is not a JSON object.
    """
    found = {file.path: file for file in files if belongs_to_tokenizer(file.path)}
    if not found:
        raise ArtifactMissing(f"{directory} holds no tokenizer", expected="tokenizer.json or another tokenizer file")
    if SETTINGS_FILE in found:
        settings = _settings(directory)
        settings.pop("chat_template", None)
        data = canonical_json(settings)
        found[SETTINGS_FILE] = ArtifactFile(path=SETTINGS_FILE, digest=digest_of([data]), size=len(data))
    return file_set_digest(found.values())


def chat_template_digest(directory: Path) -> Digest | None:
    """Return the digest of the chat template, or None when there is none.

    It is over the bytes of `chat_template.jinja`, else over the text of `chat_template` in `tokenizer_config.json`, or
    over its canonical JSON when several are named there.

    Raises:
        ArtifactCorrupt: further templates lie in a directory, where which one is used depends on the request.
    """
    if (directory / FURTHER_TEMPLATES).exists():
        raise ArtifactCorrupt(
            f"{directory} holds further chat templates in {FURTHER_TEMPLATES}",
            expected=f"one chat template, in {TEMPLATE_FILE}",
            remedy=f"remove {directory / FURTHER_TEMPLATES}",
        )
    if (directory / TEMPLATE_FILE).exists():
        return digest_of([read_bounded(directory / TEMPLATE_FILE, MAX_TEMPLATE_BYTES)])
    template = _settings(directory).get("chat_template") if (directory / SETTINGS_FILE).exists() else None
    if template is None:
        return None
    return digest_of([template.encode()]) if isinstance(template, str) else canonical_digest(template)


def _settings(directory: Path) -> dict[str, Any]:
    return read_json(directory / SETTINGS_FILE, MAX_SETTINGS_BYTES)
