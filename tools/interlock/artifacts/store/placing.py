"""Brings artifacts into the store and verifies what lies there.

Files are brought in parallel, with their digest and size checked on the way, synced, and renamed into place as a whole,
so that a crash between any two steps leaves nothing or everything at the artifact's path. What was brought before an
interruption is kept beside it and continued. Safe for several processes.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from interlock.artifacts.digests import Progress, file_set_digest
from interlock.artifacts.sources import ArtifactFiles
from interlock.artifacts.store.ahead import Ahead
from interlock.artifacts.store.bringing import Bringing, Hashes, bring_file
from interlock.artifacts.store.disk import sync_directory, writing
from interlock.artifacts.store.parallel import for_each, never
from interlock.artifacts.store.partials import claimed
from interlock.artifacts.store.verifying import verify_directory
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable

VERIFIED_AT_A_TIME = 2
BROUGHT_AT_A_TIME = 3
_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class ArtifactStore:
    """The artifacts of one node below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._placed = self.root / "sha256"
        self._partial = self.root / "partial"
        self._left_off: Hashes = {}
        self._verifying: Ahead | None = None
        self._bringing: Ahead | None = None

    def path_of(self, artifact: Artifact) -> Path:
        """Where the artifact is, or would be; says nothing about whether it is there."""
        return self._placed / artifact.digest.hex

    def has(self, artifact: Artifact) -> bool:
        """Whether the artifact has been placed; `verify` says whether it is still intact."""
        return self.path_of(artifact).is_dir()

    def lacks(self, artifact: Artifact) -> int:
        """How many bytes a placement would add: none when it is placed, fewer when a part has been brought already."""
        if self.has(artifact):
            return 0
        partial = self._partial / artifact.digest.hex
        here = 0
        for file in artifact.files:
            with suppress(OSError):
                here += min(file.size, (partial / file.path).lstat().st_size)
        return artifact.size - here

    def place(
        self,
        artifact: Artifact,
        source: ArtifactFiles,
        progress: Progress | None = None,
        *,
        stop: Callable[[], bool] = never,
    ) -> Path:
        """Return the directory that holds the artifact, verified; brings it from `source` unless it is there.

        `stop` is asked often, from several threads: once it says yes, the placement ends soon and is continued by the
        next one.

        Raises:
            ArtifactMissing: the source lacks a file.
            ArtifactCorrupt: the source, or what is placed already, holds other bytes than the manifest promises.
            ArtifactUnreachable: the source cannot be read, or another process brings it just now; what was brought so
                far is continued next time. `ArtifactArriving` where `stop` ended it.
            StoreUnwritable: the store cannot be written, for example because the disk is full.
        """
        if self._bringing and artifact in self._bringing:
            return self._bringing.result(artifact)
        return self._bring(artifact, source, progress, stop)

    def verify(self, artifact: Artifact) -> Path:
        """Read everything that was placed and return its directory; call it before every load.

        Raises:
            ArtifactMissing: it has not been placed.
            ArtifactCorrupt: a file is missing, additional, a link, or holds other bytes. Nothing is changed: an
                engine may be reading it.
            ArtifactUnreachable: it cannot be read.
        """
        if self._verifying and artifact in self._verifying:
            return self._verifying.result(artifact)
        return self._verify(artifact, never)

    @contextmanager
    def verifying_ahead(self, artifacts: Sequence[Artifact]) -> Iterator[None]:
        """Inside of this, `verify` takes a short time for these artifacts if it is called in their order.

        Two are read at a time, and none is read long before it is asked for. Each reading counts once. What nobody has
        asked for in the end is forgotten.
        """
        if len(artifacts) < 2:
            yield
            return
        with Ahead(self._verify, artifacts, VERIFIED_AT_A_TIME) as self._verifying:
            try:
                yield
            finally:
                self._verifying = None

    @contextmanager
    def bringing_ahead(
        self, sources: Mapping[Digest, ArtifactFiles], artifacts: Sequence[Artifact], stop: Callable[[], bool]
    ) -> Iterator[None]:
        """Inside of this, `place` finds these artifacts on their way if it is called in their order.

        A few are brought at a time, each from the source of its digest. None of them is in the store yet. What nobody
        has asked for in the end is left off, to be continued.
        """

        def bring(artifact: Artifact, unneeded: Callable[[], bool]) -> Path:
            return self._bring(artifact, sources[artifact.digest], None, lambda: stop() or unneeded())

        with Ahead(bring, artifacts, BROUGHT_AT_A_TIME) as self._bringing:
            try:
                yield
            finally:
                self._bringing = None

    def _verify(self, artifact: Artifact, stop: Callable[[], bool]) -> Path:
        _check_manifest(artifact)
        return verify_directory(self.path_of(artifact), artifact, stop)

    def replace_corrupt(
        self,
        artifact: Artifact,
        source: ArtifactFiles,
        progress: Progress | None = None,
        *,
        stop: Callable[[], bool] = never,
    ) -> Path:
        """Place the artifact again where `verify` refuses it; the corrupt directory is moved aside and kept.

        Only for when no engine has the artifact loaded: for a moment there is nothing at its path.

        Raises:
            ArtifactError: as `place`; in that case the corrupt directory is where it was.
        """
        if self._bringing and artifact in self._bringing:
            return self._bringing.result(artifact)
        with suppress(ArtifactCorrupt, ArtifactMissing):
            return self.verify(artifact)
        with self._staged(artifact, source, progress, stop) as staged:
            if self.has(artifact):
                self._move_aside(self.path_of(artifact))
            published = self._publish(staged, self.path_of(artifact))
        return self.path_of(artifact) if published else self.verify(artifact)

    def _bring(
        self, artifact: Artifact, source: ArtifactFiles, progress: Progress | None, stop: Callable[[], bool]
    ) -> Path:
        if self.has(artifact):
            return self.verify(artifact)
        with self._staged(artifact, source, progress, stop) as staged:
            published = self._publish(staged, self.path_of(artifact))
        return self.path_of(artifact) if published else self.verify(artifact)

    @contextmanager
    def _staged(
        self, artifact: Artifact, source: ArtifactFiles, progress: Progress | None, stop: Callable[[], bool]
    ) -> Iterator[Path]:
        """A directory of our own with the whole artifact, synced.

        What cannot be continued (wrong bytes, no room) is removed; what can be is kept for the next time.
        """
        _check_manifest(artifact)
        with writing(self.root, artifact), claimed(self._partial, artifact) as staged:
            try:
                bringing = Bringing(artifact, source, staged, progress, self._left_off)
                for_each(artifact.files, lambda file, halt: bring_file(bringing, file, halt), stop=stop)
                sync_directory(staged)
                yield staged
            except ArtifactUnreachable:
                raise
            except Exception:
                shutil.rmtree(staged, ignore_errors=True)
                raise

    def _publish(self, staged: Path, final: Path) -> bool:
        """Rename the staged directory into place; False if another process was first."""
        self._placed.mkdir(exist_ok=True)
        staged.chmod(0o755)
        try:
            staged.rename(final)
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
            shutil.rmtree(staged, ignore_errors=True)
            return False
        final.chmod(0o555)
        sync_directory(self._placed)
        return True

    def _move_aside(self, directory: Path) -> None:
        aside = self.root / "corrupt"
        aside.mkdir(exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f"{directory.name[:12]}-", dir=aside))
        directory.chmod(0o755)
        directory.rename(place / directory.name)
        sync_directory(aside)


def _check_manifest(artifact: Artifact) -> None:
    digest = file_set_digest(artifact.files)
    if digest != artifact.digest:
        raise ArtifactCorrupt(
            f"the manifest gives the artifact the digest {artifact.digest}, and its files have {digest} together",
            expected="the digest of the listed files",
            remedy="register the adapter again",
        )
