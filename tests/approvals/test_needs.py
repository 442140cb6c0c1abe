"""What policies ask for together, by risk tier, and for the fast path of a rollback."""

from __future__ import annotations

from typing import Any

from interlock.approvals.quorum import Needs
from interlock.documents.kinds.policy import Policy
from interlock.documents.positions import Positions
from interlock.documents.snapshot import Located
from interlock.rules.effective_policy import EffectivePolicy, effective_policy


def policies(*written: dict[str, Any]) -> EffectivePolicy:
    documents = [Policy.model_validate({"kind": "Policy", "environments": ["production"], **each}) for each in written]
    return effective_policy(
        [Located(document, f"policies/{number}.yaml", Positions(), "") for number, document in enumerate(documents)]
    )


TEAM = {"count": 2, "roles": {"validator": 1, "operator": 1}, "distinct": ["author", "approver"]}


def test_a_policy_is_taken_as_it_is() -> None:
    needs = Needs.of(policies({"approvals": TEAM}), "low")
    assert (needs.count, needs.roles) == (2, {"operator": 1, "validator": 1})
    assert needs.distinct == {"author", "approver"}
    assert needs.eligible == {"operator", "validator"}
    assert needs.paths == ("policies/0.yaml",)
    assert needs.asked
    assert not needs.quick


def test_the_roles_alone_ask_for_as_many_people() -> None:
    assert Needs.of(policies({"approvals": {"count": 1, "roles": {"validator": 2, "operator": 1}}}), "low").count == 3


def test_a_role_that_nobody_has_to_hold_makes_nobody_eligible() -> None:
    needs = Needs.of(policies({"approvals": {"count": 1, "roles": {"validator": 1, "trainer": 0}}}), "low")
    assert needs.eligible == {"validator"}


def test_of_several_policies_the_stricter_value_counts() -> None:
    needs = Needs.of(policies({"approvals": TEAM}, {"approvals": {"count": 3, "distinct": ["trainer"]}}), "low")
    assert needs.count == 3
    assert needs.roles == {"operator": 1, "validator": 1}
    assert needs.distinct == {"author", "approver", "trainer"}


def test_a_tier_asks_for_more_and_never_for_less() -> None:
    written = TEAM | {"high": {"count": 3, "roles": {"ethicist": 1}}, "low": {"count": 1, "roles": {"validator": 0}}}
    policy = policies({"approvals": written})
    assert Needs.of(policy, "medium") == Needs.of(policies({"approvals": TEAM}), "medium")
    assert Needs.of(policy, "low").count == 2
    assert Needs.of(policy, "low").roles == {"operator": 1, "validator": 1}
    high = Needs.of(policy, "high")
    assert (high.count, high.roles) == (3, {"ethicist": 1, "operator": 1, "validator": 1})
    assert Needs.of(policy, None) == high, "what is about no adapter needs as much as any tier does"


def test_roles_may_have_the_names_of_keys() -> None:
    needs = Needs.of(policies({"approvals": {"count": 1, "roles": {"count": 1, "roles": 1, "high": 1}}}), None)
    assert needs.roles == {"count": 1, "high": 1, "roles": 1}


def test_a_rollback_needs_what_its_policy_says_of_rollbacks() -> None:
    emergency = {"roles": ["incident-commander"], "expires": "4h", "review_within": "24h"}
    policy = policies({"approvals": TEAM, "rollback": {"approvals": 1}, "emergency": emergency})
    needs = Needs.of(policy, "low", rollback=True)
    assert (needs.count, needs.roles, needs.quick) == (1, {}, True)
    assert needs.eligible == {"incident-commander", "operator", "validator"}
    assert needs.distinct == {"author", "approver"}


def test_a_rollback_of_which_no_policy_speaks_needs_what_a_promotion_needs() -> None:
    policy = policies({"approvals": TEAM})
    assert Needs.of(policy, "low", rollback=True) == Needs.of(policy, "low")


def test_where_no_policy_asks_nothing_is_asked() -> None:
    for policy in (policies(), policies({"retention": {"keep": 2}})):
        assert not Needs.of(policy, None).asked
