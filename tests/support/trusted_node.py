"""A node that trusts nobody without proof: a real remote, signed commits, signed statements, and its git side.

    node = TrustedNode.begin(tmp_path)
    commit = node.promote("alice", "2")
    node.approve(commit, "bob"), node.approve(commit, "carol")
    node.poll()

Production is protected and serves support-bot 1; staging serves 2. Alice trains, Bob validates, Carol operates and may
act in an emergency, Dave does both, and check-ci attests. Nothing is faked but the clocks.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.approvals.statements import AnyStatement, ApprovalStatement, Approver, Attestation
from interlock.checking.binding import binding_between
from interlock.checking.decision import MAIN, Decision, merged_decision
from interlock.checking.signed_statements import sign_statement
from interlock.documents.identifiers import ServedName
from interlock.documents.kinds.node import NodeTrust
from interlock.history.attestation_exchange import push
from interlock.history.attestation_ref import add, file_name
from interlock.history.git_command import Git
from interlock.history.mirror import Mirror, Remote
from interlock.history.repository import GitRepository
from interlock.sync.commit_judge import CommitJudge
from interlock.sync.rejected import Distrusted, Rejected
from interlock.sync.source import DesiredSource
from support.git_remotes import Published, publish
from support.repositories import Repository, git_repository
from support.signers import Team

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
ROSTER = "policies/roster.yaml"
POLICY = {
    "kind": "Policy",
    "environments": ["production"],
    "approvals": {"count": 2, "roles": {"validator": 1, "operator": 1}, "distinct": ["author", "approver"]},
    "rollback": {"approvals": 1, "skip": ["soak", "evidence", "windows"]},
    "emergency": {"roles": ["incident-commander"], "expires": "4h", "review_within": "24h"},
}
_ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SSH_"))} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass
class TrustedNode:
    """The team's clone, the remote, and the git side of one node with its two clocks."""

    team: Team
    published: Published
    state: Path
    root: str
    trust: NodeTrust
    now: float = 1000.0
    wall: dt.datetime = NOW
    source: DesiredSource = field(init=False)

    @classmethod
    def begin(cls, directory: Path, policy: Mapping[str, Any] = POLICY, **trust: Any) -> TrustedNode:
        """A node that pinned the first commit; `trust` are other settings of its trust."""
        team = Team.make(directory / "keys")
        work = git_repository(directory / "work", engine="embedded")
        work.write(ROSTER, team.roster())
        work.write("policies/production.yaml", policy)
        root = work.commit("Begin with people who are known")
        published = publish(directory / "git", work)
        settings = NodeTrust.model_validate({"root": {"commit": root}, **trust})
        node = cls(team, published, directory / "state", root, settings)
        node.restart()
        return node

    @property
    def work(self) -> Repository:
        """The team's clone."""
        return self.published.work

    @property
    def repository(self) -> GitRepository:
        """The team's clone as Interlock reads it."""
        return GitRepository(self.work.root)

    @property
    def head(self) -> str:
        """What is checked out in the clone."""
        return self.work.git("rev-parse", "HEAD")

    def restart(self, url: str = "") -> None:
        """Another agent on the same state."""
        mirror = Mirror(self.state / "mirror", Remote(url or self.published.url, "main"), timeout=20.0)
        self.source = DesiredSource(CommitJudge(mirror, "production", self.trust, now=lambda: self.wall), self.state)

    def poll(self) -> bool:
        """Look at the remote now."""
        return self.source.poll(self.now)

    # -- what people do ---------------------------------------------------------------------------------------------

    def commit(self, who: str, message: str = "change", *, push: bool = True, date: str = "") -> str:
        """Commit everything as somebody, signed with their key ("": unsigned, as Alice), and push it."""
        self.work.git("add", "--all")
        self.signed(who, "commit", "--quiet", "--allow-empty", "--message", message, date=date)
        if push:
            self.published.push()
        return self.head

    def signed(self, who: str, *words: str, key: Path | None = None, date: str = "") -> None:
        """Run a git command that commits, as somebody."""
        name = who or "alice"
        pins = {"user.name": name, "user.email": f"{name}@example.com", "gpg.format": "ssh"}
        if who:
            pins |= {"user.signingKey": str(key or self.team.key(who)), "commit.gpgSign": "true"}
        options = [word for pin, value in pins.items() for word in ("-c", f"{pin}={value}")]
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
        finished = subprocess.run(
            ["git", *options, *words], cwd=self.work.root, env=_ENVIRONMENT | dates, capture_output=True, check=False
        )
        assert finished.returncode == 0, finished.stderr.decode()

    def promote(self, who: str, revision: str, *, push: bool = True) -> str:
        """Point production at another revision of support-bot, in a commit of its own."""
        self.work.point("production", "support-bot", active=revision)
        return self.commit(who, f"serve {revision}", push=push)

    def revert(self, who: str, *, push: bool = True) -> str:
        """Plain `git revert` of the last commit, signed."""
        self.signed(who, "revert", "--no-edit", "HEAD")
        if push:
            self.published.push()
        return self.head

    def approve(self, commit: str, who: str, **other: Any) -> None:
        """Sign an approval of a commit as it is, or with other values in it, and push it."""
        decision = merged_decision(self.repository, commit)
        self.say(who, decision.tree, self.approval(decision, **other))

    def approval(self, decision: Decision, **other: Any) -> ApprovalStatement:
        """The approval of a decision, unsigned."""
        binding = binding_between(self.repository, decision.parent, decision.tree)
        values: dict[str, Any] = {
            "target_ref": MAIN,
            "tree": decision.tree,
            "from_commit": decision.parent,
            "manifests": binding.manifests,
            "evidence": binding.evidence,
            "policy_digest": binding.policy_digest,
            "environment": binding.environment,
            "adapter": binding.adapter,
            "made": self.wall,
        }
        return ApprovalStatement(**(values | other))

    def attest(self, commit: str, who: str = "check-ci", **other: Any) -> None:
        """Sign an attestation of a commit, and push it."""
        decision = merged_decision(self.repository, commit)
        self.say(who, decision.tree, self.attestation(decision, commit, **other))

    def attestation(self, decision: Decision, commit: str, **other: Any) -> Attestation:
        """The attestation of a decision, unsigned."""
        binding = binding_between(self.repository, decision.parent, decision.tree)
        values: dict[str, Any] = {
            "target_ref": MAIN,
            "tree": decision.tree,
            "commit": commit,
            "from_commit": decision.parent,
            "result": "PASSED",
            "policy_digest": binding.policy_digest,
            "environments": ("production",),
            "approvers": (Approver(login="bob", role="validator"), Approver(login="carol", role="operator")),
            "quorum": "2 of 2",
            "verifier_version": "1",
            "time_verified": self.wall,
        }
        return Attestation(**(values | other))

    def say(self, who: str, tree: str, statement: AnyStatement, *, key: Path | None = None) -> None:
        """Sign a statement, put it beside a tree, and push it."""
        data = sign_statement(statement, key or self.team.key(who))
        git = Git(self.work.root)
        add(git, tree, {file_name(data): data})
        push(git, "origin")

    # -- what the node says -----------------------------------------------------------------------------------------

    @property
    def serves(self) -> str:
        """The revision of support-bot that production should serve here, "" for none."""
        desired = self.source.desired()
        if desired is None:
            return ""
        (found,) = [alias.active.served for alias in desired.aliases if alias.name == "support-bot"]
        return ServedName.parse(found).revision

    @property
    def rejected(self) -> Rejected | Distrusted | None:
        """The refused commit."""
        return self.source.rejected

    @property
    def reason(self) -> str:
        """One word for the refusal, "" where nothing is refused."""
        return self.rejected.reason if self.rejected else ""

    @property
    def why(self) -> str:
        """The refusal in a sentence."""
        return self.rejected.why if self.rejected else ""

    @property
    def kept(self) -> list[str]:
        """The revisions of support-bot that stay loaded for a rollback."""
        desired = self.source.desired()
        assert desired
        (found,) = [alias.kept for alias in desired.aliases if alias.name == "support-bot"]
        return [ServedName.parse(target.served).revision for target in found]


def stays(node: TrustedNode, reason: str, *words: str) -> None:
    """The node looked at the head, refuses it for this reason, and serves what it served."""
    before = node.serves
    node.poll()
    assert node.reason == reason, node.why
    for word in words:
        assert word in node.why, node.why
    assert node.source.accepted != node.head
    assert node.serves == before


def follows(node: TrustedNode, revision: str) -> None:
    """The node looked at the head and serves this revision of support-bot."""
    node.poll()
    assert node.reason == "", node.why
    assert (node.source.accepted, node.serves) == (node.head, revision)


def trusting(directory: Path, **trust: Any) -> TrustedNode:
    """A node that serves support-bot 1 from the root of its trust."""
    node = TrustedNode.begin(directory, **trust)
    assert node.poll()
    assert (node.source.accepted, node.serves, node.reason) == (node.root, "1", "")
    return node
