"""Approvals, asked of whole proposals: real commits, a real merge, and what people said about them."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.rules.approval_decisions import decisions
from support.approving import Said
from support.changes import Proposal
from support.checks import WHOLE_FILE, describe
from support.repositories import environment, pointer
from support.rosters import person

PRODUCTION = pointer("production", "support-bot")
POLICY, ROSTER = "policies/production.yaml", "policies/roster.yaml"


@pytest.fixture
def proposal(proposal: Proposal) -> Proposal:
    """The repository with a team, and somebody who asks what it said about the proposal."""
    staffed(proposal)
    proposal.said = Said()
    return proposal


def staffed(proposal: Proposal, *people: dict[str, Any]) -> None:
    team = [person("alice", "trainer"), person("bob", "validator"), person("carol", "operator"), *people]
    given(proposal, ROSTER, "people", to=team)


def given(proposal: Proposal, path: str, *location: str | int, to: Any) -> None:
    proposal.repository.change(path, *location, to=to)
    proposal.merge()


def said(proposal: Proposal) -> Said:
    assert proposal.said
    return proposal.said


def promote(proposal: Proposal) -> None:
    proposal.repository.point("production", "support-bot", active="2")


def test_nothing_is_judged_where_nobody_asked(proposal: Proposal) -> None:
    proposal.said = None
    promote(proposal)
    proposal.passes()


def test_a_promotion_that_nobody_approved_is_refused(proposal: Proposal) -> None:
    promote(proposal)
    finding = proposal.refused("approvals-missing", PRODUCTION, '"2"')
    assert "policies/production.yaml asks for 1 approval in the role validator, and none counts" in finding.found


def test_a_promotion_that_a_validator_approved_passes(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).approves("bob")
    proposal.passes()


def test_the_author_approves_nothing(proposal: Proposal) -> None:
    given(proposal, ROSTER, "people", 0, "roles", to=["validator"])
    promote(proposal)
    said(proposal).approves("alice")
    finding = proposal.refused("approvals-missing", PRODUCTION, '"2"')
    assert "nobody approves their own work" in finding.found


def test_an_environment_that_is_not_protected_needs_nobody(proposal: Proposal) -> None:
    proposal.repository.point("staging", "support-bot", active="3")
    proposal.passes()


def test_an_account_that_nobody_knows_is_told_and_does_not_count(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).approves("bob")
    said(proposal).approves(4711)
    assert "account 4711" in proposal.warned("approval-not-counted", PRODUCTION).found


def test_commits_of_a_stranger_cannot_be_evaluated(proposal: Proposal) -> None:
    proposal.author = "mallory"
    promote(proposal)
    said(proposal).approves("bob")
    found = [f for f in proposal.check().findings if f.rule == "approvals-not-evaluable"]
    assert any("mallory@example.com" in finding.found for finding in found)


def test_commits_that_nobody_signed_cannot_be_evaluated(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).approves("bob")
    said(proposal).signed = False
    finding = proposal.refused("approvals-not-evaluable", PRODUCTION, '"2"', exit_status=4)
    assert "nobody proved who made commit" in finding.found


def test_reviews_that_are_not_all_known_cannot_be_evaluated(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).approves("bob")
    said(proposal).complete = False
    finding = proposal.refused("approvals-not-evaluable", PRODUCTION, '"2"', exit_status=4)
    assert "page 2 of the reviews did not come" in finding.found


def test_a_request_for_changes_stands_until_it_is_taken_back(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).approves("bob")
    said(proposal).asks_for_changes("carol")
    assert "carol asked for changes" in proposal.refused("changes-requested", PRODUCTION, '"2"').found
    said(proposal).approves("carol")
    assert [f for f in proposal.check().findings if f.blocks] == []


def test_whoever_trained_may_not_propose_where_the_policy_keeps_them_apart(proposal: Proposal) -> None:
    given(proposal, POLICY, "approvals", "distinct", to=["trainer", "author", "approver"])
    promote(proposal)
    said(proposal).approves("bob")
    finding = proposal.refused("parts-not-separate", PRODUCTION, '"2"')
    assert "alice made the revision and had a hand in the change" in finding.found
    proposal.author = "carol"
    proposal.passes()


def test_a_policy_may_ask_more_of_a_risky_adapter(proposal: Proposal) -> None:
    given(proposal, POLICY, "approvals", "high", to={"count": 2, "roles": {"operator": 1}})
    promote(proposal)
    said(proposal).approves("bob")
    proposal.passes()
    proposal.repository.git("checkout", "--quiet", "main")
    given(proposal, "adapters/support-bot/adapter.yaml", "risk", "tier", to="high")
    promote(proposal)
    missing = [f for f in proposal.check().findings if f.rule == "approvals-missing"]
    assert "in the role operator, and none counts" in missing[0].found


def test_a_lower_risk_tier_is_a_decision(proposal: Proposal) -> None:
    given(proposal, "adapters/support-bot/adapter.yaml", "risk", "tier", to="medium")
    proposal.repository.change("adapters/support-bot/adapter.yaml", "risk", "tier", to="low")
    proposal.refused("approvals-missing", "adapters/support-bot/adapter.yaml", WHOLE_FILE)


def test_a_higher_risk_tier_is_none(proposal: Proposal) -> None:
    proposal.repository.change("adapters/support-bot/adapter.yaml", "risk", "tier", to="medium")
    proposal.passes()


def test_a_rollback_needs_what_the_policy_says_of_rollbacks(proposal: Proposal) -> None:
    given(proposal, POLICY, "rollback", to={"approvals": 1})
    given(proposal, POLICY, "approvals", to={"count": 2, "roles": {"validator": 1, "operator": 1}})
    given(proposal, PRODUCTION, "active", to="2")
    proposal.repository.point("production", "support-bot", active="1")
    assert "rolling back to support-bot@1" in proposal.refused("approvals-missing", PRODUCTION, '"1"').found
    said(proposal).approves("carol")
    proposal.passes()


@pytest.mark.parametrize(
    "path",
    [
        "policies/production.yaml",
        "policies/revocations.yaml",
        "policies/rules/no-friday.yaml",
        "policies/keys/bob.asc",
        ".github/workflows/check.yml",
        ".gitlab-ci.yml",
        ".github/CODEOWNERS",
        "CODEOWNERS",
        "environments/production/environment.yaml",
        "environments/production/README.md",
    ],
)
def test_what_decides_about_later_changes_is_a_decision(proposal: Proposal, path: str) -> None:
    file = proposal.repository.root / path
    proposal.repository.write(path, (file.read_text() if file.exists() else "") + "# changed\n")
    change = proposal.check().change
    assert [decision.place.path for decision in decisions(change)] == [path]


def test_a_document_of_an_adapter_is_none(proposal: Proposal) -> None:
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    assert decisions(proposal.check().change) == ()


def test_a_change_of_a_policy_needs_what_the_strictest_environment_needs(proposal: Proposal) -> None:
    strict = {"kind": "Policy", "environments": ["staging"], "approvals": {"count": 2, "roles": {"operator": 1}}}
    proposal.repository.write("policies/staging.yaml", strict)
    given(proposal, environment("staging"), "protected", to=True)
    proposal.repository.change(POLICY, "retention", to={"keep": 3})
    said(proposal).approves("bob")
    finding = proposal.refused("approvals-missing", POLICY, WHOLE_FILE)
    assert "in the role operator, and none counts" in finding.found
    said(proposal).approves("carol")
    proposal.passes()


def test_nobody_is_approved_by_the_roster_that_the_change_itself_writes(proposal: Proposal) -> None:
    document = proposal.repository.read(ROSTER)
    proposal.repository.write(ROSTER, document | {"people": [*document["people"], person("mallory", "validator")]})
    said(proposal).approves(person("mallory")["id"])
    finding = proposal.refused("approvals-missing", ROSTER, WHOLE_FILE)
    assert "nobody in the roster is known by it" in finding.found


def test_whoever_gains_a_role_does_not_approve_it(proposal: Proposal) -> None:
    given(proposal, POLICY, "approvals", to={"count": 1})
    proposal.repository.change(ROSTER, "people", 2, "roles", to=["operator", "validator"])
    said(proposal).approves("carol")
    assert "nobody approves their own rights" in proposal.refused("approvals-missing", ROSTER, WHOLE_FILE).found
    said(proposal).approves("bob")
    assert [f for f in proposal.check().findings if f.blocks] == []


def test_taking_the_protection_away_needs_approvals(proposal: Proposal) -> None:
    proposal.repository.change(environment("production"), "protected", to=False)
    proposal.refused("approvals-missing", environment("production"), WHOLE_FILE)


def test_removing_a_pointer_needs_approvals(proposal: Proposal) -> None:
    proposal.repository.remove(PRODUCTION)
    assert "taking support-bot out of production" in proposal.refused("approvals-missing", PRODUCTION, "").found


def test_an_environment_that_was_protected_without_a_policy_lets_nothing_in(proposal: Proposal) -> None:
    proposal.repository.remove(POLICY)
    proposal.merge()
    promote(proposal)
    said(proposal).approves("bob")
    finding = proposal.refused("approvals-missing", PRODUCTION, '"2"')
    assert "no policy asks for approvals" in finding.found


def test_an_environment_may_become_protected_before_anybody_can_approve(proposal: Proposal) -> None:
    proposal.repository.remove(POLICY)
    given(proposal, environment("production"), "protected", to=False)
    proposal.repository.change(environment("production"), "protected", to=True)
    proposal.passes()


def test_a_trusted_policy_that_cannot_be_read_makes_every_answer_unknown(proposal: Proposal) -> None:
    proposal.repository.write(
        "policies/second.yaml", "kind: Policy\nenvironments: [production]\napprovals: {count: many}\n"
    )
    proposal.merge()
    promote(proposal)
    said(proposal).approves("bob")
    found = [f for f in proposal.check().findings if f.rule == "approvals-not-evaluable"]
    assert ["policies/second.yaml of the trusted side cannot be read" in f.found for f in found] == [True]


def test_an_emergency_sets_the_approvals_of_a_pointer_aside_and_says_so(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).also = {"emergencies": {"production": "an emergency, declared by carol until 16:00"}}
    result = proposal.passes()
    (finding,) = (f for f in result.findings if f.rule == "approvals-missing")
    assert finding.excused == "an emergency, declared by carol until 16:00"


def test_an_emergency_never_changes_who_decides(proposal: Proposal) -> None:
    proposal.repository.change(POLICY, "retention", to={"keep": 3})
    said(proposal).also = {"emergencies": {"production": "an emergency, declared by carol until 16:00"}}
    proposal.refused("approvals-missing", POLICY, WHOLE_FILE)


def test_a_promotion_waits_for_the_review_of_an_emergency(proposal: Proposal) -> None:
    promote(proposal)
    said(proposal).approves("bob")
    said(proposal).remembers("carol", "production")
    finding = proposal.refused("emergency-not-reviewed", PRODUCTION, '"2"')
    assert "carol let commit eeeeeeeeeeee into production in an emergency" in finding.found
    said(proposal).remembers("carol", "production", "bob")
    proposal.passes()


def test_a_rollback_waits_for_no_review(proposal: Proposal) -> None:
    given(proposal, PRODUCTION, "active", to="2")
    proposal.repository.point("production", "support-bot", active="1")
    said(proposal).approves("bob")
    said(proposal).remembers("carol", "production")
    proposal.passes()


def test_no_approval_is_ever_waived(proposal: Proposal) -> None:
    waiver = {"rule": "approvals-missing", "scope": PRODUCTION, "approver": "bob", "reason": "r", "until": "2027-01-01"}
    proposal.repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [waiver]})
    proposal.merge()
    promote(proposal)
    result = proposal.check()
    told = [describe(f) for f in result.findings if f.blocks]
    assert any("approvals-missing" in line for line in told), told
