"""Receipts for tests: what a node with a few aliases serves, and journals on a clock of their own.

journal_in(tmp_path, Clock()).append("flipped", witnessed(bot="2"))
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from interlock.approvals.unattended_key import UnattendedKey
from interlock.documents.identifiers import Digest, ServedName
from interlock.receipts.journal import SEGMENT_BYTES, Journal
from interlock.receipts.receipt import AliasRoute, CanaryShare, EngineSeen, Revision
from interlock.receipts.witnessed import Witnessed

NODE = "gpu-1"
ENVIRONMENT = "production"
START = 1_780_000_000.0
COMMIT = "a" * 40


@dataclass
class Clock:
    """Wall and monotonic time together; each receipt comes a minute after the one before it."""

    now: float = START
    step: float = 60.0
    skew: float = 0.0

    def wall(self) -> float:
        """Seconds since the epoch; asked once a receipt."""
        self.now += self.step
        return self.now + self.skew

    def monotonic(self) -> float:
        """Seconds on a clock that nobody sets."""
        return self.now - START


def digest_of(adapter: str, revision: str) -> Digest:
    """The digest of an invented revision."""
    return Digest(f"sha256:{hashlib.sha256(f'{adapter}@{revision}'.encode()).hexdigest()}")


def served(adapter: str, revision: str) -> str:
    """Its served name."""
    return str(ServedName.of(adapter, revision, digest_of(adapter, revision)))


def revision(adapter: str, number: str) -> Revision:
    """It, as a receipt names it."""
    return Revision(served=served(adapter, number), digest=str(digest_of(adapter, number)))


def share(adapter: str, number: str, weight: float = 0.0, tenants: tuple[str, ...] = ()) -> CanaryShare:
    """A canary, as a receipt names it."""
    name, digest = served(adapter, number), str(digest_of(adapter, number))
    return CanaryShare(served=name, digest=digest, weight=repr(weight), tenants=tenants)


def witnessed(
    *, commit: str = COMMIT, canaries: dict[str, CanaryShare] | None = None, process: str = "1", **active: str
) -> Witnessed:
    """What is served: revisions by alias, and canaries."""
    routes = {
        alias: AliasRoute(active=revision(alias, number), canary=(canaries or {}).get(alias))
        for alias, number in sorted(active.items())
    }
    engine = EngineSeen(kind="vllm", version="0.32.0", base="tiny", process=process)
    return Witnessed(commit, hashlib.sha256(repr(routes).encode()).hexdigest(), routes, engine, "yes", ())


def journal_in(
    directory: Path,
    clock: Clock,
    *,
    key: UnattendedKey | None = None,
    node: str = NODE,
    environment: str = ENVIRONMENT,
    segment_bytes: int = SEGMENT_BYTES,
) -> Journal:
    """The journal of a node."""
    return Journal(directory, node, environment, key, clock.monotonic, clock.wall, segment_bytes)
