"""Settings: manifest, adapter_config.json and tensors tell one story."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.findings.finding import Severity
from support.checks import check, not_evaluated, passes, refused
from support.repositories import Repository, base_manifest, environment, manifest

BOT_1 = manifest("support-bot", "1")
CONFIG = '"adapter_config.json"'
COMMIT = "0e9e" * 10


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("r", 16, "16"),
        ("lora_alpha", 32, "32"),
        ("use_rslora", True, "true"),
        ("use_dora", True, "true"),
        ("bias", "all", '"all"'),
        ("modules_to_save", ["lm_head"], '["lm_head"]'),
        ("target_modules", ["q_proj", "k_proj"], '["q_proj"'),
        ("target_modules", "q_proj", '"q_proj"'),
        ("rank_pattern", {"q_proj": 4}, "q_proj"),
        ("alpha_pattern", {"q_proj": 4}, "q_proj"),
    ],
)
def test_a_setting_that_differs_from_the_file_is_refused(
    repository: Repository, field: str, value: Any, shown: str
) -> None:
    repository.change(BOT_1, "peft", field, to=value)
    finding = refused(repository, "settings-mismatch", BOT_1, shown)
    assert f"peft.{field} of support-bot@1" in finding.found


def test_the_order_of_target_modules_does_not_matter(repository: Repository) -> None:
    repository.change(BOT_1, "peft", "target_modules", to=["v_proj", "q_proj"])
    passes(repository)


def test_an_empty_list_means_the_same_as_nothing(repository: Repository) -> None:
    repository.change(BOT_1, "peft", "modules_to_save", to=[])
    passes(repository)


def test_tensors_of_another_rank_than_the_settings_are_refused(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", r=4)
    finding = refused(repository, "rank-mismatch", BOT_1, "4")
    assert "rank 8 (and 3 more modules)" in finding.found


def test_ranks_that_follow_rank_pattern_pass(repository: Repository) -> None:
    repository.change(environment("production"), "engine", "version", to=">=0.32")
    repository.change_settings("support-bot", "1", r=4, rank_pattern={"q_proj": 8, "v_proj": 8})
    passes(repository)


def test_a_rank_pattern_that_is_a_regular_expression_cannot_be_evaluated(repository: Repository) -> None:
    repository.change(environment("production"), "engine", "version", to=">=0.32")
    repository.change_settings("support-bot", "1", rank_pattern={"(a+)+$": 4})
    not_evaluated(repository, "rank-mismatch", BOT_1, '"(a+)+$"')


def test_tensors_for_a_module_that_is_no_target_are_refused(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", target_modules=["q_proj"])
    finding = refused(repository, "target-modules-mismatch", BOT_1, '["q_proj"]')
    assert "v_proj" in finding.found


def test_a_target_named_by_a_longer_path_passes(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", target_modules=["self_attn.q_proj", "v_proj"])
    passes(repository)


def test_tensors_of_another_type_than_promised_are_refused(repository: Repository) -> None:
    repository.change(BOT_1, "peft", "dtype", to="float32")
    finding = refused(repository, "dtype-mismatch", BOT_1, '"float32"')
    assert "BF16" in finding.found


def test_a_misspelt_setting_is_refused(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", use_rlsora=True)
    finding = refused(repository, "unknown-setting", BOT_1, CONFIG)
    assert "use_rlsora" in finding.found


def test_a_branch_as_revision_of_the_base_is_refused(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", revision="main")
    finding = refused(repository, "base-unpinned", BOT_1, CONFIG)
    assert "'main'" in finding.found


def test_the_revision_of_the_manifest_counts_as_pinned(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", revision="2026-11")
    passes(repository)


def test_no_revision_is_a_warning_where_the_base_comes_from_a_hub(repository: Repository) -> None:
    repository.change(base_manifest(), "source", "repository", to="org/tiny-llama")
    repository.change(base_manifest(), "source", "commit", to=COMMIT)
    repository.change_settings("support-bot", "1", revision=COMMIT)
    findings = check(repository).findings
    assert {(finding.rule, finding.severity) for finding in findings} == {("base-unpinned", Severity.WARNING)}
    assert len(findings) == 3


def test_another_commit_of_the_base_is_refused(repository: Repository) -> None:
    repository.change(base_manifest(), "source", "commit", to=COMMIT)
    repository.change_settings("support-bot", "1", revision="1" * 40)
    refused(repository, "base-commit-mismatch", BOT_1, '"2026-11"')
