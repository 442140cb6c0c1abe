"""Reading desired state: poll the remote, fetch without force, check the new commit, accept it or stay where we are.

A commit is accepted only when the same checker that guards pull requests passes it. What was accepted last is written
to disk before anything is done with it, so that a restart begins there.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.checking.checker import CheckCaches, CheckResult, check_tree
from interlock.checking.clock import utc_today
from interlock.documents.identifiers import commit_id
from interlock.errors import DocumentError
from interlock.findings.finding import Finding, Verdict
from interlock.history.commit_tree import CommitTree
from interlock.history.mirror import Mirror
from interlock.history.pointer_history import pointer_changes
from interlock.history.way_back import earlier_active
from interlock.sync.desired import Desired, desired_state
from interlock.sync.rollback_targets import rollback_targets

UNKNOWN_PAUSE = 30.0


@dataclass(frozen=True)
class Rejected:
    """A commit that this node will not apply, and why."""

    commit: str
    findings: tuple[Finding, ...]
    verdict: Verdict
    judged_at: float

    def is_due(self, now: float) -> bool:
        """Whether judging again may help: what could not be evaluated may be within reach by now."""
        return self.verdict is Verdict.UNKNOWN and now - self.judged_at >= UNKNOWN_PAUSE

    @property
    def why(self) -> str:
        """The first blocking finding in one line, and how many more there are."""
        blocking = [finding for finding in self.findings if finding.blocks]
        if not blocking:
            return f"commit {self.commit[:12]} could not be evaluated"
        more = f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else ""
        first = blocking[0]
        return f"commit {self.commit[:12]} is refused: {first.place}: {first.rule}: {first.found}{more}"

    @property
    def remedy(self) -> str:
        """The command that shows all of it."""
        return f"run: git revert {self.commit[:12]} and push, or repair it in a new commit; see all: interlock check"


class DesiredSource:
    """The git side of one node."""

    def __init__(self, mirror: Mirror, environment: str, state: Path, today: Callable[[], dt.date] = utc_today) -> None:
        self._mirror = mirror
        self._environment = environment
        self._today = today
        self._record = state / "accepted.json"
        self._caches = CheckCaches()
        self._desired: Desired | None = None
        self._accepted = self._read_record()
        self.rejected: Rejected | None = None
        self.attempted: str | None = self._accepted

    @property
    def accepted(self) -> str | None:
        """The last commit that passed, also across restarts."""
        return self._accepted

    def poll(self, now: float) -> bool:
        """Look at the remote once; returns whether a commit was judged (accepted or rejected). `now` is monotonic.

        A refused commit is judged again only if it could not be evaluated, and then after a pause.

        Raises:
            HistoryError: the remote is unreachable, or its branch was rewritten; what was accepted stays.
        """
        head = self._mirror.remote_head()
        if head == self._accepted:
            if self._desired is None:
                self._mirror.fetch(head)  # after a restart, for the case that somebody has removed the mirror
            self.rejected, self.attempted = None, head
            return False
        if self.rejected and head == self.rejected.commit and not self.rejected.is_due(now):
            return False
        self.attempted = head
        self._judge(self._mirror.fetch(self._accepted), now)
        return True

    def desired(self) -> Desired | None:
        """The desired state of the accepted commit; None before the first one."""
        if self._accepted is not None and self._desired is None:
            with self._mirror.repository.commit_tree(self._accepted) as tree:
                self._desired = self._compute(tree, self._check(tree))
        return self._desired

    def _judge(self, commit: str, now: float) -> None:
        self.attempted = commit
        with self._mirror.repository.commit_tree(commit) as tree:
            result = self._check(tree)
            if result.verdict is not Verdict.PASS:
                self.rejected = Rejected(commit, tuple(result.findings), result.verdict, now)
                return
            desired = self._compute(tree, result)
        write_atomically(self._record, json.dumps({"accepted": commit}).encode())
        self._accepted, self._desired, self.rejected = commit, desired, None

    def _check(self, tree: CommitTree) -> CheckResult:
        return check_tree(tree, environment=self._environment, today=self._today(), caches=self._caches)

    def _compute(self, tree: CommitTree, result: CheckResult) -> Desired:
        changes = pointer_changes(self._mirror.repository.git, tree.label, self._environment)
        earlier = {change.adapter: earlier_active(changes, change.adapter) for change in changes}
        kept = rollback_targets(tree, result, self._environment, earlier, self._caches.facts)
        return desired_state(result.snapshot, self._environment, kept, commit=tree.label)

    def _read_record(self) -> str | None:
        data = read_bounded(self._record, limit=4096)
        if data is None:
            return None
        try:
            return commit_id(json.loads(data)["accepted"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DocumentError(
                f"{self._record} is damaged: {error or 'no commit in it'}",
                expected="the last accepted commit, as this agent wrote it",
                remedy=f"compare it with `git log` on the remote, then correct or remove {self._record}",
            ) from error
