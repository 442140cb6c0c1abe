"""What an approval is given for, beside the tree itself: records, evidence and policies, each by its SHA-256.

Called when an approval is made and again when it is counted; both times everything is computed from git. A yes to one
text of the policies is none to another. `docs/approvals.md` says how the digest of the policies is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from interlock.checking.change_gathering import touched_paths
from interlock.checking.evidence_reading import evidence_folder
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import base_path, classify, environment_path, revision_path
from interlock.documents.snapshot import read_at
from interlock.documents.tree import REGULAR, Entry, Tree, paths_below
from interlock.errors import HistoryError
from interlock.history.change_trees import both_sides
from interlock.history.repository import GitRepository
from interlock.rules.change import Touch

MAX_FILES = 500
"""Records and statements of evidence that one approval names."""
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Binding:
    """`environments` and `adapters` are those whose pointers or settings change; digests are `sha256:…` by path."""

    environments: tuple[str, ...]
    adapters: tuple[str, ...]
    manifests: Mapping[str, str]
    evidence: Mapping[str, str]
    policy_digest: str

    @property
    def environment(self) -> str | None:
        """The one environment that changes; None where none or several do."""
        return self.environments[0] if len(self.environments) == 1 else None

    @property
    def adapter(self) -> str | None:
        """The one adapter whose pointers change; None where none or several do."""
        return self.adapters[0] if len(self.adapters) == 1 else None


def binding_between(repository: GitRepository, base: str, tree: str) -> Binding:
    """What a change from a commit to a tree (full ids) is bound to.

    Raises:
        HistoryError: git cannot read them, or the change names more than one approval can.
    """
    with both_sides(repository.git, base, tree) as (before, after):
        return binding_of(before, after)


def binding_of(base: Tree, head: Tree) -> Binding:
    """What a change from one tree to another is bound to; policies are those of `base`."""
    entries = head.entries()
    touched = touched_paths(base.entries(), entries)
    environments = _named(touched, "Pointer", "Environment")
    manifests = sorted(_manifests(head, touched))
    evidence = sorted(_evidence(entries, touched, manifests))
    if len(manifests) > MAX_FILES or len(evidence) > MAX_FILES:
        raise HistoryError(
            f"the change names {len(manifests)} records and {len(evidence)} statements of evidence",
            expected=f"at most {MAX_FILES} of each in one approval",
            remedy="split it into smaller changes",
        )
    return Binding(
        tuple(environments),
        tuple(sorted({classify(path).values[1] for path in touched if classify(path).kind == "Pointer"})),
        {path: file_digest(head, entries[path]) for path in manifests},
        {path: file_digest(head, entries[path]) for path in evidence},
        policy_digest(base, environments),
    )


def policy_digest(tree: Tree, environments: Iterable[str]) -> str:
    """The digest of everything below `policies/` and of the documents of these environments, as they are in `tree`.

    It is the SHA-256 of one line a file, sorted by path: 64 hexadecimal digits of the SHA-256 of its bytes, two spaces,
    its size in bytes, two spaces, its path, a line feed. What is no regular file has its kind in place of the digest.
    """
    entries = tree.entries()
    documents = {environment_path(name) for name in environments}
    paths = sorted([*paths_below(entries, "policies/"), *(path for path in documents if path in entries)])
    lines = "".join(f"{_line(tree, entries[path])}  {path}\n" for path in paths)
    return f"sha256:{hashlib.sha256(lines.encode('utf-8', errors='surrogateescape')).hexdigest()}"


def _line(tree: Tree, entry: Entry) -> str:
    if entry.kind != REGULAR:
        return f"{entry.kind} {entry.identity}  0"
    data = tree.read(entry.path, limit=MAX_BYTES)
    return f"{hashlib.sha256(data).hexdigest()}  {len(data)}"


def file_digest(tree: Tree, entry: Entry) -> str:
    """The digest of one file of a tree."""
    return f"sha256:{hashlib.sha256(tree.read(entry.path, limit=MAX_BYTES)).hexdigest()}"


def _named(touched: Mapping[str, Touch], *kinds: str) -> list[str]:
    return sorted({classify(path).values[0] for path in touched if classify(path).kind in kinds})


def _manifests(head: Tree, touched: Mapping[str, Touch]) -> Iterator[str]:
    """The records that come in or that changed pointers name, with the records of their bases."""
    entries = head.entries()
    for path in touched:
        kind = classify(path).kind
        if kind == "Pointer":
            pointer = _document(head, path)
            names = pointer.revisions if isinstance(pointer, Pointer) else ()
            wanted = [revision_path(classify(path).values[1], name) for name in names]
        else:
            wanted = [path] if kind in ("AdapterRevision", "BaseRevision") else []
        for manifest in wanted:
            yield from filter(lambda found: _is_file(entries, found), _with_base(head, manifest))


def _with_base(head: Tree, path: str) -> Iterator[str]:
    yield path
    revision = _document(head, path)
    if isinstance(revision, AdapterRevision):
        yield base_path(revision.base.name, revision.base.revision)


def _evidence(entries: Mapping[str, Entry], touched: Mapping[str, Touch], manifests: Iterable[str]) -> set[str]:
    """The statements that lie there about these revisions, and those that come in."""
    found = (classify(path) for path in manifests)
    folders = {f"{evidence_folder(RevisionId(*one.values))}/" for one in found if one.kind == "AdapterRevision"}
    about = {path for folder in folders for path in paths_below(entries, folder)}
    new = {path for path in touched if _folder(path)}
    return {path for path in about | new if _is_file(entries, path)}


def _folder(path: str) -> str:
    """The folder of evidence about one revision in which a path lies, "" for none."""
    parts = path.split("/")
    return "/".join(parts[:4]) + "/" if len(parts) > 4 and parts[0] == "adapters" and parts[2] == "evidence" else ""


def _is_file(entries: Mapping[str, Entry], path: str) -> bool:
    return path in entries and entries[path].kind == REGULAR


def _document(tree: Tree, path: str) -> object:
    """The document at a path, None where none can be read."""
    entry = tree.entries().get(path)
    return read_at(tree, entry, classify(path)).document if entry and entry.kind == REGULAR else None
