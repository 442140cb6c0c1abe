"""Pointers: trials that can be told apart from what is active, and lists that say what they seem to say."""

from __future__ import annotations

from typing import Any

import pytest

from support.checks import check, passes, refused, warned
from support.repositories import Repository, pointer

DEV = pointer("dev", "support-bot")


@pytest.mark.parametrize("trial", [{"canary": {"weight": 5}}, {"shadow": {"sample": 0.1}}])
def test_a_trial_of_the_active_revision_is_refused(repository: Repository, trial: dict[str, Any]) -> None:
    ((role, fields),) = trial.items()
    repository.point("dev", "support-bot", **{role: {"revision": "3", **fields}})
    assert f"the {role} of" in refused(repository, "trial-of-active", DEV, '"3"').found


def test_canary_and_shadow_may_be_the_same_revision(repository: Repository) -> None:
    repository.point("dev", "support-bot", canary={"revision": "2", "weight": 5}, shadow={"revision": "2", "sample": 1})
    passes(repository)


def test_a_canary_that_nobody_meets_is_told(repository: Repository) -> None:
    repository.point("dev", "support-bot", canary={"revision": "2"})
    warned(repository, "idle-canary", DEV, "revision:")


@pytest.mark.parametrize("canary", [{"weight": 100}, {"weight": 0.5}, {"tenants": ["acme"]}])
def test_a_canary_with_a_share_or_with_tenants_passes(repository: Repository, canary: dict[str, Any]) -> None:
    repository.point("dev", "support-bot", canary={"revision": "2", **canary})
    passes(repository)


@pytest.mark.parametrize("steps", [[50, 5], [5, 5, 100], [0, 50], [5, 25, 20]])
def test_steps_that_do_not_rise_are_refused(repository: Repository, steps: list[int]) -> None:
    repository.point("dev", "support-bot", canary={"revision": "2", "weight": 5, "steps": steps})
    refused(repository, "canary-steps-not-rising", DEV, "[")


def test_what_is_kept_anyway_is_told(repository: Repository) -> None:
    repository.point("dev", "support-bot", keep=["1", "3"])
    assert "repeats 3" in warned(repository, "repeated-in-pointer", DEV, '"3"').found


def test_a_tenant_that_is_named_twice_is_told(repository: Repository) -> None:
    repository.point("dev", "support-bot", canary={"revision": "2", "tenants": ["acme", "beta", "acme"]})
    assert "repeats acme" in warned(repository, "repeated-in-pointer", DEV, '"acme"').found


def test_a_kept_revision_that_is_named_twice_is_told_once(repository: Repository) -> None:
    repository.point("dev", "support-bot", keep=["1", "2", "2"])
    assert [f.found for f in check(repository).findings] == ["keep of support-bot in dev repeats 2"]
