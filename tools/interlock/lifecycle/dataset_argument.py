"""Reads `--dataset` of `interlock register adapter`: one dataset as `key=value` pairs, with its digest from the bytes.

    file=train.jsonl,license=internal,window=2026-07-01/2026-09-30,corpora=tickets+chats
    name=support-tickets,digest=sha256:…,license=cc-by-4.0,expires=2027-03-31

The data itself never enters the repository: only its digest, scope and licence do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from interlock.artifacts.digests import file_digest
from interlock.documents.kinds.adapter_revision import Dataset
from interlock.errors import UsageError

_KEYS = ("file", "name", "digest", "license", "window", "expires", "corpora", "filters")
_LISTS = ("corpora", "filters")


def read_dataset(text: str) -> Dataset:
    """Read one `--dataset` argument.

    Raises:
        UsageError: an unknown or missing key, or a value that is not what its key asks for.
        ArtifactMissing: there is no such file.
    """
    values: dict[str, Any] = _pairs(text)
    file = values.pop("file", None)
    if (file is None) == ("digest" not in values):
        raise _refused(text, "it needs either file=PATH or digest=sha256:…, and not both")
    if file is not None:
        path = Path(file)
        values["digest"] = str(file_digest(path))
        values.setdefault("name", _name_of(path))
    values |= {key: tuple(values[key].split("+")) for key in _LISTS if key in values}
    try:
        return Dataset.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _refused(text, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or key not in _KEYS or key in pairs or not value:
            raise _refused(text, f"{part!r} is not one of the keys {', '.join(_KEYS)} with a value, each once")
        pairs[key] = value
    return pairs


def _name_of(path: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:63]


def _refused(text: str, why: str) -> UsageError:
    return UsageError(
        f"--dataset {text!r} cannot be read: {why}",
        expected="key=value pairs separated by commas, for example file=train.jsonl,license=internal",
        remedy="run: interlock register adapter --help",
    )
