"""Remembers what was found out about bytes, so that checking an unchanged tree again reads next to nothing.

In memory only, and keyed by the identity of every file involved: the blob of a git tree, or device, inode, size and
time of a file on disk. Used by `gather` and kept by the agent between its turns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from interlock.artifacts.sources import ArtifactFiles
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.evidence.weights_signature import WeightsSignature
from interlock.rules.facts import ArtifactFacts

V = TypeVar("V")
_CAPACITY = 20_000

Elsewhere = Callable[[Artifact], ArtifactFiles]
"""Opens the files of an artifact that lies beyond this machine; raises ArtifactUnreachable where it may not."""


class Remembered(Generic[V]):
    """Values by key; the ones that were used longest ago are dropped first. Not for several threads."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._values: dict[Hashable, V] = {}

    def recall(self, key: Hashable) -> V | None:
        """The value kept for `key`."""
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def keep(self, key: Hashable, value: V) -> None:
        """Remember a value."""
        self._values[key] = value
        while len(self._values) > self._capacity:
            del self._values[next(iter(self._values))]

    def __len__(self) -> int:
        return len(self._values)


class FactCache:
    """What is known of artifacts, the digests of single files, and signatures that have been read.

    Without `elsewhere` nothing beyond this machine is asked.
    """

    def __init__(self, elsewhere: Elsewhere | None = None) -> None:
        self.elsewhere = elsewhere
        self.artifacts: Remembered[ArtifactFacts] = Remembered()
        self.digests: Remembered[Digest] = Remembered()
        self.signatures: Remembered[WeightsSignature] = Remembered()
