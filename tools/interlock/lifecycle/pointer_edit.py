"""Edits the one pointer file that a promotion or a rollback is about: pure, returns the new text, writes nothing.

Called by promote and rollback. The edit is minimal: the reviewer sees one changed line, and comments stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from interlock.documents.identifiers import adapter_name, revision_name
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import pointer_path
from interlock.documents.positions import Location
from interlock.documents.snapshot import Snapshot
from interlock.documents.tree import Tree
from interlock.documents.writing import dump_document, edit_yaml
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import DocumentError


@dataclass(frozen=True, slots=True)
class PointerEdit:
    """One pointer file before and after; `notes` tells a person what changed besides the active revision."""

    environment: str
    adapter: str
    path: str
    before: Pointer | None
    after: Pointer
    text: str
    notes: tuple[str, ...]

    @property
    def previous(self) -> str | None:
        """The revision that was active before, None where nothing was served."""
        return self.before.active if self.before else None

    @property
    def data(self) -> bytes:
        """The bytes of the new file."""
        return self.text.encode("utf-8")


def activate(tree: Tree, snapshot: Snapshot, environment: str, adapter: str, revision: str) -> PointerEdit:
    """The pointer of `adapter` in `environment` with `revision` active; a new file where there was none.

    Raises:
        DocumentError: the pointer is there and cannot be read.
    """
    path = pointer_path(environment, adapter_name(adapter))
    located = snapshot.pointers.get((environment, adapter))
    if located is None:
        return _new_pointer(snapshot, path, environment, adapter, revision)
    before = located.document
    ended = _ended_trials(before, revision)
    after = before.model_copy(update={"active": revision_name(revision), **dict.fromkeys(ended)})
    changes: dict[Location, object] = {("active",): revision, **{(name,): None for name in ended}}
    text = edit_yaml(tree.read(path, limit=MAX_DOCUMENT_BYTES).decode("utf-8"), changes)
    notes = tuple(f"the {name} of revision {revision} ended: that revision is now the active one" for name in ended)
    return PointerEdit(environment, adapter, path, before, after, text, notes)


def _new_pointer(snapshot: Snapshot, path: str, environment: str, adapter: str, revision: str) -> PointerEdit:
    if path in snapshot.entries:
        raise DocumentError(f"{path} cannot be read", expected="a valid Pointer", remedy="run: interlock check")
    pointer = Pointer(kind="Pointer", adapter=adapter, active=revision_name(revision))
    note = f"{path} is new: {environment} served no revision of {adapter} before"
    return PointerEdit(environment, adapter, path, None, pointer, dump_document(pointer), (note,))


def _ended_trials(pointer: Pointer, revision: str) -> list[str]:
    """A canary or shadow of the revision that becomes active has nothing left to compare."""
    trials = {"canary": pointer.canary, "shadow": pointer.shadow}
    return [name for name, trial in trials.items() if trial and trial.revision == revision]
