"""Reading desired state: poll the remote, fetch without force, check the new commit, accept it or stay where we are.

A commit is accepted only when everybody stands behind it who must (`trust`), and when the same checker that guards pull
requests passes it. What was accepted last is written to disk before anything is done with it, so that a restart begins
there.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path

from interlock.approvals.facts import PastEmergency
from interlock.checking.checker import CheckCaches, CheckResult, check_tree
from interlock.checking.clock import utc_now
from interlock.documents.kinds.node import NodeTrust
from interlock.findings.finding import Verdict
from interlock.findings.readable import readable
from interlock.history.commit_tree import CommitTree
from interlock.history.mirror import Mirror, Tips
from interlock.history.pointer_history import pointer_changes
from interlock.history.way_back import earlier_active
from interlock.sync.accepted import Accepted, read_accepted, write_accepted
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired, desired_state
from interlock.sync.moments import Moments, unwatched
from interlock.sync.rejected import UNKNOWN_PAUSE, Distrusted, Rejected, distrusted
from interlock.sync.rollback_targets import rollback_targets
from interlock.sync.trust import Trust
from interlock.sync.trust_outcome import Trusted

__all__ = ["UNKNOWN_PAUSE", "DesiredSource", "Distrusted", "Rejected"]

log = logging.getLogger("interlock.sync")


class DesiredSource:
    """The git side of one node."""

    def __init__(
        self,
        mirror: Mirror,
        environment: str,
        state: Path,
        trust: NodeTrust | None = None,
        *,
        now: Callable[[], dt.datetime] = utc_now,
        moments: Moments = unwatched,
    ) -> None:
        """`now` is the wall clock, with a timezone.

        Raises:
            DocumentError: the record of the accepted commit is damaged.
        """
        self._mirror = mirror
        self._environment = environment
        self._now, self._moments = now, moments
        self._record = state / "accepted.json"
        self._caches = CheckCaches()
        self._trust = Trust(mirror, environment, trust or NodeTrust(), now=now, caches=self._caches)
        self._desired: Desired | None = None
        self._accepted = read_accepted(self._record)
        self._settled: bool | None = None
        self._statements: str | None = None
        self._emergencies: tuple[PastEmergency, ...] | None = None
        self.rejected: Rejected | Distrusted | None = None
        self.attempted: str | None = self.accepted

    @property
    def accepted(self) -> str | None:
        """The last commit that passed, also across restarts."""
        return self._accepted.commit if self._accepted else None

    @property
    def how_accepted(self) -> str:
        """What stands behind the last accepted commit, "" where nothing was demanded of it."""
        return self._accepted.how if self._accepted and self._accepted.root else ""

    @property
    def emergencies(self) -> tuple[PastEmergency, ...]:
        """The emergencies up to the accepted commit that nobody else has reviewed yet, as of the last poll."""
        return self._emergencies or ()

    def demands(self) -> Demands | None:
        """What is demanded of new commits; None before the first commit was accepted."""
        return self._trust.demands(self.accepted) if self.accepted else None

    def poll(self, now: float) -> bool:
        """Look at the remote once; returns whether a commit was judged (accepted or rejected). `now` is monotonic.

        A refused commit is judged again only if it could not be evaluated, and then after a pause, or when there are
        new statements that may speak for it.

        Raises:
            HistoryError: the remote is unreachable, or its branch was rewritten; what was accepted stays.
        """
        tips = self._mirror.remote_tips()
        if tips.head == self.accepted and self._stays(tips):
            return False
        if self.rejected and tips.head == self.rejected.commit and not self.rejected.is_due(now, tips.statements):
            return False
        self.attempted = tips.head
        self._moments("fetch:before")
        commit = self._mirror.fetch(self.accepted)
        self._moments("fetch:after")
        if self._trust.demands(self.accepted, commit).any:
            self._mirror.fetch_statements()
        self._judge(commit, tips.statements, now)
        return True

    def desired(self) -> Desired | None:
        """The desired state of the accepted commit; None before the first one.

        None also where the settings demand more of it by now than it has shown: then it is judged anew.
        """
        if self._accepted is not None and self._desired is None and self._is_settled(self._accepted):
            with self._mirror.repository.commit_tree(self._accepted.commit) as tree:
                self._desired = self._compute(tree, self._check(tree), self._accepted)
        return self._desired

    def _stays(self, tips: Tips) -> bool:
        """Whether there is nothing to judge about the accepted commit, which the branch still names."""
        assert self._accepted
        if self._desired is None:
            self._mirror.fetch(tips.head)  # after a restart, for the case that somebody has removed the mirror
        if not self._is_settled(self._accepted):
            return False
        self.rejected, self.attempted = None, tips.head
        self._look_for_reviews(self._accepted, tips.statements)
        return True

    def _look_for_reviews(self, accepted: Accepted, statements: str | None) -> None:
        """Find out which emergencies are open, once, and again when new statements may be their reviews."""
        if self._emergencies is None:
            self._emergencies = self._trust.open_emergencies(accepted)
        if self._emergencies and statements != self._statements:
            self._mirror.fetch_statements()
            self._emergencies = self._trust.open_emergencies(accepted)
            self._statements = statements

    def _is_settled(self, accepted: Accepted) -> bool:
        if self._settled is None:
            self._settled = self._trust.is_settled(accepted)
        return self._settled

    def _judge(self, commit: str, statements: str | None, now: float) -> None:
        self.attempted = commit
        trusted = self._trust.judge(self._accepted, commit)
        if not isinstance(trusted, Trusted):
            self.rejected = distrusted(self.rejected, commit, trusted, statements, now)
            return
        with self._mirror.repository.commit_tree(commit) as tree:
            result = self._check(tree)
            if result.verdict is not Verdict.PASS:
                self.rejected = Rejected(commit, tuple(result.findings), result.verdict, now)
                return
            desired = self._compute(tree, result, trusted.accepted)
        self._moments("accept:before")
        write_accepted(self._record, trusted.accepted)
        self._moments("accept:after")
        self._accepted, self._desired, self.rejected, self._settled = trusted.accepted, desired, None, True
        self._statements, self._emergencies = statements, self._trust.open_emergencies(trusted.accepted)
        for one in self._emergencies:
            log.critical(
                "an emergency of %s (commit %s) is not reviewed: %s", one.by, one.commit[:12], readable(one.reason)
            )

    def _check(self, tree: CommitTree) -> CheckResult:
        today = self._now().astimezone(dt.UTC).date()
        return check_tree(tree, environment=self._environment, today=today, caches=self._caches)

    def _compute(self, tree: CommitTree, result: CheckResult, accepted: Accepted) -> Desired:
        listed = pointer_changes(self._mirror.repository.git, tree.label, self._environment)
        changes = [change for change in listed if change.commit not in accepted.undone]
        earlier = {change.adapter: earlier_active(changes, change.adapter) for change in changes}
        kept = rollback_targets(tree, result, self._environment, earlier, self._caches.facts)
        return desired_state(result.snapshot, self._environment, kept, commit=tree.label)
