"""Reviews, data, builders and risks: promotions wait for them, rollbacks and what is served do not."""

from __future__ import annotations

from typing import Any

from support.changes import Proposal
from support.repositories import environment, manifest, pointer

STAGING = pointer("staging", "support-bot")
REVISION, ADAPTER, ROSTER = manifest("support-bot", "3"), "adapters/support-bot/adapter.yaml", "policies/roster.yaml"


def dataset(**fields: Any) -> dict[str, Any]:
    return {"name": "tickets", "digest": "sha256:" + "ab" * 32, "license": "internal"} | fields


def given(proposal: Proposal, path: str, *location: str | int, to: Any) -> None:
    """Something that the trusted side holds already."""
    proposal.repository.change(path, *location, to=to)
    proposal.merge()


def protect(proposal: Proposal) -> None:
    given(proposal, environment("staging"), "protected", to=True)


def promote(proposal: Proposal) -> None:
    proposal.repository.point("staging", "support-bot", active="3")


def test_a_review_is_due_until_the_last_day_of_its_cadence(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "review", to={"cadence": "30d", "last_reviewed": "2026-10-25"})
    promote(proposal)
    proposal.passes()


def test_a_promotion_waits_for_an_overdue_review(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "review", to={"cadence": "30d", "last_reviewed": "2026-10-24"})
    promote(proposal)
    assert "2026-11-23" in proposal.refused("review-overdue", STAGING, '"3"').found


def test_a_review_on_a_day_that_is_still_to_come_does_not_count(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "review", to={"cadence": "30d", "last_reviewed": "2036-01-01"})
    promote(proposal)
    assert "still to come" in proposal.refused("review-overdue", STAGING, '"3"').found


def test_a_review_may_be_a_day_ahead_elsewhere_on_earth(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "review", to={"cadence": "30d", "last_reviewed": "2026-11-25"})
    promote(proposal)
    proposal.passes()


def test_a_rollback_waits_for_no_review_and_no_fresh_data(proposal: Proposal) -> None:
    given(proposal, manifest("support-bot", "2"), "datasets", to=[dataset(expires="2026-11-01")])
    promote(proposal)
    proposal.merge()
    given(proposal, ADAPTER, "review", "last_reviewed", to="2026-01-01")
    proposal.repository.point("staging", "support-bot", active="2")
    proposal.passes()


def test_data_may_be_used_on_its_last_day(proposal: Proposal) -> None:
    given(proposal, REVISION, "datasets", to=[dataset(expires="2026-11-24")])
    promote(proposal)
    proposal.passes()


def test_expired_data_stops_a_promotion(proposal: Proposal) -> None:
    given(proposal, REVISION, "datasets", to=[dataset(expires="2026-11-23")])
    promote(proposal)
    assert "tickets" in proposal.refused("dataset-expired", STAGING, '"3"').found


def test_a_canary_on_expired_data_is_a_promotion_too(proposal: Proposal) -> None:
    given(proposal, REVISION, "datasets", to=[dataset(expires="2026-11-23")])
    proposal.repository.point("staging", "support-bot", canary={"revision": "3", "weight": 5})
    proposal.refused("dataset-expired", STAGING, '"3"')


def test_a_protected_environment_asks_for_the_days_of_the_data(proposal: Proposal) -> None:
    given(proposal, REVISION, "datasets", to=[dataset()])
    protect(proposal)
    promote(proposal)
    proposal.refused("dataset-window-missing", STAGING, '"3"')


def test_other_environments_do_not_ask_for_the_days_of_the_data(proposal: Proposal) -> None:
    given(proposal, REVISION, "datasets", to=[dataset()])
    promote(proposal)
    proposal.passes()


def test_a_protected_environment_takes_what_says_its_days(proposal: Proposal) -> None:
    given(proposal, REVISION, "datasets", to=[dataset(window="2026-07-01/2026-09-30")])
    protect(proposal)
    promote(proposal)
    proposal.passes()


def test_only_a_builder_of_the_roster_builds_for_a_protected_environment(proposal: Proposal) -> None:
    given(proposal, ROSTER, "machines", to=[{"name": "other-ci", "roles": ["builder"]}])
    protect(proposal)
    promote(proposal)
    assert "trainer-ci" in proposal.refused("stranger-as-builder", STAGING, '"3"').found


def test_the_builder_of_the_roster_passes(proposal: Proposal) -> None:
    given(proposal, ROSTER, "machines", to=[{"name": "trainer-ci", "roles": ["builder"]}])
    protect(proposal)
    promote(proposal)
    proposal.passes()


def test_a_high_risk_adapter_needs_an_assessment_of_bias(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "risk", to={"tier": "high"})
    protect(proposal)
    promote(proposal)
    proposal.refused("bias-not-assessed", STAGING, '"3"')


def test_an_assessment_of_bias_that_looked_at_nobody_is_none(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "risk", to={"tier": "high"})
    bias = {"assessment": "https://docs.example.com/bias", "verdict": "acceptable"}
    given(proposal, REVISION, "risk", to={"bias": bias})
    protect(proposal)
    promote(proposal)
    proposal.refused("bias-not-assessed", STAGING, '"3"')


def test_an_assessment_may_have_conditions(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "risk", to={"tier": "high"})
    given(
        proposal,
        REVISION,
        "risk",
        to={"bias": {"assessment": "https://docs.example.com/bias", "groups": ["language"], "verdict": "conditional"}},
    )
    protect(proposal)
    promote(proposal)
    proposal.passes()


def test_an_unacceptable_bias_is_promoted_nowhere(proposal: Proposal) -> None:
    given(
        proposal,
        REVISION,
        "risk",
        to={"bias": {"assessment": "https://docs.example.com/bias", "verdict": "unacceptable"}},
    )
    promote(proposal)
    assert "docs.example.com/bias" in proposal.refused("bias-unacceptable", STAGING, '"3"').found
