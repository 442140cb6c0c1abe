"""Policies: somebody can satisfy them, and they ask for something."""

from __future__ import annotations

from typing import Any

import pytest

from support.checks import check, passes, refused, warned
from support.repositories import Repository, environment

POLICY, ROSTER = "policies/production.yaml", "policies/roster.yaml"
EMERGENCY = {"roles": ["incident-commander"], "expires": "4h", "review_within": "24h"}


def staffed(repository: Repository, *roles: str) -> None:
    """The roster with one person for each of these roles."""
    people = [
        {"login": f"person-{n}", "id": n + 1, "emails": [f"{n}@example.com"], "roles": [role]}
        for n, role in enumerate(roles)
    ]
    repository.change(ROSTER, "people", to=people)


@pytest.mark.parametrize(
    ("approvals", "at"),
    [
        ({"count": 2}, "2"),
        ({"count": 1, "roles": {"operator": 1}}, "1"),
        ({"count": 1, "roles": {"validator": 2}}, "2"),
    ],
)
def test_more_approvals_than_people_are_refused(repository: Repository, approvals: dict[str, Any], at: str) -> None:
    repository.change(POLICY, "approvals", to=approvals)
    refused(repository, "unsatisfiable-approvals", POLICY, at)


def test_as_many_approvals_as_people_pass(repository: Repository) -> None:
    staffed(repository, "validator", "operator")
    repository.change(POLICY, "approvals", to={"count": 2, "roles": {"validator": 1, "operator": 1}})
    passes(repository)


def test_a_rollback_that_nobody_can_approve_is_refused(repository: Repository) -> None:
    repository.change(POLICY, "rollback", to={"approvals": 2})
    refused(repository, "unsatisfiable-approvals", POLICY, "2")


def test_a_roster_that_nobody_has_filled_in_yet_is_not_held_against_the_policy(repository: Repository) -> None:
    staffed(repository)
    passes(repository)


def test_another_environment_is_not_blamed_for_the_policy(repository: Repository) -> None:
    repository.change(POLICY, "approvals", to={"count": 9})
    passes(repository, env="dev")


def test_an_emergency_that_nobody_may_declare_is_refused(repository: Repository) -> None:
    repository.change(POLICY, "emergency", to=EMERGENCY)
    refused(repository, "unheld-emergency-role", POLICY, "[")
    staffed(repository, "validator", "incident-commander")
    passes(repository)


def test_zero_approvals_in_a_protected_environment_are_refused(repository: Repository) -> None:
    repository.change(POLICY, "approvals", to={"count": 0})
    refused(repository, "approvals-not-asked", POLICY, "0")


def test_zero_approvals_elsewhere_are_fine_and_roles_ask_too(repository: Repository) -> None:
    repository.change(POLICY, "approvals", to={"count": 0, "roles": {"validator": 1}})
    passes(repository)
    open_policy = {"kind": "Policy", "environments": ["dev"], "approvals": {"count": 0}}
    repository.write("policies/dev.yaml", open_policy)
    passes(repository)


def test_a_protected_environment_without_a_policy_is_told(repository: Repository) -> None:
    repository.change(environment("staging"), "protected", to=True)
    warned(repository, "unprotected-by-policy", environment("staging"), "true")


def test_a_policy_for_an_environment_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.change(POLICY, "environments", to=["production", "prod"])
    assert "dev, production, staging" in refused(repository, "policy-without-environment", POLICY, '"prod"').expected


@pytest.mark.parametrize(
    ("gate", "absent"),
    [
        ({"test": "zero-failure"}, ["max_rate"]),
        ({"test": "paired-non-inferiority", "margin": 0.03}, ["against"]),
        ({"test": "paired-non-inferiority", "against": ["anchor"]}, ["margin"]),
        ({"test": "paired-non-inferiority"}, ["margin", "against"]),
    ],
)
def test_a_gate_without_a_number_is_refused(repository: Repository, gate: dict[str, Any], absent: list[str]) -> None:
    repository.change(POLICY, "gates", to=[{"suite": "core", **gate}])
    assert " and ".join(absent) in refused(repository, "incomplete-gate", POLICY, "{").found


def test_a_gate_that_tolerates_nothing_has_a_number(repository: Repository) -> None:
    gates = [
        {"suite": "safety", "test": "zero-failure", "max_rate": 0},
        {"suite": "core", "test": "paired-non-inferiority", "against": ["anchor"], "margin": 0},
    ]
    repository.change(POLICY, "gates", to=gates)
    passes(repository)


def test_nobody_can_approve_where_the_roster_is_gone(repository: Repository) -> None:
    repository.remove(ROSTER)
    assert {f.rule for f in check(repository).findings} == {"unsatisfiable-approvals"}
