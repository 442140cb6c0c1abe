"""Proposes a change to a repository of `support.repositories` and says what came of it in the words of a test.

    proposal = Proposal.begin(tmp_path / "repository")
    proposal.repository.point("staging", "support-bot", active="3")
    proposal.refused("skipped-stage", pointer("staging", "support-bot"), '"3"')

The trusted side is the branch `main`; what lies in the working directory is committed to the branch `proposal` and
judged as the merge into `main`. `now` is the time of every commit and of the check, and only a test moves it. `said` is
what people said about the proposal, None where nobody asked for approvals; `author` is who proposes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from interlock.checking.changes import ChangeResult, check_change
from interlock.checking.checker import exit_code
from interlock.checking.proposals import proposed_commits
from interlock.findings.finding import Finding
from interlock.history.repository import GitRepository
from support.approving import Said
from support.checks import describe, text_at
from support.repositories import Repository, write_repository

NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
"""A Tuesday."""


@dataclass
class Proposal:
    """A repository with a trusted branch `main`, and a clock."""

    repository: Repository
    now: dt.datetime = NOON
    said: Said | None = None
    author: str = "alice"

    def merge(self, message: str = "Merge") -> str:
        """Commit what lies there to `main`, now, as if it had been reviewed."""
        return self.repository.commit(message, at=self.now)

    def wait(self, **duration: float) -> None:
        """Let time pass: arguments of `datetime.timedelta`."""
        self.now += dt.timedelta(**duration)

    @classmethod
    def begin(cls, root: Path) -> Proposal:
        """A valid repository on disk, everything merged to `main` at `NOON`."""
        repository = write_repository(root)
        repository.git("init", "--quiet", "--initial-branch", "main")
        repository.commit("Begin", at=NOON)
        return cls(repository)

    def check(self, *, base: str = "main", environment: str | None = None) -> ChangeResult:
        """Judge what lies there as a change of `base`; afterwards `main` is checked out as it was.

        With `said`, the approvals of the change are judged too.
        """
        self.repository.git("checkout", "--quiet", "-B", "proposal")
        self.repository.commit("Propose", at=self.now, who=self.author)
        self.repository.git("checkout", "--quiet", "main")
        git = GitRepository(self.repository.root)
        with proposed_commits(git, base, "proposal") as found:
            return check_change(
                found.git,
                found.base_commit,
                found.base,
                found.head,
                now=self.now,
                environment=environment,
                approvals=self.said.about(git, self.author) if self.said else None,
            )

    def refused(self, rule: str, path: str, at: str, *, exit_status: int = 1, beside: Collection[str] = ()) -> Finding:
        """Assert that `rule` complains once, at `path` where the text `at` begins, and nothing but `beside` does."""
        result = self.check()
        told = "\n".join(map(describe, result.findings))
        assert {finding.rule for finding in result.findings if finding.blocks} == {rule, *beside}, told
        (finding,) = (finding for finding in result.findings if finding.rule == rule)
        self.repository.git("checkout", "--quiet", "proposal")
        shown = text_at(self.repository, finding.place)
        self.repository.git("checkout", "--quiet", "main")
        assert finding.place.path == path
        assert shown.startswith(at), f"the finding points at {shown!r}"
        assert exit_code(result) == exit_status
        assert finding.expected
        assert finding.remedy
        return finding

    def warned(self, rule: str, path: str) -> Finding:
        """Assert that `rule` and nothing else complains, once, at `path`, and blocks nothing; exit 0."""
        result = self.check()
        assert [finding.rule for finding in result.findings] == [rule], "\n".join(map(describe, result.findings))
        (finding,) = result.findings
        assert finding.place.path == path
        assert exit_code(result) == 0
        return finding

    def passes(self) -> ChangeResult:
        """Assert that nothing blocks; exit 0."""
        result = self.check()
        assert [describe(finding) for finding in result.findings if finding.blocks] == []
        assert exit_code(result) == 0
        return result
