"""What is refused asks for a person at once; what could not be evaluated is waited for first, and says when."""

from __future__ import annotations

from interlock.findings.finding import Verdict
from interlock.sync.rejected import PATIENCE, UNKNOWN_PAUSE, Rejected

COMMIT = "a" * 40


def test_what_is_refused_is_for_people() -> None:
    one = Rejected(COMMIT, (), Verdict.FAIL, judged_at=100.0, since=100.0)
    assert one.waits(100.0) is None
    assert not one.is_due(100.0 + 10 * UNKNOWN_PAUSE)
    assert (one.reason, "is refused" in one.why, "git revert" in one.remedy) == ("Refused", True, True)


def test_what_could_not_be_evaluated_is_waited_for_before_a_person_is_asked() -> None:
    one = Rejected(COMMIT, (), Verdict.UNKNOWN, judged_at=110.0, since=100.0)
    assert one.waits(115.0) == UNKNOWN_PAUSE - 5.0
    assert one.is_due(110.0 + UNKNOWN_PAUSE)
    assert (one.reason, "could not be evaluated" in one.why) == ("NotEvaluated", True)
    assert "git revert" not in one.remedy
    late = Rejected(COMMIT, (), Verdict.UNKNOWN, judged_at=100.0 + PATIENCE, since=100.0)
    assert late.waits(100.0 + PATIENCE) is None
    assert late.is_due(100.0 + PATIENCE + UNKNOWN_PAUSE)
