"""What each environment was told to serve, commit by commit: where rollback targets come from.

Only first parents count: main moves by first parents, and each of them is one decision.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.documents.identifiers import InvalidIdentifier, adapter_name, commit_id, revision_name
from interlock.documents.layout import pointer_path
from interlock.documents.yaml_reader import UnreadableDocument, read_yaml
from interlock.errors import DocumentError, HistoryError
from interlock.history.blob_reading import ObjectReader, object_reader
from interlock.history.git_command import Git
from interlock.history.reading_session import remembered
from interlock.history.way_back import PointerChange

__all__ = ["MAX_POINTER_BYTES", "PointerChange", "named_active", "pointer_changes", "refuse_cut_history"]

MAX_POINTER_BYTES = 1 << 20
_UNREADABLE = ""
_GONE = 0


def pointer_changes(git: Git, commit: str, environment: str, adapter: str | None = None) -> list[PointerChange]:
    """Every change of the pointers of an environment (or of one adapter there) up to `commit`, newest first.

    A pointer file that cannot be read is left out: it was never accepted by anybody.

    Raises:
        HistoryError: the history is cut off (a shallow clone), or git cannot read it.
    """
    refuse_cut_history(git)
    folder = f"environments/{environment}/pointers"
    where = pointer_path(environment, adapter) if adapter else folder
    with object_reader(git) as objects:
        changes = [
            PointerChange(touch.commit, environment, touch.adapter, _active(objects, touch))
            for touch in _touches(git, commit_id(commit), folder, where)
        ]
    return [change for change in changes if change.active != _UNREADABLE]


def refuse_cut_history(git: Git) -> None:
    """Let nobody conclude anything from a history that ends where a clone was cut off.

    Raises:
        HistoryError: the repository is a shallow clone.
    """
    if remembered(git, "is-shallow", lambda: git.run("rev-parse", "--is-shallow-repository").strip()) == b"true":
        raise HistoryError(
            f"{git.directory} is a shallow clone, so what was earlier is not known",
            expected="the whole history",
            remedy="run: git fetch --unshallow",
        )


@dataclass(frozen=True, slots=True)
class _Touch:
    """A commit that changed a pointer file; `mode` and `blob` are those after it."""

    commit: str
    adapter: str
    mode: int
    blob: str


def _touches(git: Git, commit: str, folder: str, where: str) -> Iterator[_Touch]:
    listing = git.run(
        "log", "--first-parent", "--diff-merges=first-parent", "--raw", "-z", "--no-renames", "--no-abbrev",
        "--format=%H", commit, "--", where,
    )  # fmt: skip
    # A commit is followed by pairs of a description, which begins with a colon, and a path, which may be any text.
    parts = iter(listing.split(b"\0"))
    at = ""
    for part in parts:
        text = part.strip(b"\n").decode("ascii")
        if not text.startswith(":"):
            at = text or at
            continue
        adapter = _adapter(next(parts), folder)
        if adapter:
            _, mode, _, blob, _ = text.split(" ")
            yield _Touch(at, adapter, int(mode, 8), blob)


def _adapter(path: bytes, folder: str) -> str:
    """The adapter whose pointer stands at a path, "" for a path where no pointer can stand."""
    name = path.decode("utf-8", errors="replace").removeprefix(f"{folder}/")
    try:
        return adapter_name(name.removesuffix(".yaml")) if name.endswith(".yaml") else ""
    except InvalidIdentifier:
        return ""


def _active(objects: ObjectReader, touch: _Touch) -> str | None:
    """The active revision in a pointer file, None for a removed file, `_UNREADABLE` for one that says nothing."""
    if touch.mode == _GONE:
        return None
    if not stat.S_ISREG(touch.mode):
        return _UNREADABLE
    try:
        data = objects.read(touch.blob, f"the pointer of {touch.adapter} at {touch.commit}", limit=MAX_POINTER_BYTES)
    except DocumentError:
        return _UNREADABLE
    return named_active(data) or _UNREADABLE


def named_active(data: bytes) -> str | None:
    """The active revision that the bytes of a pointer file name, whatever else is wrong with them; None for none."""
    try:
        return revision_name(read_yaml(data, "pointer").value["active"])
    except (UnreadableDocument, KeyError, TypeError, ValueError):
        return None
