"""Reading desired state: poll the remote, fetch without force, judge the new commit, accept it or stay where we are.

Called by `following`. What was accepted last is written to disk before anything is done with it, so that a restart
begins there. Whether a commit is accepted is decided by `commit_judge`; this is what one node remembers of it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from interlock.approvals.facts import PastEmergency
from interlock.checking.checker import CheckResult
from interlock.findings.readable import readable
from interlock.history.mirror import Tips
from interlock.sync.accepted import Accepted, read_accepted, write_accepted
from interlock.sync.commit_judge import CommitJudge, Passed
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired
from interlock.sync.moments import Moments, unwatched
from interlock.sync.rejected import UNKNOWN_PAUSE, Distrusted, Rejected, distrusted, rejected
from interlock.sync.versions import Versions

__all__ = ["UNKNOWN_PAUSE", "DesiredSource", "Distrusted", "Rejected"]

log = logging.getLogger("interlock.sync")


class DesiredSource:
    """The git side of one node."""

    def __init__(
        self,
        judge: CommitJudge,
        state: Path,
        *,
        moments: Moments = unwatched,
    ) -> None:
        """`state` is the node's own directory; `judge` may be shared with others of this process.

        Raises:
            DocumentError: the record of the accepted commit is damaged.
        """
        self._judge, self._moments = judge, moments
        self._record = state / "accepted.json"
        self._desired: Desired | None = None
        self._versions: Versions | None = None
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
        return self._judge.demands(self.accepted) if self.accepted else None

    def poll(self, now: float) -> bool:
        """Look at the remote once; returns whether a commit was judged (accepted or rejected). `now` is monotonic.

        A refused commit is judged again only if it could not be evaluated, and then after a pause, or when there are
        new statements that may speak for it.

        Raises:
            HistoryError: the remote is unreachable, or its branch was rewritten; what was accepted stays.
        """
        tips = self._judge.tips()
        if tips.head == self.accepted and self._stays(tips):
            return False
        if self.rejected and tips.head == self.rejected.commit and not self.rejected.is_due(now, tips.statements):
            return False
        self.attempted = tips.head
        self._moments("fetch:before")
        commit = self._judge.fetch(self.accepted, tips)
        self._moments("fetch:after")
        self._look_at(commit, tips.statements, now)
        return True

    def desired(self) -> Desired | None:
        """The desired state of the accepted commit; None before the first one.

        None also where the settings demand more of it by now than it has shown: then it is judged anew.
        """
        if self._accepted is not None and self._desired is None and self._is_settled(self._accepted):
            self._desired, self._versions = self._judge.desired(self._accepted)
        return self._desired

    def versions(self) -> Versions | None:
        """How the pointers came to what `desired` says; None where that is None."""
        return self._versions if self._desired is not None else None

    def _stays(self, tips: Tips) -> bool:
        """Whether there is nothing to judge about the accepted commit, which the branch still names."""
        assert self._accepted
        if self._desired is None:
            self._judge.fetch(tips.head, tips)  # after a restart, for the case that somebody has removed the mirror
        if not self._is_settled(self._accepted):
            return False
        self.rejected, self.attempted = None, tips.head
        self._look_for_reviews(self._accepted, tips.statements)
        return True

    def _look_for_reviews(self, accepted: Accepted, statements: str | None) -> None:
        """Find out which emergencies are open, once, and again when new statements may be their reviews."""
        if self._emergencies is None:
            self._emergencies = self._judge.open_emergencies(accepted)
        if self._emergencies and statements != self._statements:
            self._judge.fetch_statements(statements)
            self._emergencies = self._judge.open_emergencies(accepted)
            self._statements = statements

    def _is_settled(self, accepted: Accepted) -> bool:
        if self._settled is None:
            self._settled = self._judge.is_settled(accepted)
        return self._settled

    def _look_at(self, commit: str, statements: str | None, now: float) -> None:
        self.attempted = commit
        answer = self._judge.judge(self._accepted, commit, statements)
        if not isinstance(answer, Passed):
            if isinstance(answer, CheckResult):
                self.rejected = rejected(self.rejected, commit, answer, now)
            else:
                self.rejected = distrusted(self.rejected, commit, answer, statements, now)
            return
        self._moments("accept:before")
        write_accepted(self._record, answer.accepted)
        self._moments("accept:after")
        self._accepted, self._desired, self.rejected, self._settled = answer.accepted, answer.desired, None, True
        self._versions, self._statements, self._emergencies = answer.versions, statements, answer.emergencies
        for one in answer.emergencies:
            log.critical(
                "an emergency of %s (commit %s) is not reviewed: %s", one.by, one.commit[:12], readable(one.reason)
            )
