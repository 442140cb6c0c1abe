"""Promotions and rollbacks of the living example's adapter, signed and approved, for measurements of agents."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from interlock.demo.people import APPROVERS, People
from interlock.demo.scratch import Scratch
from interlock.documents.identifiers import RevisionId, ServedName
from interlock.history.attestation_ref import REF

ENVIRONMENT, ADAPTER = "production", "support-bot"
PROMOTE = ("promote", ADAPTER, "--to", ENVIRONMENT, "--commit")
ROLL_BACK = ("rollback", ADAPTER, "--env", ENVIRONMENT, "--commit")


@dataclass(frozen=True)
class Changes:
    """The developer's clone and everybody's keys."""

    scratch: Scratch
    people: People

    def prepare(self, words: tuple[str, ...]) -> str:
        """Commit a change and have it approved, all of it in the clone; returns the served name that it asks for."""
        self._interlock(*words)
        for name in APPROVERS if self.people.can_sign else ():
            self._interlock("approve", "HEAD", "--yes", "--key", str(self.people.key(name)))
        snapshot = self.scratch.snapshot()
        active = snapshot.pointers[ENVIRONMENT, ADAPTER].document.active
        revision = snapshot.revisions[RevisionId(ADAPTER, active)].document
        return str(ServedName.of(ADAPTER, active, revision.artifact.digest))

    def push(self) -> None:
        """Push commit and approvals together, as one update of the remote."""
        refs = ("HEAD:main", *((REF,) if self.people.can_sign else ()))
        self.scratch.git("push", "--quiet", "--atomic", "origin", *refs)

    def _interlock(self, *words: str) -> None:
        command = [sys.executable, "-m", "interlock.cli.main", *words]
        subprocess.run(command, cwd=self.scratch.clone, check=True, capture_output=True, timeout=120)
