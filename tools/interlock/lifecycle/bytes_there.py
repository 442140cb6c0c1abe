"""Compares what lies at an address beyond this machine with the files that are being registered under it.

Called by register, for a person who named the address: any host may be asked, with the logins of that person.
"""

from __future__ import annotations

from interlock.artifacts.digests import Progress, chunks, digest_of
from interlock.artifacts.sources import ArtifactFiles
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactError, UsageError


def verify_bytes_there(artifact: Artifact, there: ArtifactFiles, progress: Progress | None = None) -> None:
    """Read every file of `artifact` from where it will be read.

    Raises:
        UsageError: a file is not there, cannot be read, or holds other bytes.
    """
    done = 0
    for file in artifact.files:
        try:
            _verify(file, there)
        except ArtifactError as error:
            raise UsageError(
                f"nothing was registered: {error.found}",
                expected=error.expected or f"the files of the directory at {artifact.uri}",
                remedy=f"upload them to {artifact.uri} first, or add --not-there-yet if that comes later"
                f"{f' ({error.remedy})' if 'sources.md' in error.remedy else ''}",
            ) from error
        done += file.size
        if progress:
            progress(done, artifact.size)


def _verify(file: ArtifactFile, there: ArtifactFiles) -> None:
    with there.open(file.path) as stream:
        found = digest_of(chunks(stream, file.path))
    if found != file.digest:
        raise ArtifactCorrupt(
            f"{file.path} at {there.label} has the digest {found}",
            expected=f"{file.digest}, as the file in the directory",
        )
