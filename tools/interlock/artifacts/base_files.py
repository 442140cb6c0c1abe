"""Which files of a base matter, how large they are and what they hash to; the headers of its weight files.

Called by `base_directory`. A base is often a hub download, whose files are links into a cache: here, unlike for
adapters, links to files are followed, because the engine follows them too.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from interlock.artifacts.digests import PICKLE_SUFFIXES, Progress
from interlock.artifacts.file_memory import FileMemory
from interlock.artifacts.plain_files import unreadable_directory
from interlock.artifacts.strict_json import read_object
from interlock.artifacts.tensor_table import TensorTable, read_header
from interlock.documents.fields import file_name
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable

INDEX_FILE = "model.safetensors.index.json"
WEIGHTS = ".safetensors"
MAX_FILES = 1000
MAX_INDEX_BYTES = 16 << 20

_SUFFIXES = (".json", ".jinja", ".model", ".py", WEIGHTS, ".tiktoken", ".txt")
_FOR_PEOPLE = ("license", "notice", "readme", "requirements", "use_policy")


def relevant(name: str) -> bool:
    """Whether a file of this name can change what a base serves: weights, configuration, tokenizer, template, code."""
    lower = name.lower()
    return lower.endswith(_SUFFIXES) and not lower.startswith((".", *_FOR_PEOPLE))


def relevant_sizes(directory: Path, also: Collection[str] = ()) -> dict[str, int]:
    """Return the relevant files directly inside `directory`, and those named in `also`: name → size in bytes.

    Raises:
        ArtifactMissing: the directory is not there, or a link in it leads nowhere.
        ArtifactCorrupt: a name that cannot be written down, or more than `MAX_FILES` files.
        ArtifactUnreachable: it cannot be read.
    """
    try:
        found = {path.name: path for path in directory.iterdir() if relevant(path.name) or path.name in also}
        statuses = {name: found[name].stat() for name in sorted(found)}
    except FileNotFoundError as error:
        remedy = "the download is incomplete: fetch the base again"
        raise ArtifactMissing(f"{error.filename} does not exist", remedy=remedy) from error
    except OSError as error:
        raise unreadable_directory(directory, error) from error
    sizes = {name: status.st_size for name, status in statuses.items() if stat.S_ISREG(status.st_mode)}
    if len(sizes) > MAX_FILES:
        raise ArtifactCorrupt(f"{directory} holds {len(sizes)} files", expected=f"at most {MAX_FILES}")
    for name in sizes:
        _check_name(directory, name)
    return sizes


def describe_files(
    directory: Path, sizes: Mapping[str, int], memory: FileMemory, progress: Progress | None = None
) -> tuple[ArtifactFile, ...]:
    """Return these files with their digests, sorted by name; `memory` spares the reading of what it knows."""
    files, done, total = [], 0, sum(sizes.values())
    for name in sorted(sizes, key=str.encode):
        files.append(ArtifactFile(path=name, digest=memory.digest(directory / name), size=sizes[name]))
        done += sizes[name]
        if progress:
            progress(done, total)
    return tuple(files)


def weight_tables(directory: Path, sizes: Mapping[str, int]) -> tuple[TensorTable, ...]:
    """Return the headers of the weight files; the copy in Mistral's own layout (`consolidated…`) is passed over.

    Raises:
        ArtifactMissing: there are no weights, or the index names a file that is not there.
        ArtifactCorrupt: a weight file is cut off or not well formed, or there are only pickles.
    """
    names = [name for name in sizes if name.endswith(WEIGHTS) and not name.startswith("consolidated")]
    if not names:
        raise _no_weights(directory)
    if INDEX_FILE in sizes:
        _check_index(directory, names)
    return tuple(_table(directory / name, sizes[name]) for name in names)


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """Return the JSON object in a file of a base, at most `limit` bytes long.

    Raises:
        ArtifactMissing, ArtifactCorrupt, ArtifactUnreachable: see `read_bounded` and `read_object`.
    """
    return read_object(read_bounded(path, limit), str(path))


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the bytes of a file of a base, at most `limit` of them.

    Raises:
        ArtifactMissing: there is no such file.
        ArtifactCorrupt: it is larger.
        ArtifactUnreachable: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise ArtifactMissing(f"{path} does not exist") from error
    except OSError as error:
        raise ArtifactUnreachable(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise ArtifactCorrupt(f"{path} has more than {limit} bytes", expected=f"at most {limit} bytes")
    return data


def _check_name(directory: Path, name: str) -> None:
    try:
        file_name(name)
    except ValueError as error:
        raise ArtifactCorrupt(f"{directory} holds a file named {name!r}: {error}", remedy="rename it") from error


def _no_weights(directory: Path) -> ArtifactMissing | ArtifactCorrupt:
    pickles = sorted(path.name for path in directory.iterdir() if path.name.endswith(PICKLE_SUFFIXES))
    if pickles:
        return ArtifactCorrupt(
            f"{directory} holds its weights as pickles only ({pickles[0]}): reading them can run code",
            expected="weights as safetensors",
            remedy="save the model again with save_pretrained(..., safe_serialization=True)",
        )
    return ArtifactMissing(f"{directory} holds no weights", expected="model.safetensors, or its parts and their index")


def _check_index(directory: Path, names: Collection[str]) -> None:
    weight_map = read_json(directory / INDEX_FILE, MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict):
        raise ArtifactCorrupt(f"{directory / INDEX_FILE} has no weight_map", expected="tensor name → file name")
    missing = sorted({str(name) for name in weight_map.values()} - set(names))
    if missing:
        raise ArtifactMissing(
            f"{directory} lacks {missing[0]}" + (f" and {len(missing) - 1} more weight files" if missing[1:] else ""),
            expected=f"every file that {INDEX_FILE} names",
            remedy="the download is incomplete: fetch the base again",
        )


def _table(path: Path, size: int) -> TensorTable:
    try:
        with path.open("rb") as stream:
            return read_header(stream, size, label=str(path))
    except OSError as error:
        raise ArtifactUnreachable(f"{path} cannot be read: {error.strerror}") from error
