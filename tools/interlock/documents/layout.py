"""Which file of a repository holds which kind of document; the snapshot, the lifecycle commands and sync call it.

Ours are the folders adapters, bases, environments and policies. A file there is a document, a free file in a place
made for it, or unexpected: a document with a wrong name would otherwise be silently ignored. Other files of the
repository are not our business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from interlock.documents.fields import Document
from interlock.documents.identifiers import adapter_name, revision_name
from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.kinds.policy import Policy, Revocations, Rule, Waivers
from interlock.documents.kinds.roster import Roster

FOLDERS = ("adapters", "bases", "environments", "policies")
FREE_FOLDERS = ("recipes", "suites", "evidence", "notes")
_ALLOWED_ANYWHERE = (".gitkeep", "README.md")

MODELS: Mapping[str, type[Document]] = {
    "Adapter": Adapter,
    "AdapterRevision": AdapterRevision,
    "BaseRevision": BaseRevision,
    "Environment": Environment,
    "Pointer": Pointer,
    "Policy": Policy,
    "Revocations": Revocations,
    "Roster": Roster,
    "Waivers": Waivers,
    "Rule": Rule,
}
"""Every kind of document by the word in its `kind:` line."""

_SINGLE_POLICIES = {"revocations.yaml": "Revocations", "roster.yaml": "Roster", "waivers.yaml": "Waivers"}

_BELOW = {
    "adapters": "adapters/NAME/adapter.yaml, adapters/NAME/revisions/REVISION.yaml, or a file below adapters/NAME/"
    + " in recipes/, suites/, evidence/ or notes/",
    "bases": "bases/NAME/REVISION.yaml",
    "environments": "environments/NAME/environment.yaml or environments/NAME/pointers/ADAPTER.yaml",
    "policies": "policies/NAME.yaml, policies/rules/ID.yaml or policies/keys/NAME.asc",
}


class Standing(Enum):
    """What a path is to us."""

    DOCUMENT = "document"
    FREE = "free"
    UNEXPECTED = "unexpected"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class PathClass:
    """What is expected at a path.

    `kind` is the expected kind of a document. `names` are the parts that the path itself gives, outermost first, as
    pairs of a field and its text: `(("adapter", "support-bot"), ("revision", "7"))`. They are not validated here (see
    `unsafe_names`). `expected` says, for an unexpected file, what may stand in its folder.
    """

    standing: Standing
    kind: str = ""
    names: tuple[tuple[str, str], ...] = ()
    expected: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """The texts of `names` alone."""
        return tuple(text for _, text in self.names)


_OUTSIDE = PathClass(Standing.OUTSIDE)


def classify(path: str) -> PathClass:
    """Say what is expected at `path` (relative, forward slashes)."""
    parts = path.split("/")
    if parts[0] not in FOLDERS:
        return _OUTSIDE
    if parts[-1] in _ALLOWED_ANYWHERE and len(parts) > 1:
        return PathClass(Standing.FREE)
    found = _CLASSIFIERS[parts[0]](parts[1:])
    return found or PathClass(Standing.UNEXPECTED, expected=_BELOW[parts[0]])


def unsafe_names(found: PathClass) -> list[str]:
    """Say what is wrong with each name that the path gives; empty for a well-formed path."""
    complaints = []
    for field, text in found.names:
        try:
            (revision_name if field == "revision" else adapter_name)(text)
        except ValueError as error:
            complaints.append(str(error))
    return complaints


def _adapters(parts: list[str]) -> PathClass | None:
    match parts:
        case [name, "adapter.yaml"]:
            return _document("Adapter", ("name", name))
        case [name, "revisions", file] if stem := _stem(file):
            return _document("AdapterRevision", ("adapter", name), ("revision", stem))
        case [name, folder, _, *_] if folder in FREE_FOLDERS:
            return PathClass(Standing.FREE, names=(("adapter", name),))
        case _:
            return None


def _bases(parts: list[str]) -> PathClass | None:
    match parts:
        case [name, file] if stem := _stem(file):
            return _document("BaseRevision", ("name", name), ("revision", stem))
        case _:
            return None


def _environments(parts: list[str]) -> PathClass | None:
    match parts:
        case [name, "environment.yaml"]:
            return _document("Environment", ("name", name))
        case [name, "pointers", file] if stem := _stem(file):
            return _document("Pointer", ("environment", name), ("adapter", stem))
        case _:
            return None


def _policies(parts: list[str]) -> PathClass | None:
    match parts:
        case [file] if file in _SINGLE_POLICIES:
            return _document(_SINGLE_POLICIES[file])
        case [file] if stem := _stem(file):
            return _document("Policy", ("policy", stem))
        case ["rules", file] if stem := _stem(file):
            return _document("Rule", ("id", stem))
        case ["keys", file] if file.endswith(".asc"):
            return PathClass(Standing.FREE)
        case _:
            return None


_CLASSIFIERS: dict[str, Callable[[list[str]], PathClass | None]] = {
    "adapters": _adapters,
    "bases": _bases,
    "environments": _environments,
    "policies": _policies,
}


def _document(kind: str, *names: tuple[str, str]) -> PathClass:
    return PathClass(Standing.DOCUMENT, kind, names)


def _stem(file: str) -> str:
    """The name of a `.yaml` file without its ending; empty for any other file and for editor backups."""
    stem = file.removesuffix(".yaml")
    return "" if stem == file or stem.startswith((".", "#")) else stem


def adapter_path(name: str) -> str:
    """Path of the `Adapter` document."""
    return f"adapters/{name}/adapter.yaml"


def revision_path(adapter: str, revision: str) -> str:
    """Path of the `AdapterRevision` document."""
    return f"adapters/{adapter}/revisions/{revision}.yaml"


def base_path(name: str, revision: str) -> str:
    """Path of the `BaseRevision` document."""
    return f"bases/{name}/{revision}.yaml"


def environment_path(environment: str) -> str:
    """Path of the `Environment` document."""
    return f"environments/{environment}/environment.yaml"


def pointer_path(environment: str, adapter: str) -> str:
    """Path of the `Pointer` document."""
    return f"environments/{environment}/pointers/{adapter}.yaml"
