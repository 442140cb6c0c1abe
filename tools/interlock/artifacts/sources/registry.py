"""Which module reads which kind of address. Nothing is scanned: a new kind is a line here, and modules load late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from interlock.artifacts.sources.access import SourceAccess
from interlock.artifacts.sources.archives import ArchivedFiles, WithArchives
from interlock.artifacts.sources.files import ArtifactFiles
from interlock.artifacts.sources.local import DirectoryFiles, TreeFiles
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import Entry, Tree

REMOTE: Mapping[str, str] = {"https": "https", "s3": "s3", "oci": "oci", "hf": "hf"}
"""Kind of address → the module whose `open_files` reads it; `documents.addresses` accepts no other kinds."""


def open_source(
    artifact: Artifact,
    tree: Tree,
    *,
    entries: Mapping[str, Entry] | None = None,
    access: SourceAccess | None = None,
) -> ArtifactFiles:
    """Return the place that the artifact's `uri` names; nothing is read yet.

    `file:RELATIVE` is a directory of `tree`, the commit or working directory that the manifest stands in;
    `file:///ABSOLUTE` one of this machine, taken as it is written (no percent-decoding). `entries` are the tree's
    entries, for callers that have them at hand. Other kinds are read with `access`, without any anonymously; what is
    not there is looked for in its archives.
    """
    scheme, _, rest = artifact.uri.partition(":")
    if scheme != "file" or rest.startswith("/"):
        return open_beyond(artifact, access or SourceAccess())
    return _with_archives(TreeFiles(tree, rest, entries), artifact, access or SourceAccess())


def open_beyond(artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    """Return the place outside of the repository that the artifact's `uri` names; nothing is asked yet."""
    return _with_archives(_at_its_address(artifact, access), artifact, access)


def _with_archives(source: ArtifactFiles, artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    if not access.archives:
        return source
    archived = (
        ArchivedFiles(artifact, archive, lambda there: _at_its_address(there, access)) for archive in access.archives
    )
    return WithArchives(source, tuple(archived))


def _at_its_address(artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    if artifact.uri.startswith("file:"):
        return DirectoryFiles(Path(artifact.uri.removeprefix("file://")))
    module = import_module(f"interlock.artifacts.sources.{REMOTE[artifact.uri.partition(':')[0]]}")
    opener = cast("Callable[[Artifact, SourceAccess], ArtifactFiles]", module.open_files)
    return opener(artifact, access)
