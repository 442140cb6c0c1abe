"""Engine limits: what the engine of each environment refuses or silently leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.rules.engine_profiles import oldest_version
from support.checks import check, not_evaluated, passes, refused
from support.repositories import Repository, environment, manifest, pointer, write_repository

POINTER = pointer("production", "support-bot")
PRODUCTION = environment("production")
QUERY = "base_model.model.model.layers.0.self_attn.q_proj"

BEYOND_PLAIN: list[tuple[str, Any]] = [
    ("use_dora", True),
    ("modules_to_save", ["lm_head"]),
    ("bias", "lora_only"),
    ("lora_bias", True),
    ("init_lora_weights", "pissa"),
    ("init_lora_weights", "pissa_niter_4"),
    ("init_lora_weights", "olora"),
    ("init_lora_weights", "corda"),
    ("init_lora_weights", "loftq"),
    ("alora_invocation_tokens", [5, 6]),
    ("layer_replication", [[0, 2], [1, 2]]),
    ("use_bdlora", {"target_modules_bd_a": ["q_proj"]}),
    ("use_qalora", True),
    ("trainable_token_indices", [7]),
    ("kasa_config", {"beta": 0.1}),
]


@pytest.fixture
def embedded(tmp_path: Path) -> Repository:
    """The same repository on embedded engines."""
    return write_repository(tmp_path / "embedded", engine="embedded")


def test_a_rank_above_the_limit_is_refused_where_the_revision_is_served(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", rank=64)
    finding = refused(repository, "rank-over-limit", POINTER, '"1"')
    assert "rank 64" in finding.found
    assert f"{PRODUCTION}:" in finding.expected
    assert "--max-lora-rank 64" in finding.remedy
    assert finding.environment == "production"


def test_a_rank_at_the_limit_passes(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", rank=16)
    passes(repository)


def test_the_largest_value_of_rank_pattern_counts_as_the_rank(repository: Repository) -> None:
    repository.change(PRODUCTION, "engine", "version", to=">=0.32,<0.40")
    repository.replace_adapter(
        "support-bot",
        "1",
        config_overrides={"rank_pattern": {"layers.0.self_attn.q_proj": 32}},
        extra_tensors={f"{QUERY}.lora_A.weight": (32, 64), f"{QUERY}.lora_B.weight": (64, 32)},
    )
    finding = refused(repository, "rank-over-limit", POINTER, '"1"')
    assert "rank 32" in finding.found


def test_a_rank_is_judged_by_the_manifest_where_the_bytes_are_elsewhere(repository: Repository) -> None:
    path = manifest("support-bot", "1")
    repository.change(path, "artifact", "uri", to="s3://adapters/support-bot/1")
    repository.change(path, "peft", "r", to=64)
    repository.change(path, "peft", "use_dora", to=True)
    assert {f.rule for f in check(repository).findings} == {
        "artifact-unreachable",
        "rank-over-limit",
        "unsupported-by-engine",
    }


def test_a_rank_limit_that_vllm_does_not_start_with_is_refused(repository: Repository) -> None:
    repository.change(PRODUCTION, "engine", "max_lora_rank", to=24)
    finding = refused(repository, "rank-limit-not-allowed", PRODUCTION, "24")
    assert "write 32" in finding.remedy


def test_the_embedded_engine_takes_any_rank_limit(embedded: Repository) -> None:
    embedded.change(PRODUCTION, "engine", "max_lora_rank", to=24)
    passes(embedded)


@pytest.mark.parametrize(("setting", "value"), BEYOND_PLAIN)
def test_what_vllm_refuses_is_refused_before_the_merge(repository: Repository, setting: str, value: Any) -> None:
    repository.change_settings("support-bot", "1", **{setting: value})
    finding = refused(repository, "unsupported-by-engine", POINTER, '"1"')
    assert setting in finding.found


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *BEYOND_PLAIN,
        ("modules_to_save", ["score"]),
        ("init_lora_weights", "eva"),
        ("arrow_config", {"top_k": 2}),
        ("monteclora_config", {"samples": 2}),
        ("target_parameters", ["experts.gate_up_proj"]),
        ("megatron_config", {"tensor_model_parallel_size": 2}),
    ],
)
def test_what_the_embedded_engine_refuses_is_refused_before_the_merge(
    embedded: Repository, setting: str, value: Any
) -> None:
    embedded.change_settings("support-bot", "1", **{setting: value})
    refused(embedded, "unsupported-by-engine", POINTER, '"1"')


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("modules_to_save", ["score"]),
        ("init_lora_weights", "gaussian"),
        ("init_lora_weights", "EVA"),
        ("init_lora_weights", False),
        ("use_rslora", True),
        ("fan_in_fan_out", True),
    ],
)
def test_what_vllm_serves_as_trained_passes(repository: Repository, setting: str, value: Any) -> None:
    repository.change_settings("support-bot", "1", **{setting: value})
    passes(repository)


def test_an_embedding_is_refused_by_the_embedded_engine(embedded: Repository) -> None:
    name = "base_model.model.model.embed_tokens.lora_embedding_"
    embedded.replace_adapter(
        "support-bot",
        "1",
        extra_tensors={f"{name}A": (8, 320), f"{name}B": (64, 8)},
        config_overrides={"target_modules": ["q_proj", "v_proj", "embed_tokens"]},
    )
    finding = refused(embedded, "unsupported-by-engine", POINTER, '"1"')
    assert "embed_tokens" in finding.found


@pytest.mark.parametrize(
    ("setting", "value"),
    [("alpha_pattern", {"q_proj": 4}), ("rank_pattern", {"q_proj": 8}), ("arrow_config", {"top_k": 2})],
)
def test_what_vllm_silently_leaves_out_is_refused(repository: Repository, setting: str, value: Any) -> None:
    repository.change_settings("support-bot", "1", **{setting: value})
    finding = refused(repository, "ignored-by-engine", POINTER, '"1"')
    assert "silently ignores" in finding.found


def test_patterns_pass_where_every_allowed_version_applies_them(repository: Repository) -> None:
    repository.change_settings("support-bot", "1", alpha_pattern={"q_proj": 4})
    repository.change(PRODUCTION, "engine", "version", to=">=0.31,<0.40")
    refused(repository, "ignored-by-engine", POINTER, '"1"')
    repository.change(PRODUCTION, "engine", "version", to=">=0.32,<0.40")
    passes(repository)


def test_anything_beyond_plain_lora_on_an_engine_without_a_profile_cannot_be_evaluated(
    repository: Repository,
) -> None:
    repository.change(PRODUCTION, "engine", "kind", to="sglang")
    passes(repository)
    repository.change_settings("support-bot", "1", use_dora=True)
    not_evaluated(repository, "unsupported-by-engine", POINTER, '"1"')


@pytest.mark.parametrize("kind", ["sglang", "lorax", "tgi", "nim", "dynamo"])
def test_engines_without_a_profile_are_not_assumed_to_serve_embeddings(repository: Repository, kind: str) -> None:
    repository.change(PRODUCTION, "engine", "kind", to=kind)
    passes(repository)
    name = "base_model.model.model.embed_tokens.lora_embedding_"
    repository.replace_adapter(
        "support-bot",
        "1",
        extra_tensors={f"{name}A": (8, 320), f"{name}B": (64, 8)},
        config_overrides={"target_modules": ["q_proj", "v_proj", "embed_tokens"]},
    )
    assert "is not known to serve" in not_evaluated(repository, "unsupported-by-engine", POINTER, '"1"').found


@pytest.mark.parametrize("kind", ["sglang", "lorax", "tgi", "nim", "dynamo"])
@pytest.mark.parametrize(("setting", "value"), BEYOND_PLAIN)
def test_no_engine_without_a_profile_is_assumed_to_serve_more_than_plain_lora(
    repository: Repository, kind: str, setting: str, value: Any
) -> None:
    repository.change(PRODUCTION, "engine", "kind", to=kind)
    repository.change_settings("support-bot", "1", **{setting: value})
    not_evaluated(repository, "unsupported-by-engine", POINTER, '"1"')


@pytest.mark.parametrize("rank", [1, 8, 16, 32, 64, 128, 256, 320, 512])
def test_vllm_starts_with_these_rank_limits(repository: Repository, rank: int) -> None:
    repository.change(environment("dev"), "engine", "max_lora_rank", to=rank)
    assert {finding.rule for finding in check(repository).findings} <= {"rank-over-limit"}


@pytest.mark.parametrize(
    ("specifier", "oldest"),
    [
        (">=0.28,<0.40", (0, 28)),
        ("<0.40, >=0.32.1", (0, 32)),
        ("==1.2", (1, 2)),
        ("~=0.33", (0, 33)),
        (">=1", (1, 0)),
        ("<0.40", (0, 0)),
        ("anything", (0, 0)),
    ],
)
def test_the_oldest_version_of_a_range_is_its_lower_bound(specifier: str, oldest: tuple[int, int]) -> None:
    assert oldest_version(specifier) == oldest
