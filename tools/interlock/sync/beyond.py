"""How a node's checker looks at artifacts beyond the node: at the bytes in the store, or else where they come from.

Called by `commit_judge`. What is in the store is asked nowhere: a source that does not answer holds up neither a
rollback nor a promotion of something else.
"""

from __future__ import annotations

from interlock.artifacts.sources import ArtifactFiles, DirectoryFiles, SourceAccess, open_beyond
from interlock.artifacts.store import ArtifactStore
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactError


class Beyond:
    """Opens artifacts for the checker. The bytes in the store are verified once here, and again before each load."""

    def __init__(self, store: ArtifactStore, access: SourceAccess) -> None:
        self._store = store
        self._access = access
        self._verified: set[Digest] = set()

    def __call__(self, artifact: Artifact) -> ArtifactFiles:
        """The files of an artifact at an address beyond this machine; nothing is asked for yet."""
        if self._is_here(artifact):
            return DirectoryFiles(self._store.path_of(artifact))
        return open_beyond(artifact, self._access)

    def _is_here(self, artifact: Artifact) -> bool:
        if not self._store.has(artifact):
            return False
        if artifact.digest not in self._verified:
            try:
                self._store.verify(artifact)
            except ArtifactError:
                return False  # placing repairs that, and says so
            self._verified.add(artifact.digest)
        return True
