"""Where the living example of this repository keeps its bytes, read from its own manifests.

example = living_example()
start_vllm(example.base)
driver.load(example.served("support-bot", "2"), str(example.adapter("support-bot", "2")))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class LivingExample:
    """The one base of the example and the artifacts of its adapter revisions, all files of this repository."""

    base: Path
    base_revision: BaseRevision
    artifacts: Mapping[RevisionId, Artifact]

    def artifact(self, adapter: str, revision: str) -> Artifact:
        """What the manifest says about the bytes of a revision."""
        return self.artifacts[RevisionId(adapter, revision)]

    def adapter(self, adapter: str, revision: str) -> Path:
        """The directory that holds the bytes of a revision."""
        return _directory(self.artifact(adapter, revision).uri)

    def served(self, adapter: str, revision: str) -> str:
        """The name under which an engine serves a revision."""
        return str(ServedName.of(adapter, revision, self.artifact(adapter, revision).digest))


@cache
def living_example() -> LivingExample:
    """Read the example from the root of this repository."""
    snapshot = read_snapshot(WorkingTree(REPOSITORY))
    (base,) = (located.document for located in snapshot.bases.values())
    assert base.source.uri is not None
    artifacts = {name: located.document.artifact for name, located in snapshot.revisions.items()}
    return LivingExample(_directory(base.source.uri), base, artifacts)


def _directory(uri: str) -> Path:
    assert uri.startswith("file:")
    return REPOSITORY / uri.removeprefix("file:")
