"""Several policies of one environment: the stricter value counts, and a contradiction is a finding."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from interlock.documents.kinds.policy import Policy
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.rules.effective_policy import WAYS, EffectivePolicy, effective_policy, policies_of
from support.checks import passes, refused
from support.repositories import Repository


def write_policy(repository: Repository, name: str, **fields: Any) -> None:
    repository.write(f"policies/{name}.yaml", {"kind": "Policy", "environments": ["dev"], **fields})


def merged(repository: Repository, *policies: dict[str, Any]) -> EffectivePolicy:
    """What dev is asked for when each of these is a policy of its own, in both orders."""
    found = []
    for order in (policies, policies[::-1]):
        for index, fields in enumerate(order):
            write_policy(repository, f"policy-{index}", **fields)
        found.append(effective_policy(policies_of(read_snapshot(WorkingTree(repository.root)), "dev")))
    values = [{key: _unordered(setting.value) for key, setting in policy.settings.items()} for policy in found]
    assert values[0] == values[1], "the order of the files decides"
    return found[0]


def _unordered(value: Any) -> Any:
    return frozenset(value) if isinstance(value, tuple) else value


def approvals(count: int, **roles: int) -> dict[str, Any]:
    return {"approvals": {"count": count, "roles": roles}}


def gate(**fields: Any) -> dict[str, Any]:
    return {"gates": [{"suite": "core", "test": "zero-failure", **fields}]}


EMERGENCY = {"expires": "4h", "review_within": "1d"}


@pytest.mark.parametrize(
    ("one", "other", "key", "value"),
    [
        (approvals(2, validator=1), approvals(1, validator=2), "approvals.count", 2),
        (approvals(2, validator=1), approvals(1, validator=2), "approvals.roles.validator", 2),
        (approvals(1, validator=1), approvals(1, operator=1), "approvals.roles.operator", 1),
        ({"evidence": {"low": ["a"]}}, {"evidence": {"low": ["b"]}}, "evidence.low", {"a", "b"}),
        ({"evidence": {"max_age": "30d"}}, {"evidence": {"max_age": "7d"}}, "evidence.max_age", dt.timedelta(days=7)),
        (gate(max_rate=0.1), gate(max_rate=0.2), "gates.core.zero-failure.max_rate", 0.1),
        (gate(max_attempts=3), gate(), "gates.core.zero-failure.max_attempts", 3),
        ({"budgets": {"pii-v2": 0.5}}, {"budgets": {"pii-v2": 0.0}}, "budgets.pii-v2", 0.0),
        ({"rollback": {"approvals": 1}}, {"rollback": {"approvals": 2}}, "rollback.approvals", 2),
        (
            {"rollback": {"approvals": 1, "skip": ["soak", "windows"]}},
            {"rollback": {"approvals": 1, "skip": ["windows"]}},
            "rollback.skip",
            {"windows"},
        ),
        ({"rollback": {"approvals": 1, "skip": ["soak"]}}, {"rollback": {"approvals": 1}}, "rollback.skip", set()),
        ({"rollback": {"approvals": 1, "skip": ["soak"]}}, {}, "rollback.skip", {"soak"}),
        (
            {"emergency": {"roles": ["a", "b"], **EMERGENCY}},
            {"emergency": {"roles": ["b"], **EMERGENCY}},
            "emergency.roles",
            {"b"},
        ),
        ({"retention": {"keep": 2}}, {"retention": {"keep": 5}}, "retention.keep", 5),
    ],
)
def test_the_stricter_value_counts_whatever_the_order_of_the_files(
    repository: Repository, one: dict[str, Any], other: dict[str, Any], key: str, value: Any
) -> None:
    found = merged(repository, one, other).value(key)
    assert (set(found) if isinstance(value, set) else found) == value


def test_two_tests_of_one_suite_both_count(repository: Repository) -> None:
    other = {"gates": [{"suite": "core", "test": "paired-non-inferiority", "margin": 0.03}]}
    policy = merged(repository, gate(max_rate=0.1), other)
    assert policy.value("gates.core.zero-failure.max_rate") == 0.1
    assert policy.value("gates.core.paired-non-inferiority.margin") == 0.03


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        (
            {"canary": {"test": "e-process", "alpha": 0.01}},
            {"canary": {"test": "e-process", "alpha": 0.05}},
            "canary.alpha",
        ),
        (
            {"retention": {"keep": 1, "records": "2y"}},
            {"retention": {"keep": 1, "records": "10y"}},
            "retention.records",
        ),
        (
            {"retention": {"keep": 1, "archive_after": "9d"}},
            {"retention": {"keep": 1, "archive_after": "90d"}},
            "retention.archive_after",
        ),
        (
            {"emergency": {"roles": ["a"], **EMERGENCY}},
            {"emergency": {"roles": ["b"], **EMERGENCY}},
            "emergency.roles",
        ),
    ],
)
def test_what_has_no_stricter_side_is_a_conflict_and_has_no_value(
    repository: Repository, one: dict[str, Any], other: dict[str, Any], key: str
) -> None:
    policy = merged(repository, one, other)
    assert [setting.key for setting in policy.conflicts] == [key]
    assert policy.settings[key].value is None
    assert policy.value(key, "nothing") == "nothing"
    assert len(policy.settings[key].stated) == 2


def test_a_conflict_is_refused_where_one_of_the_values_stands(repository: Repository) -> None:
    write_policy(repository, "privacy", retention={"keep": 1, "records": "2y"})
    write_policy(repository, "records", retention={"keep": 1, "records": "10y"})
    finding = refused(repository, "policy-conflict", "policies/records.yaml", '"10y"')
    assert "policies/privacy.yaml says 2y" in finding.found
    assert finding.environment == "dev"


def test_policies_of_different_environments_do_not_meet(repository: Repository) -> None:
    write_policy(repository, "privacy", retention={"keep": 1, "records": "2y"})
    write_policy(repository, "records", environments=["staging"], retention={"keep": 1, "records": "10y"})
    passes(repository)


TIERS = {"approvals.low", "approvals.medium", "approvals.high"}


def test_every_key_of_a_policy_has_a_way_to_merge() -> None:
    """A new key of the model must not be left to chance."""
    known = {way.partition(".")[0] for way in WAYS}
    assert set(Policy.model_fields) - {"kind", "environments"} == known
    for part in ("approvals", "evidence", "canary", "rollback", "emergency", "retention"):
        (model,) = (m for m in Policy.model_fields[part].annotation.__args__ if m is not type(None))  # type: ignore[union-attr]
        assert {f"{part}.{field}" for field in model.model_fields} <= {way.removesuffix(".*") for way in WAYS} | TIERS
    for tier in TIERS:
        assert {f"{tier}.count", f"{tier}.roles.*"} <= WAYS.keys()
