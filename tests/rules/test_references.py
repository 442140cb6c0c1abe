"""References: what one document names in another is there and may be used."""

from __future__ import annotations

import pytest

from support.checks import WHOLE_FILE, check, passes, refused, warned
from support.repositories import REMOVED, Repository, base_manifest, environment, manifest, pointer

DEV_BOT = pointer("dev", "support-bot")
REVOKED = {"adapter": "support-bot", "revision": "2", "reason": "trained on withdrawn data", "date": "2026-11-02"}


def test_pointers_into_an_environment_that_is_not_described_are_refused(repository: Repository) -> None:
    repository.point("canary", "support-bot")
    refused(repository, "environment-missing", environment("canary"), WHOLE_FILE)


def test_an_environment_that_nobody_has_heard_of_is_refused_and_not_passed(repository: Repository) -> None:
    finding = refused(repository, "environment-missing", environment("prodution"), WHOLE_FILE, env="prodution")
    assert "dev, production, staging" in finding.expected


def test_a_pointer_for_an_adapter_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.point("dev", "ghost")
    refused(repository, "pointer-without-adapter", pointer("dev", "ghost"), '"ghost"')


def test_a_revision_of_an_adapter_that_is_not_described_is_refused(repository: Repository) -> None:
    repository.remove("adapters/sql-helper/adapter.yaml")
    refused(repository, "revision-without-adapter", manifest("sql-helper", "1"), '"sql-helper"')


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("active", "9"),
        ("canary", {"revision": "9", "weight": 5}),
        ("shadow", {"revision": "9", "sample": 0.5}),
        ("keep", ["9"]),
    ],
)
def test_a_pointer_to_a_revision_that_is_not_there_is_refused(repository: Repository, part: str, value: object) -> None:
    repository.point("dev", "support-bot", **{part: value})
    finding = refused(repository, "dangling-pointer", DEV_BOT, '"9"')
    assert finding.expected == "one of the revisions 1, 2, 3"
    assert finding.environment == "dev"


def test_a_pointer_to_a_revision_whose_form_is_wrong_is_reported_once(repository: Repository) -> None:
    repository.change(manifest("sql-helper", "1"), "peft", "r", to=0)
    assert [finding.rule for finding in check(repository).findings] == ["invalid-value"]


@pytest.mark.parametrize("part", ["active", "canary", "keep"])
def test_a_revoked_revision_is_refused_wherever_a_pointer_names_it(repository: Repository, part: str) -> None:
    repository.change("policies/revocations.yaml", "revoked", to=[REVOKED | {"by": "alice"}])
    repository.point("staging", "support-bot", active="1")
    passes(repository)
    value = {"active": "2", "canary": {"revision": "2", "weight": 1}, "keep": ["2"]}[part]
    repository.point("dev", "support-bot", **{part: value})
    finding = refused(repository, "revoked-revision", DEV_BOT, '"2"')
    assert "trained on withdrawn data" in finding.found


def test_a_base_that_is_not_there_is_refused_at_each_place_that_names_it(repository: Repository) -> None:
    repository.remove(base_manifest())
    assert {(f.rule, f.place.path) for f in check(repository, env="dev").findings} == {
        ("base-missing", environment("dev")),
        ("base-missing", manifest("support-bot", "3")),
        ("base-missing", manifest("sql-helper", "1")),
    }


def test_an_environment_that_serves_nothing_may_wait_for_its_base(repository: Repository) -> None:
    for adapter in ("support-bot", "sql-helper"):
        repository.remove(pointer("production", adapter))
    repository.change(environment("production"), "base", "revision", to="2030-01")
    warned(repository, "base-missing", environment("production"), "name:")


def test_the_base_of_a_merged_base_has_to_be_there(repository: Repository) -> None:
    trigger = {"metric": "latency-ms", "threshold": 400, "observed": 520, "decided_by": "alice"}
    base, adapter = {"name": "tiny-llama", "revision": "2025-01"}, {"name": "support-bot", "revision": "1"}
    pedigree = {"kind": "merge", "base": base, "adapter": adapter, "trigger": trigger}
    repository.change(base_manifest(), "pedigree", to=pedigree)
    refused(repository, "base-missing", base_manifest(), "name:")


def test_an_upstream_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.change(environment("staging"), "upstream", to="qa")
    refused(repository, "upstream-missing", environment("staging"), '"qa"')


def test_environments_that_are_upstream_of_each_other_are_refused(repository: Repository) -> None:
    repository.change(environment("dev"), "upstream", to="production")
    findings = check(repository).findings
    assert [(f.rule, f.place.path) for f in findings] == [
        ("upstream-cycle", environment(name)) for name in ("dev", "production", "staging")
    ]
    finding = refused(repository, "upstream-cycle", environment("dev"), '"production"', env="dev")
    assert "dev → production → staging → dev" in finding.found
    repository.change(environment("dev"), "upstream", to=REMOVED)
    passes(repository)
