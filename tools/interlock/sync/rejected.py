"""A commit that this node does not apply: why, what to do, and when looking again may help. Called by `source`."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.checking.checker import CheckResult
from interlock.findings.finding import Finding, Verdict
from interlock.sync.trust_outcome import Flaw, Refused

UNKNOWN_PAUSE = 30.0
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
PATIENCE = 900.0
"""Seconds for which something missing or out of reach is waited for before it is said that a person is needed."""
_ENOUGH_DOUBLINGS = 6


@dataclass(frozen=True)
class Rejected:
    """A commit whose state the checker does not pass; judged first at `since`, last at `judged_at` (monotonic)."""

    commit: str
    findings: tuple[Finding, ...]
    verdict: Verdict
    judged_at: float
    since: float

    @property
    def _is_unknown(self) -> bool:
        return self.verdict is Verdict.UNKNOWN

    def is_due(self, now: float, statements: str | None = None) -> bool:
        """Whether judging again may help: what could not be evaluated may be within reach by now."""
        return self._is_unknown and now - self.judged_at >= UNKNOWN_PAUSE

    @property
    def reason(self) -> str:
        """One word for programs."""
        return "NotEvaluated" if self._is_unknown else "Refused"

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that refuse it."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings if finding.blocks))

    @property
    def why(self) -> str:
        """The first blocking finding in one line, and how many more there are."""
        told = "could not be evaluated" if self._is_unknown else "is refused"
        blocking = [finding for finding in self.findings if finding.blocks]
        if not blocking:
            return f"commit {self.commit[:12]} {told}"
        more = f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else ""
        first = blocking[0]
        return f"commit {self.commit[:12]} {told}: {first.place}: {first.rule}: {first.found}{more}"

    @property
    def remedy(self) -> str:
        """The command that shows all of it."""
        if self._is_unknown:
            return "bring what is named within reach, and the node looks again by itself; see all: interlock check"
        return f"run: git revert {self.commit[:12]} and push, or repair it in a new commit; see all: interlock check"

    def waits(self, now: float) -> float | None:
        """Seconds until it is judged again, None where a person is needed."""
        if not self._is_unknown or now - self.since >= PATIENCE:
            return None
        return max(1.0, self.judged_at + UNKNOWN_PAUSE - now)


def rejected(before: Rejected | Distrusted | None, commit: str, result: CheckResult, now: float) -> Rejected:
    """What the checker said of a commit; `before` is what was known of whatever was looked at last."""
    again = isinstance(before, Rejected) and before.commit == commit
    since = before.since if again and before else now
    return Rejected(commit, tuple(result.findings), result.verdict, now, since)


@dataclass(frozen=True)
class Distrusted:
    """A commit behind which not everybody stands who must. `statements` is where the ref of statements stood.

    `since` and `judged_at` are monotonic seconds, `attempts` how often it was judged.
    """

    commit: str
    flaw: Flaw
    statements: str | None
    since: float
    judged_at: float
    attempts: int = 1

    @property
    def _pause(self) -> float:
        return min(FIRST_PAUSE * 2.0 ** min(self.attempts - 1, _ENOUGH_DOUBLINGS), LONGEST_PAUSE)

    def is_due(self, now: float, statements: str | None = None) -> bool:
        """Whether judging again may help: new statements are there, or what was out of reach may not be any more."""
        if statements != self.statements:
            return True
        return not isinstance(self.flaw, Refused) and now - self.judged_at >= self._pause

    @property
    def reason(self) -> str:
        """One word for programs."""
        return self.flaw.reason

    @property
    def why(self) -> str:
        """What is missing or wrong, in a sentence."""
        return self.flaw.why

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.flaw.remedy

    def waits(self, now: float) -> float | None:
        """Seconds until it is judged again, None where a person is needed."""
        if isinstance(self.flaw, Refused) or now - self.since >= PATIENCE:
            return None
        return max(1.0, self.judged_at + self._pause - now)


def distrusted(
    before: Rejected | Distrusted | None, commit: str, flaw: Flaw, statements: str | None, now: float
) -> Distrusted:
    """The refusal after one more look; `before` is what was known of whatever was looked at last."""
    if isinstance(before, Distrusted) and before.commit == commit:
        return Distrusted(commit, flaw, statements, before.since, now, before.attempts + 1)
    return Distrusted(commit, flaw, statements, now, now)
