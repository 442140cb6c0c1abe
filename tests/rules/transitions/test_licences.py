"""The licences of base, data and adapter: judged for promotions, by the policy of the trusted side."""

from __future__ import annotations

from typing import Any

from support.changes import Proposal
from support.repositories import base_manifest, environment, manifest, pointer

STAGING, POLICY = pointer("staging", "support-bot"), "policies/staging.yaml"
BOT = manifest("support-bot", "3")


def given(proposal: Proposal, *, protected: bool = True, allow: list[str] | None = None, **licences: str) -> None:
    """What the trusted side holds: the licences of `base`, `data` and `adapter`, and what the policy allows."""
    repository = proposal.repository
    repository.change(environment("staging"), "protected", to=protected)
    policy: dict[str, Any] = {"kind": "Policy", "environments": ["staging"], "approvals": {"count": 1}}
    repository.write(POLICY, policy | ({"licenses": {"allow": allow}} if allow else {}))
    if "base" in licences:
        repository.change(base_manifest(), "license", to=licences["base"])
    if "data" in licences:
        repository.change(BOT, "datasets", 0, "license", to=licences["data"])
    if "adapter" in licences:
        repository.change(BOT, "license", to=licences["adapter"])
    proposal.merge()


def promote(proposal: Proposal) -> None:
    proposal.repository.point("staging", "support-bot", active="3")


def test_a_policy_allows_base_data_and_adapter_alike(proposal: Proposal) -> None:
    given(proposal, allow=["Apache-2.0", "internal"], adapter="internal")
    promote(proposal)
    proposal.passes()


def test_a_base_under_a_licence_that_is_not_listed_is_refused(proposal: Proposal) -> None:
    given(proposal, allow=["apache-2.0", "internal"], base="llama3.1", adapter="internal")
    promote(proposal)
    assert "its base" in proposal.refused("licence-not-allowed", STAGING, '"3"').found


def test_data_under_a_licence_that_is_not_listed_is_refused(proposal: Proposal) -> None:
    given(proposal, protected=False, allow=["apache-2.0", "internal"], data="cc-by-4.0", adapter="internal")
    promote(proposal)
    assert "its data tickets" in proposal.refused("licence-not-allowed", STAGING, '"3"').found


def test_an_adapter_under_a_licence_that_is_not_listed_is_refused(proposal: Proposal) -> None:
    given(proposal, allow=["apache-2.0", "internal"], adapter="mit")
    promote(proposal)
    assert "support-bot@3 itself" in proposal.refused("licence-not-allowed", STAGING, '"3"').found


def test_an_adapter_without_a_licence_is_refused_where_a_policy_lists_them(proposal: Proposal) -> None:
    given(proposal, allow=["apache-2.0", "internal"])
    promote(proposal)
    assert "not given" in proposal.refused("licence-unknown", STAGING, '"3"').found


def test_two_policies_have_to_be_content_both(proposal: Proposal) -> None:
    second = {"kind": "Policy", "environments": ["staging"], "licenses": {"allow": ["internal", "mit"]}}
    proposal.repository.write("policies/legal.yaml", second)
    given(proposal, allow=["apache-2.0", "internal"], adapter="internal")
    promote(proposal)
    assert "apache-2.0" in proposal.refused("licence-not-allowed", STAGING, '"3"').found


def test_an_unknown_licence_is_refused_in_a_protected_environment_only(proposal: Proposal) -> None:
    given(proposal, protected=False, data="unknown")
    promote(proposal)
    proposal.passes()
    given(proposal, data="unknown")
    promote(proposal)
    proposal.refused("licence-unknown", STAGING, '"3"')


def test_a_non_commercial_licence_is_refused_in_a_protected_environment(proposal: Proposal) -> None:
    given(proposal, data="cc-by-nc-4.0")
    promote(proposal)
    assert "commercial use" in proposal.refused("restricted-licence", STAGING, '"3"').found


def test_a_policy_may_list_a_licence_that_restricts(proposal: Proposal) -> None:
    given(proposal, allow=["apache-2.0", "cc-by-nc-4.0"], data="cc-by-nc-4.0", adapter="cc-by-nc-4.0")
    promote(proposal)
    proposal.passes()


def test_a_change_cannot_bring_the_policy_that_allows_it(proposal: Proposal) -> None:
    given(proposal, allow=["apache-2.0", "internal"], adapter="mit")
    promote(proposal)
    proposal.repository.change(POLICY, "licenses", "allow", to=["apache-2.0", "internal", "mit"])
    blocking = {finding.rule for finding in proposal.check().findings if finding.blocks}
    assert blocking == {"licence-not-allowed", "policy-not-alone", "pointer-not-alone"}


def test_a_rollback_asks_for_no_licence(proposal: Proposal) -> None:
    promote(proposal)
    proposal.merge()
    proposal.repository.change(manifest("support-bot", "2"), "datasets", 0, "license", to="cc-by-nc-4.0")
    given(proposal)
    proposal.repository.point("staging", "support-bot", active="2")
    proposal.passes()
