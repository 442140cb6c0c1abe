"""A team on a bare git server: real keys, signed commits, a protected environment, and the three ways of merging.

    workshop = Workshop.begin(tmp_path)
    workshop.promote("promote")                                  # alice proposes on a branch of that name
    workshop.approve("bob", "main..promote")
    commit = workshop.merge("promote", how="squash")

Alice writes and merges; bob (validator) and carol (operator) approve; production asks for one of each. Everybody works
in one clone. `origin` is the bare server.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interlock.approvals.keys import KeyRing
from interlock.checking.approval_gathering import Gathered, gather_statements
from interlock.checking.clock import utc_now
from interlock.checking.decision import Decision, merged_decision, proposed_decision
from interlock.checking.trusted_side import roster_of
from interlock.history.git_command import Git
from interlock.history.repository import GitRepository
from support.command_line import Outcome, interlock
from support.repositories import Repository, environment, write_repository
from support.signers import Team

How = Literal["merge", "squash", "rebase"]
POLICY = {
    "kind": "Policy",
    "environments": ["production"],
    "approvals": {"count": 2, "roles": {"validator": 1, "operator": 1}, "distinct": ["author", "approver"]},
    "rollback": {"approvals": 1, "skip": ["soak"]},
    "emergency": {"roles": ["incident-commander"], "expires": "4h", "review_within": "24h"},
}


@dataclass
class Workshop:
    """The clone in which everybody works, the bare server, and the keys."""

    repository: Repository
    server: Path
    team: Team

    @classmethod
    def begin(cls, scratch: Path) -> Workshop:
        """A valid repository on a bare server, its first commit signed by alice."""
        team = Team.make(scratch / "keys")
        repository = write_repository(scratch / "work")
        repository.write("policies/roster.yaml", team.roster())
        repository.write("policies/production.yaml", POLICY)
        repository.change(environment("production"), "protected", to=True)
        repository.git("init", "--quiet", "--initial-branch", "main")
        server = scratch / "server.git"
        repository.git("init", "--quiet", "--bare", "--initial-branch", "main", str(server))
        repository.git("remote", "add", "origin", str(server))
        for name, value in {
            "user.name": "alice",
            "user.email": "alice@example.com",
            "gpg.format": "ssh",
            "user.signingkey": str(team.key("alice")),
            "commit.gpgsign": "true",
        }.items():
            repository.git("config", name, value)
        workshop = cls(repository, server, team)
        workshop.commit("Begin")
        workshop.git("push", "--quiet", "origin", "main")
        return workshop

    def git(self, *words: str) -> str:
        """Run git in the clone, as alice, signing what is committed."""
        identity = ("-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "commit.gpgsign=true")
        return self.repository.git(*identity, *words)

    def commit(self, message: str) -> str:
        """Commit everything that lies there, signed by alice."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-S", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def promote(self, branch: str, revision: str = "2", *, steps: int = 1) -> str:
        """Propose another active revision of support-bot in production, on a branch from main, in so many commits."""
        self.git("checkout", "--quiet", "-B", branch, "main")
        for number in range(1, steps):
            self.repository.point("production", "support-bot", keep=["1", "3"][:number])
            self.commit(f"Step {number}")
        self.repository.point("production", "support-bot", active=revision)
        commit = self.commit(f"Promote support-bot {revision}")
        self.git("checkout", "--quiet", "main")
        return commit

    def approve(self, who: str, what: str, *words: str) -> Outcome:
        """Let somebody approve a change, and push that to the server."""
        options = ("--key", str(self.team.key(who)), "--yes", "--push", "origin", "-C", str(self.repository.root))
        return interlock("approve", what, *options, *words)

    def merge(self, branch: str, how: How = "merge") -> str:
        """Merge a branch into main, as alice, in one of the ways in which forges do it; returns the new commit."""
        self.git("checkout", "--quiet", "main")
        if how == "merge":
            self.git("merge", "--quiet", "--no-ff", "-S", "--message", f"Merge {branch}", branch)
        elif how == "squash":
            self.git("merge", "--quiet", "--squash", branch)
            self.git("commit", "--quiet", "-S", "--message", f"Promote ({branch})")
        else:
            self.git("checkout", "--quiet", "-B", f"{branch}-rebased", branch)
            self.git("rebase", "--quiet", "--force-rebase", "-S", "main")
            self.git("checkout", "--quiet", "main")
            self.git("merge", "--quiet", "--ff-only", f"{branch}-rebased")
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def attest(self, what: str = "HEAD", *words: str, who: str = "check-ci") -> Outcome:
        """Judge merged commits and sign that they passed."""
        return interlock("attest", what, "--key", self.team.key(who), "-C", self.repository.root, *words)

    @property
    def opened(self) -> GitRepository:
        """The clone, as the code under test sees it."""
        return GitRepository(self.repository.root, Git(self.repository.root))

    def proposal(self, branch: str) -> Decision:
        """What merging a branch into main would decide."""
        opened = self.opened
        return proposed_decision(opened, opened.resolve("main"), opened.resolve(branch))

    def merged(self, commit: str) -> Decision:
        """What a commit of main decides."""
        return merged_decision(self.opened, commit)

    def gathered(self, decision: Decision, now: dt.datetime | None = None) -> Gathered:
        """What the statements about a decision are worth."""
        now = now or utc_now()
        return gather_statements(
            self.opened, decision, KeyRing.of(roster_of(self.opened, decision.parent), now.date()), now
        )

    def holding(self, decision: Decision, now: dt.datetime | None = None) -> list[str]:
        """Whose approvals of a decision hold."""
        return sorted(str(one.login) for one in self.gathered(decision, now).approvals if not one.why_void)

    def void(self, decision: Decision, now: dt.datetime | None = None) -> list[str]:
        """Why approvals of a decision do not hold."""
        return sorted(one.why_void for one in self.gathered(decision, now).approvals if one.why_void)
