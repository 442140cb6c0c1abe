"""How long the agent waits: spread, backed off, capped, and ended by whatever comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.sync.outcome import Done, Failed, Outcome, Stalled, Waiting
from interlock.sync.pace import LONGEST_POLL, LOOK, Pace

MIDDLE = 0.5


def test_polls_of_many_nodes_are_spread_by_a_tenth_of_the_interval() -> None:
    pace = Pace(30.0)
    assert (pace.poll_after(0, 0.0), pace.poll_after(0, MIDDLE), pace.poll_after(0, 1.0)) == (27.0, 30.0, 33.0)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 30), (1, 60), (2, 120), (3, 240), (4, 300), (400, 300)])
def test_a_silent_remote_is_asked_less_and_less_often_up_to_a_cap(failures: int, seconds: float) -> None:
    assert Pace(30.0).poll_after(failures, MIDDLE) == seconds


def test_a_cap_never_makes_an_interval_shorter_than_its_owner_wanted() -> None:
    assert Pace(3600.0).poll_after(9, MIDDLE) == 3600.0


@pytest.mark.parametrize("outcome", [Done(), Failed("x"), Stalled("x", "y")])
def test_the_engine_is_looked_at_every_few_seconds_whatever_the_poll_interval_is(outcome: Outcome) -> None:
    assert Pace(600.0).pause_after(outcome, 590.0) == LOOK
    assert Pace(2.0).pause_after(outcome, 1.5) == 1.5
    assert LOOK < 5.0, "what is wrong shows at /readyz within five seconds"


def test_a_wait_that_ends_sooner_ends_the_pause() -> None:
    assert Pace(600.0).pause_after(Waiting(2.0, "a retry"), 590.0) == 2.0
    assert Pace(600.0).pause_after(Waiting(99.0, "a retry"), 590.0) == LOOK


@given(st.floats(1, 1e6), st.integers(0, 10**6), st.floats(0, 1), st.floats(-1e6, 1e6), st.floats(-10, 1e6))
def test_pauses_are_never_nothing_and_polls_never_far_away(
    poll: float, failures: int, chance: float, until: float, after: float
) -> None:
    pace = Pace(poll)
    assert 0.1 <= pace.pause_after(Waiting(after, "x"), until) <= LOOK
    assert 0.9 * poll * 0.999 <= pace.poll_after(failures, chance) <= max(poll, LONGEST_POLL) * 1.1 * 1.001
