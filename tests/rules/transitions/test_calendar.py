"""Windows and holds stop promotions, and never a rollback."""

from __future__ import annotations

import pytest

from support.changes import Proposal
from support.repositories import environment, pointer

STAGING = pointer("staging", "support-bot")
DAYS = ["mon", "tue", "wed", "thu"]


def with_window(proposal: Proposal, begin: str, end: str, days: list[str] = DAYS, zone: str = "UTC") -> None:
    window = {"days": days, "from": begin, "to": end, "timezone": zone}
    proposal.repository.change(environment("staging"), "windows", to=[window])
    proposal.merge()


def promote(proposal: Proposal, active: str = "3") -> None:
    proposal.repository.point("staging", "support-bot", active=active)


@pytest.mark.parametrize(
    ("begin", "end", "days", "zone"),
    [
        ("08:00", "16:00", DAYS, "UTC"),
        ("12:00", "12:01", ["tue"], "UTC"),
        ("13:00", "14:00", ["tue"], "Europe/Berlin"),
        ("22:00", "13:00", ["mon"], "UTC"),
        ("11:00", "02:00", ["tue"], "UTC"),
    ],
)
def test_a_promotion_passes_inside_a_window(
    proposal: Proposal, begin: str, end: str, days: list[str], zone: str
) -> None:
    with_window(proposal, begin, end, days, zone)
    promote(proposal)
    proposal.passes()


@pytest.mark.parametrize(
    ("begin", "end", "days", "zone"),
    [
        ("08:00", "12:00", DAYS, "UTC"),
        ("12:00", "13:00", ["wed"], "UTC"),
        ("12:00", "13:00", ["tue"], "Europe/Berlin"),
        ("22:00", "13:00", ["tue"], "UTC"),
    ],
)
def test_a_promotion_outside_every_window_is_refused(
    proposal: Proposal, begin: str, end: str, days: list[str], zone: str
) -> None:
    with_window(proposal, begin, end, days, zone)
    promote(proposal)
    assert zone in proposal.refused("outside-window", STAGING, '"3"').expected


def test_a_time_zone_that_nobody_knows_is_not_a_pass(proposal: Proposal) -> None:
    with_window(proposal, "08:00", "16:00", zone="Europe/Atlantis")
    promote(proposal)
    proposal.refused("outside-window", STAGING, '"3"', beside={"unknown-time-zone"})


def test_a_rollback_waits_for_no_window(proposal: Proposal) -> None:
    promote(proposal)
    proposal.merge()
    with_window(proposal, "08:00", "09:00")
    promote(proposal, "2")
    proposal.passes()


def with_hold(proposal: Proposal, **more: str) -> None:
    hold = {"reason": "incident 17 is open", "by": "carol", **more}
    proposal.repository.change(environment("staging"), "holds", to=[hold])
    proposal.merge()


@pytest.mark.parametrize("more", [{}, {"adapter": "support-bot"}, {"until": "2026-11-24"}])
def test_a_hold_stops_promotions(proposal: Proposal, more: dict[str, str]) -> None:
    with_hold(proposal, **more)
    promote(proposal)
    assert "incident 17 is open" in proposal.refused("environment-on-hold", STAGING, '"3"').found


@pytest.mark.parametrize("more", [{"adapter": "sql-helper"}, {"until": "2026-11-23"}])
def test_a_hold_of_another_adapter_or_of_yesterday_stops_nothing(proposal: Proposal, more: dict[str, str]) -> None:
    with_hold(proposal, **more)
    promote(proposal)
    proposal.passes()


def test_a_hold_stops_no_rollback(proposal: Proposal) -> None:
    promote(proposal)
    proposal.merge()
    with_hold(proposal)
    promote(proposal, "2")
    proposal.passes()
