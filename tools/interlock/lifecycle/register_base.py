"""Makes a manifest from the directory of a base model: what every adapter on it is judged against.

Called by `interlock register base`. Everything comes from the bytes: shapes, digests of weights, tokenizer and chat
template, and how the two behave on fixed probes. Refuses to change a base revision that exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interlock.artifacts.base_directory import BaseDescription, describe_base
from interlock.artifacts.digests import Progress
from interlock.artifacts.fingerprints import local_fingerprints
from interlock.documents.identifiers import Digest, RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import Fingerprinted
from interlock.documents.kinds.base_revision import BaseRevision, BaseSource, Pedigree
from interlock.documents.layout import base_path
from interlock.documents.positions import Location
from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.documents.writing import dump_document, edit_yaml
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import InterlockError
from interlock.lifecycle.artifact_place import ArtifactPlace, artifact_place
from interlock.lifecycle.known_names import known_environment


@dataclass(frozen=True, slots=True)
class BaseRegistration:
    """What a person says about a base; `hub` is a hub repository and its commit, `environments` will name the base."""

    base: RevisionId
    license: str
    hub: tuple[str, str] | None = None
    copy: bool = False
    environments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PlannedBase:
    """A manifest that may be written. `files` are new documents, `edits` environments that name the base."""

    manifest: BaseRevision
    directory: Path
    place: ArtifactPlace
    files: Mapping[str, str]
    edits: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.manifest.files)

    @property
    def written(self) -> list[str]:
        """Paths that writing the plan creates or changes."""
        return [*self.files, *self.edits, *([self.place.copy_to] if self.place.copy_to else [])]


def plan_base(root: Path, directory: Path, wanted: BaseRegistration, progress: Progress | None = None) -> PlannedBase:
    """Describe `directory` as a base revision; writes nothing.

    Raises:
        InterlockError: the base revision is already registered.
        UsageError: an environment that should name the base is not there.
        ArtifactError: the directory is not a base model.
    """
    tree = WorkingTree(root)
    snapshot = read_snapshot(tree)
    path = base_path(wanted.base.adapter, wanted.base.revision)
    if (root / path).exists():
        raise InterlockError(
            f"{wanted.base} is already registered: {path}",
            expected="a base revision that is not there yet: records never change",
            remedy="register the bytes under another revision",
        )
    edits = _environments_naming(root, snapshot, wanted)
    found = describe_base(directory, progress)
    served = str(ServedName.of(wanted.base.adapter, wanted.base.revision, found.digest))
    place = artifact_place(root, directory, served, uri=None, copy=wanted.copy)
    manifest = _manifest(directory, found, wanted, place)
    return PlannedBase(manifest, directory, place, {path: dump_document(manifest)}, edits)


def _manifest(directory: Path, found: BaseDescription, wanted: BaseRegistration, place: ArtifactPlace) -> BaseRevision:
    tokenizer, template = local_fingerprints(directory)
    repository, commit = wanted.hub or (None, None)
    uri = None if wanted.hub and not wanted.copy else place.uri
    return BaseRevision(
        kind="BaseRevision",
        name=wanted.base.adapter,
        revision=wanted.base.revision,
        source=BaseSource(repository=repository, commit=commit, uri=uri),
        digest=found.digest,
        files=found.files,
        config=found.config,
        modules=found.modules,
        tokenizer=Fingerprinted(digest=found.tokenizer_digest, fingerprint=tokenizer),
        chat_template=_template(found, template),
        quantization=found.quantization,
        pedigree=Pedigree(kind="foundation"),
        license=wanted.license,
    )


def _template(found: BaseDescription, fingerprint: Digest | None) -> Fingerprinted | None:
    if found.chat_template_digest is None or fingerprint is None:
        return None
    return Fingerprinted(digest=found.chat_template_digest, fingerprint=fingerprint)


def _environments_naming(root: Path, snapshot: Snapshot, wanted: BaseRegistration) -> dict[str, str]:
    """Environment documents edited to name the base: path → text."""
    changes: dict[Location, object] = {
        ("base", "name"): wanted.base.adapter,
        ("base", "revision"): wanted.base.revision,
    }
    edited = {}
    for name in wanted.environments:
        path = known_environment(snapshot, name).path
        edited[path] = edit_yaml(WorkingTree(root).read(path, limit=MAX_DOCUMENT_BYTES).decode("utf-8"), changes)
    return edited
