"""A copy of the living example with a bare remote, for tests in which an agent follows it.

clone = LivingClone.make(tmp_path, example)
clone.register(directory, "support-bot", "9", previous="3")
clone.point("dev", "support-bot", active="9")
commit = clone.push("Promote")
"""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.checking.checker import CheckResult, check_tree
from interlock.documents.identifiers import RevisionId
from interlock.documents.tree import WorkingTree
from interlock.findings.finding import Finding
from interlock.lifecycle.register_adapter import AdapterRegistration, plan_revision
from interlock.lifecycle.write_records import write_revision
from support.living_example import REPOSITORY, LivingExample
from support.repositories import Repository

FOLDERS = ("adapters", "artifacts", "bases", "environments", "policies")


@dataclass(frozen=True)
class LivingClone:
    """A work tree, its bare remote, and the base that everything in it is for."""

    repository: Repository
    remote: Path
    base: RevisionId

    @classmethod
    def make(cls, scratch: Path, example: LivingExample) -> LivingClone:
        """Copy the example into a new work tree and push it to a new remote."""
        root, remote = scratch / "work", scratch / "remote.git"
        for folder in FOLDERS:
            shutil.copytree(REPOSITORY / folder, root / folder)
        repository = Repository(root)
        repository.git("init", "--quiet", "--initial-branch", "main")
        repository.git("init", "--quiet", "--bare", "--initial-branch", "main", str(remote))
        repository.git("remote", "add", "origin", str(remote))
        base = RevisionId(example.base_revision.name, example.base_revision.revision)
        clone = cls(repository, remote, base)
        clone.push("Begin")
        return clone

    def register(self, directory: Path, adapter: str, revision: str, *, previous: str | None = None) -> list[Finding]:
        """Write the manifest of a directory even if the checker refuses it; returns why it does.

        Somebody who edits manifests by hand gets this far too.
        """
        wanted = AdapterRegistration(
            revision=RevisionId(adapter, revision), base=self.base, builder="trainer-ci", copy=True, previous=previous
        )
        plan = plan_revision(self.repository.root, directory, wanted, dt.date(2026, 11, 1))
        write_revision(self.repository.root, plan)
        return list(plan.refusals)

    def point(self, environment: str, adapter: str, **fields: Any) -> None:
        """Set fields of a pointer."""
        self.repository.point(environment, adapter, **fields)

    def push(self, message: str) -> str:
        """Commit everything and push it; returns the commit."""
        commit = self.repository.commit(message)
        self.repository.git("push", "--quiet", "origin", "main")
        return commit

    def revert_and_push(self) -> str:
        """Revert the tip with plain `git revert` and push that; returns the commit."""
        self.repository.git("revert", "--no-edit", "HEAD")
        self.repository.git("push", "--quiet", "origin", "main")
        return self.repository.git("rev-parse", "HEAD")

    def check(self, environment: str, *, deep: bool = False) -> CheckResult:
        """Judge the work tree as the agent of an environment does; `deep` looks at the weights too."""
        return check_tree(WorkingTree(self.repository.root), environment=environment, deep=deep)
