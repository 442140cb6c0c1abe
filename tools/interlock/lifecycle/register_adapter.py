"""Makes a manifest from an adapter's directory: plans first, judges the plan with the checker's own rules, then writes.

Called by `interlock register adapter`. Everything that can be derived comes from the bytes; a person adds what bytes
do not say (who trained it, from which recipe and data). Refuses to change a revision that exists, and an adapter that
does not fit its base.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interlock.artifacts.digests import Progress, file_digest
from interlock.checking.gather import gather
from interlock.checking.places import directory_in_tree
from interlock.documents.fields import relative_path
from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import (
    AdapterRevision,
    Artifact,
    Dataset,
    Lineage,
    Provenance,
    Recipe,
    Source,
    TrainedOn,
)
from interlock.documents.layout import adapter_path, revision_path
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import Tree, WorkingTree
from interlock.documents.writing import dump_document
from interlock.errors import InterlockError, UsageError
from interlock.evidence.weights_signing import SIGNATURE_FILE
from interlock.findings.finding import Finding
from interlock.lifecycle.adapter_directory import AdapterDirectory, peft_settings, read_adapter_directory
from interlock.lifecycle.adapter_owner import Owner, adapter_text
from interlock.lifecycle.artifact_place import COPIES, ArtifactPlace, artifact_place
from interlock.lifecycle.known_names import known_base
from interlock.lifecycle.overlay_tree import OverlayTree
from interlock.lifecycle.weights_signing import PlannedSignature, planned_signature, recorded
from interlock.rules.registry import judge

Scalar = float | int | str | bool


@dataclass(frozen=True, slots=True)
class AdapterRegistration:
    """What a person says about an adapter's directory; paths of recipe and notes are relative to the repository.

    `sign` is the private key of the builder.
    """

    revision: RevisionId
    base: RevisionId
    builder: str
    uri: str | None = None
    copy: bool = False
    recipe: str | None = None
    source: Source | None = None
    seeds: tuple[int, ...] = ()
    hyperparameters: Mapping[str, Scalar] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    previous: str | None = None
    anchor: str | None = None
    license: str | None = None
    release_notes: str | None = None
    owner: Owner = field(default_factory=Owner)
    sign: Path | None = None


@dataclass(frozen=True, slots=True)
class PlannedRevision:
    """A manifest that may be written when `refusals` is empty.

    `files` are the documents to write by path; `proposed` is the repository with them, for excerpts.
    """

    manifest: AdapterRevision
    directory: AdapterDirectory
    place: ArtifactPlace
    files: Mapping[str, str]
    refusals: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    proposed: Tree
    signature: PlannedSignature | None = None

    @property
    def served_name(self) -> ServedName:
        """The name under which engines will know this revision."""
        return ServedName.of(self.manifest.adapter, self.manifest.revision, self.manifest.artifact.digest)

    @property
    def written(self) -> list[str]:
        """Paths that writing the plan creates: documents, and the folder of the copied bytes or the signature there."""
        folder = self.place.copy_to or ""
        if not folder and self.signature and (inside := directory_in_tree(self.place.uri)):
            folder = f"{inside}/{SIGNATURE_FILE}"
        return [*sorted(self.files), *([folder] if folder else [])]


def plan_revision(
    root: Path, directory: Path, wanted: AdapterRegistration, today: dt.date, progress: Progress | None = None
) -> PlannedRevision:
    """Describe `directory` as the revision `wanted` and judge it against its base; writes nothing.

    Raises:
        UsageError: the base or a file that is named is not in the repository.
        InterlockError: the revision is already registered.
        ArtifactError: the directory is not an adapter.
    """
    tree = WorkingTree(root)
    snapshot = read_snapshot(tree)
    path = revision_path(wanted.revision.adapter, wanted.revision.revision)
    _refuse_existing(root, path, wanted.revision)
    known_base(snapshot, wanted.base.adapter, wanted.base.revision)
    found = read_adapter_directory(directory, progress)
    served = ServedName.of(wanted.revision.adapter, wanted.revision.revision, found.digest)
    place = artifact_place(root, directory, str(served), uri=wanted.uri, copy=wanted.copy)
    signature = planned_signature(found, served, wanted.sign)
    manifest = _manifest(root, found, wanted, place.uri, signed=signature is not None)
    files = {path: dump_document(manifest)}
    if not (root / adapter_path(manifest.adapter)).exists():
        files[adapter_path(manifest.adapter)] = adapter_text(manifest.adapter, wanted.owner, today)
    proposed = OverlayTree(tree, {name: text.encode("utf-8") for name, text in files.items()})
    findings = _judged(proposed, manifest, path, found, signature)
    return PlannedRevision(
        manifest=manifest,
        directory=found,
        place=place,
        files=files,
        refusals=tuple(f for f in findings if f.blocks),
        warnings=tuple(f for f in findings if not f.blocks),
        proposed=proposed,
        signature=signature,
    )


def _refuse_existing(root: Path, path: str, revision: RevisionId) -> None:
    if (root / path).exists() or (root / path).is_symlink():
        raise InterlockError(
            f"{revision} is already registered: {path}",
            expected="a revision that is not there yet: records never change",
            remedy="register the bytes under the next revision number",
        )


def _manifest(
    root: Path, found: AdapterDirectory, wanted: AdapterRegistration, uri: str, *, signed: bool
) -> AdapterRevision:
    signature = recorded(wanted.builder) if signed else None
    return AdapterRevision(
        kind="AdapterRevision",
        adapter=wanted.revision.adapter,
        revision=wanted.revision.revision,
        artifact=Artifact(uri=uri, digest=found.digest, files=found.files, signature=signature),
        peft=peft_settings(found),
        base=TrainedOn(name=wanted.base.adapter, revision=wanted.base.revision),
        provenance=Provenance(
            builder=wanted.builder,
            recipe=_recipe(root, wanted.recipe),
            source=wanted.source,
            seeds=wanted.seeds,
            hyperparameters=dict(wanted.hyperparameters),
        ),
        datasets=wanted.datasets,
        lineage=Lineage(previous=wanted.previous, anchor=wanted.anchor),
        license=wanted.license,
        release_notes=_inside(root, wanted.release_notes, "--release-notes") if wanted.release_notes else None,
    )


def _recipe(root: Path, path: str | None) -> Recipe | None:
    if path is None:
        return None
    inside = _inside(root, path, "--recipe")
    return Recipe(path=inside, digest=file_digest(root / inside))


def _inside(root: Path, path: str, option: str) -> str:
    """`path` relative to the repository; it may be given relative to the repository or to the working directory."""
    for candidate in (root / path, Path(path)):
        absolute = candidate.resolve()
        if absolute.is_file() and absolute.is_relative_to(root.resolve()):
            return relative_path(absolute.relative_to(root.resolve()).as_posix())
    raise UsageError(
        f"{option} {path} is not a file of the repository {root}",
        expected="a file inside the repository, for example adapters/NAME/recipes/1.yaml",
        remedy="copy the file into the repository first",
    )


def _judged(
    proposed: OverlayTree,
    manifest: AdapterRevision,
    path: str,
    found: AdapterDirectory,
    signature: PlannedSignature | None,
) -> list[Finding]:
    """Findings of the checker about the new files, as if the bytes lay in the repository already."""
    revision = RevisionId(manifest.adapter, manifest.revision)
    folder = f"{COPIES}/{ServedName.of(revision.adapter, revision.revision, found.digest)}"
    artifact = manifest.artifact.model_copy(update={"uri": f"file:{folder}"})
    text = dump_document(manifest.model_copy(update={"artifact": artifact}))
    bytes_here = {f"{folder}/{file.path}": found.path / file.path for file in found.files}
    changed = {path: text.encode("utf-8")} | ({f"{folder}/{SIGNATURE_FILE}": signature.data} if signature else {})
    tree = OverlayTree(proposed, changed, bytes_here)
    facts = gather(tree, read_snapshot(tree), only={revision})
    ours = {path, adapter_path(manifest.adapter)}
    return [finding for finding in judge(facts) if finding.place.path in ours]
