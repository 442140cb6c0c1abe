"""Where a rollback goes, decided from the history of one pointer alone."""

from __future__ import annotations

import pytest

from interlock.history.pointer_history import PointerChange
from interlock.history.way_back import WayBack, way_back


def history(*actives: str | None) -> list[PointerChange]:
    """Changes newest first, from revisions oldest first; None where the pointer was removed."""
    oldest_first = [PointerChange(f"{n:040x}", "production", "support-bot", active) for n, active in enumerate(actives)]
    return oldest_first[::-1]


@pytest.mark.parametrize(
    ("actives", "target"),
    [
        (("1", "2"), "1"),
        (("1", "2", "3"), "2"),
        (("1", "2", "3", "2"), "1"),
        (("1", "2", "3", "2", "4"), "2"),
        (("1", "2", "1", "2"), "1"),
        (("1", "2", "3", "2", "3"), "2"),
        (("1", "2", "3", "1"), None),
        (("1",), None),
        ((), None),
        (("1", "2", "2", "2"), "1"),
        (("1", None, "2"), "1"),
        (("1", "2", None), "2"),
    ],
)
def test_a_rollback_goes_to_the_last_revision_that_was_not_rolled_away_from(
    actives: tuple[str | None, ...], target: str | None
) -> None:
    assert way_back(history(*actives), set()).target == target


def test_a_revoked_revision_is_passed_over() -> None:
    way = way_back(history("1", "2", "3"), {"2"})
    assert way.target == "1"
    assert way.passed_over == ("2",)


def test_nothing_is_left_when_every_earlier_revision_is_revoked() -> None:
    way = way_back(history("1", "2", "3"), {"1", "2"})
    assert way.target is None
    assert way.passed_over == ("2", "1")


def test_a_revision_that_was_rolled_away_from_is_named_but_not_chosen() -> None:
    way = way_back(history("1", "2", "3", "2"), set())
    assert way == WayBack(active="2", target="1", passed_over=(), candidates=("1",), former=("3",))
    assert way.was_active("3")
    assert not way.was_active("4")
    assert not way.was_active("2")


def test_the_revert_of_a_revert_does_not_count_as_a_new_step() -> None:
    """2 was reverted to 1 and the revert was reverted: a rollback leads to 1 again, not to 2."""
    way = way_back(history("1", "2", "1", "2"), set())
    assert (way.active, way.target) == ("2", "1")
