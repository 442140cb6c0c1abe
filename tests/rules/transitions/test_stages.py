"""Stages: from upstream, after it served there, in declared steps."""

from __future__ import annotations

import pytest

from support.changes import NOON, Proposal
from support.repositories import REMOVED, environment, manifest, pointer

STAGING, PRODUCTION = pointer("staging", "support-bot"), pointer("production", "support-bot")


def promote(proposal: Proposal, env: str, **fields: object) -> None:
    proposal.repository.point(env, "support-bot", **fields)


def test_a_revision_comes_from_upstream(proposal: Proposal) -> None:
    promote(proposal, "staging", active="3")
    proposal.passes()


def test_a_revision_that_is_not_active_upstream_skips_a_stage(proposal: Proposal) -> None:
    promote(proposal, "production", active="3")
    finding = proposal.refused("skipped-stage", PRODUCTION, '"3"')
    assert "staging" in finding.found


def test_upstream_is_read_from_the_trusted_side(proposal: Proposal) -> None:
    promote(proposal, "production", active="3")
    proposal.repository.change(environment("production"), "upstream", to="dev")
    assert "skipped-stage" in {finding.rule for finding in proposal.check().findings}


def test_a_canary_takes_requests_and_comes_from_upstream_too(proposal: Proposal) -> None:
    promote(proposal, "production", canary={"revision": "3", "weight": 5})
    proposal.refused("skipped-stage", PRODUCTION, '"3"')


def test_a_shadow_answers_nobody_and_may_come_early(proposal: Proposal) -> None:
    promote(proposal, "production", shadow={"revision": "3", "sample": 0.1})
    proposal.passes()


def test_going_back_to_what_was_active_needs_no_upstream(proposal: Proposal) -> None:
    promote(proposal, "staging", active="3")
    proposal.merge()
    promote(proposal, "staging", active="2")
    proposal.passes()


def test_a_rollback_that_brings_a_canary_along_is_a_promotion(proposal: Proposal) -> None:
    promote(proposal, "staging", active="3")
    proposal.merge()
    promote(proposal, "staging", active="2", canary={"revision": "1", "weight": 5})
    assert {f.rule for f in proposal.check().findings if f.blocks} == {"skipped-stage"}


def test_a_rollback_to_a_revoked_revision_is_no_rollback(proposal: Proposal) -> None:
    promote(proposal, "staging", active="3")
    revoked = {"adapter": "support-bot", "revision": "2", "reason": "r", "date": "2026-11-01", "by": "alice"}
    proposal.merge()
    proposal.repository.change("policies/revocations.yaml", "revoked", to=[revoked])
    proposal.merge()
    promote(proposal, "staging", active="2")
    assert {f.rule for f in proposal.check().findings if f.blocks} == {"revoked-revision", "skipped-stage"}


def soaking(proposal: Proposal, **soak: object) -> None:
    proposal.repository.change(environment("staging"), "soak", to={"duration": "24h", **soak})
    proposal.merge()


def test_a_promotion_waits_for_its_soak(proposal: Proposal) -> None:
    soaking(proposal)
    proposal.wait(hours=23, minutes=59)
    promote(proposal, "staging", active="3")
    finding = proposal.refused("unsoaked-promotion", STAGING, '"3"')
    assert "2026-11-25 12:00 UTC" in finding.remedy
    proposal.wait(minutes=1)
    promote(proposal, "staging", active="3")
    proposal.passes()


def test_requests_that_nobody_can_prove_yet_are_told_and_do_not_block(proposal: Proposal) -> None:
    soaking(proposal, requests=1000)
    proposal.wait(hours=25)
    promote(proposal, "staging", active="3")
    (finding,) = proposal.passes().findings
    assert (finding.rule, finding.evaluated) == ("unsoaked-promotion", False)
    assert "1000 requests" in finding.found


def test_the_soak_begins_again_when_the_revision_comes_back(proposal: Proposal) -> None:
    soaking(proposal)
    proposal.wait(hours=30)
    for active in ("1", "3"):
        promote(proposal, "dev", active=active)
        proposal.merge()
        proposal.wait(hours=1)
    promote(proposal, "staging", active="3")
    proposal.refused("unsoaked-promotion", STAGING, '"3"')


def test_a_commit_that_is_dated_back_shortens_no_soak(proposal: Proposal) -> None:
    soaking(proposal)
    proposal.wait(days=10)
    proposal.repository.write("README.md", "hello\n")
    proposal.merge()
    promote(proposal, "dev", active="1")
    proposal.repository.commit("Dated back", at=NOON)
    proposal.wait(hours=2)
    promote(proposal, "staging", active="1")
    proposal.refused("unsoaked-promotion", STAGING, '"1"')


def test_a_rollback_waits_for_no_soak(proposal: Proposal) -> None:
    promote(proposal, "staging", active="3")
    proposal.merge()
    soaking(proposal)
    promote(proposal, "staging", active="2")
    proposal.passes()


STEPS = [5, 25, 100]


def canary(weight: float, revision: str = "3", **more: object) -> dict[str, object]:
    return {"revision": revision, "weight": weight, "steps": STEPS, **more}


@pytest.mark.parametrize(("reached", "proposed"), [(None, 5), (5, 25), (25, 100), (25, 5), (5, 5)])
def test_a_canary_grows_by_one_declared_step(proposal: Proposal, reached: float | None, proposed: float) -> None:
    if reached is not None:
        promote(proposal, "staging", canary=canary(reached))
        proposal.merge()
    promote(proposal, "staging", canary=canary(proposed, tenants=["acme"]))
    proposal.passes()


@pytest.mark.parametrize(("reached", "proposed"), [(None, 25), (5, 100), (5, 26)])
def test_a_canary_that_skips_a_step_is_refused(proposal: Proposal, reached: float | None, proposed: float) -> None:
    if reached is not None:
        promote(proposal, "staging", canary=canary(reached))
        proposal.merge()
    promote(proposal, "staging", canary=canary(proposed))
    proposal.refused("skipped-canary-step", STAGING, str(proposed))


def test_the_steps_are_those_that_were_declared_before(proposal: Proposal) -> None:
    promote(proposal, "staging", canary=canary(5))
    proposal.merge()
    promote(proposal, "staging", canary=canary(100) | {"steps": [100]})
    proposal.refused("skipped-canary-step", STAGING, "100")


def test_a_canary_becomes_active_after_its_last_step(proposal: Proposal) -> None:
    promote(proposal, "staging", canary=canary(25))
    proposal.merge()
    proposal.repository.change(STAGING, "canary", to=REMOVED)
    promote(proposal, "staging", active="3")
    proposal.refused("skipped-canary-step", STAGING, '"3"')
    promote(proposal, "staging", canary=canary(100))
    proposal.merge()
    proposal.repository.change(STAGING, "canary", to=REMOVED)
    promote(proposal, "staging", active="3")
    proposal.passes()


def asking_for_shadow(proposal: Proposal) -> None:
    proposal.repository.write(
        "policies/staging.yaml",
        {"kind": "Policy", "environments": ["staging"], "evidence": {"low": ["shadow"]}},
    )
    proposal.merge()


def test_where_policy_asks_a_revision_is_a_shadow_first(proposal: Proposal) -> None:
    asking_for_shadow(proposal)
    promote(proposal, "staging", canary={"revision": "3", "weight": 5})
    proposal.refused("canary-without-shadow", STAGING, '"3"')
    promote(proposal, "staging", shadow={"revision": "3", "sample": 0.1})
    proposal.passes()
    promote(proposal, "staging", shadow={"revision": "3", "sample": 0.1})
    proposal.merge()
    promote(proposal, "staging", canary={"revision": "3", "weight": 5})
    proposal.passes()


def test_a_manifest_may_come_with_its_notes(proposal: Proposal) -> None:
    old = proposal.repository.read(manifest("support-bot", "3"))
    proposal.repository.write(manifest("support-bot", "4"), old | {"revision": "4", "lineage": {"previous": "3"}})
    proposal.passes()
