"""Waivers: what they reach, until when, by whom, and what they never reach."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from interlock.checking.checker import CheckResult, check_tree, exit_code
from interlock.documents.tree import WorkingTree
from support.checks import passes, refused, warned
from support.repositories import Repository, environment

WAIVERS = "policies/waivers.yaml"
TODAY = dt.date(2026, 11, 24)
WAIVER = {
    "rule": "over-max-loras",
    "scope": "environments/dev/",
    "approver": "alice",
    "reason": "the larger engine comes on Friday",
    "until": "2026-11-27",
}


def waive(repository: Repository, **fields: Any) -> None:
    repository.write(WAIVERS, {"kind": "Waivers", "waivers": [WAIVER | fields]})


def check_on(repository: Repository, today: dt.date) -> CheckResult:
    return check_tree(WorkingTree(repository.root), today=today)


@pytest.fixture
def crowded(repository: Repository) -> Repository:
    """A repository whose dev environment holds one adapter too many."""
    repository.change(environment("dev"), "engine", "max_loras", to=1)
    return repository


def test_a_waiver_excuses_until_its_last_day_and_says_who_and_why(crowded: Repository) -> None:
    waive(crowded)
    for today in (TODAY, dt.date(2026, 11, 27)):
        result = check_on(crowded, today)
        (finding,) = result.findings
        assert exit_code(result) == 0
        assert finding.excused == "waived until 2026-11-27 by alice: the larger engine comes on Friday"


def test_after_its_last_day_it_is_told_and_excuses_nothing(crowded: Repository) -> None:
    waive(crowded)
    result = check_on(crowded, dt.date(2026, 11, 28))
    assert {f.rule: f.blocks for f in result.findings} == {"over-max-loras": True, "waiver-expired": False}
    assert exit_code(result) == 1


@pytest.mark.parametrize("scope", ["environments/prod", "environments/de", "adapters", "environments/dev/pointers"])
def test_a_waiver_reaches_only_its_scope(crowded: Repository, scope: str) -> None:
    waive(crowded, scope=scope)
    assert exit_code(check_on(crowded, TODAY)) == 1


def test_a_waiver_may_name_one_file(crowded: Repository) -> None:
    waive(crowded, scope=environment("dev"))
    assert exit_code(check_on(crowded, TODAY)) == 0


def test_without_a_day_no_waiver_counts(crowded: Repository) -> None:
    waive(crowded)
    refused(crowded, "over-max-loras", environment("dev"), "1")


def test_a_waiver_for_a_rule_that_is_not_there(repository: Repository) -> None:
    waive(repository, rule="over-max-lora")
    refused(repository, "waiver-of-unknown-rule", WAIVERS, '"over-max-lora"')


@pytest.mark.parametrize("rule", ["digest-mismatch", "revoked-revision", "record-changed", "pointer-not-alone"])
def test_what_everything_rests_on_is_never_waived(repository: Repository, rule: str) -> None:
    waive(repository, rule=rule)
    refused(repository, "waiver-not-allowed", WAIVERS, f'"{rule}"')


def test_a_waiver_that_is_not_allowed_excuses_nothing(repository: Repository) -> None:
    revision = {"adapter": "sql-helper", "revision": "1", "reason": "r", "date": "2026-11-01", "by": "alice"}
    repository.change("policies/revocations.yaml", "revoked", to=[revision])
    waive(repository, rule="revoked-revision", scope="environments")
    assert {f.rule for f in check_on(repository, TODAY).findings if f.blocks} >= {"revoked-revision"}


def test_a_waiver_by_nobody_whom_the_roster_knows(repository: Repository) -> None:
    waive(repository, approver="mallory")
    refused(repository, "waiver-by-stranger", WAIVERS, '"mallory"')


def test_a_transition_rule_may_be_waived(repository: Repository) -> None:
    waive(repository, rule="outside-window")
    passes(repository)


def test_an_expired_waiver_warns(repository: Repository) -> None:
    waive(repository)
    warned(repository, "waiver-expired", WAIVERS, '"2026-11-27"', today=dt.date(2027, 1, 1))


def test_a_waiver_for_a_folder_that_is_not_there_is_told(repository: Repository) -> None:
    waive(repository, scope="environment/dev/")
    warned(repository, "waiver-of-nothing", WAIVERS, '"environment/dev/"')
