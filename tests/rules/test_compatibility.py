"""Compatibility: the adapter fits the base that serves it."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.findings.finding import Severity
from support.adapters import llama_config
from support.checks import check, not_evaluated, passes, refused
from support.repositories import Repository, base_manifest, environment, manifest, pointer

BOT_1 = manifest("support-bot", "1")
POINTER = pointer("production", "support-bot")
WEIGHTS = '"adapter_model.safetensors"'
FIRST_QUERY = "base_model.model.model.layers.0.self_attn.q_proj"


def other_base(repository: Repository, revision: str = "2026-12", **config: Any) -> dict[str, str]:
    """Register the base once more under another revision; return the reference to it."""
    document = repository.read(base_manifest())
    repository.write(
        base_manifest(revision=revision), document | {"revision": revision, "config": document["config"] | config}
    )
    return {"name": "tiny-llama", "revision": revision}


def test_an_adapter_of_another_base_than_the_environments_is_refused(repository: Repository) -> None:
    repository.change(BOT_1, "base", to=other_base(repository))
    finding = refused(repository, "base-mismatch", POINTER, '"1"')
    assert "tiny-llama 2026-12" in finding.found
    assert environment("production") in finding.expected
    assert finding.environment == "production"


@pytest.mark.parametrize("part", ["canary", "shadow", "keep"])
def test_a_canary_shadow_or_kept_revision_of_another_base_is_refused(repository: Repository, part: str) -> None:
    repository.change(manifest("support-bot", "3"), "base", to=other_base(repository))
    repository.point("dev", "support-bot", active="1")
    value = {"canary": {"revision": "3", "weight": 5}, "shadow": {"revision": "3", "sample": 0.1}, "keep": ["3"]}
    repository.point("production", "support-bot", **{part: value[part]})
    refused(repository, "base-mismatch", POINTER, '"3"')


def test_a_base_of_unknown_shape_cannot_be_evaluated(repository: Repository) -> None:
    repository.change(BOT_1, "base", to=other_base(repository, architecture="MambaForCausalLM"))
    repository.change(environment("production"), "base", "revision", to="2026-12")
    repository.remove(pointer("production", "sql-helper"))
    not_evaluated(repository, "base-shape-unknown", BOT_1, 'name: "tiny-llama"')


def test_a_base_of_unknown_shape_is_judged_by_the_modules_that_it_lists(repository: Repository) -> None:
    other_base(repository, architecture="MambaForCausalLM")
    path = base_manifest(revision="2026-12")
    listed = [
        {"name": "model.layers.*.self_attn.q_proj", "shape": [64, 64]},
        {"name": "model.layers.*.self_attn.v_proj", "layers": 2, "shape": [32, 64]},
    ]
    repository.change(path, "modules", to=listed)
    repository.change(BOT_1, "base", "revision", to="2026-12")
    repository.change(environment("production"), "base", "revision", to="2026-12")
    repository.remove(pointer("production", "sql-helper"))
    passes(repository)
    repository.change(path, "modules", to=listed[:1])
    refused(repository, "module-not-in-base", BOT_1, WEIGHTS)


def test_a_base_that_claims_a_billion_layers_is_not_expanded(repository: Repository) -> None:
    repository.change(base_manifest(), "config", "num_hidden_layers", to=1_000_000_000)
    assert {finding.rule for finding in check(repository).findings} == {"base-shape-unknown"}


def test_a_revision_that_no_pointer_names_is_only_warned_about(repository: Repository) -> None:
    repository.change(manifest("support-bot", "3"), "base", to=other_base(repository, architecture="MambaForCausalLM"))
    repository.point("dev", "support-bot", active="1")
    (finding,) = check(repository).findings
    assert (finding.rule, finding.severity) == ("base-shape-unknown", Severity.WARNING)


def test_an_adapter_with_more_layers_than_its_base_is_refused(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", shapes_for=llama_config(layers=3))
    finding = refused(repository, "module-not-in-base", BOT_1, WEIGHTS)
    assert "model.layers.2.self_attn.q_proj" in finding.found


def test_an_adapter_of_a_wider_base_is_refused(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", shapes_for=llama_config(hidden=128))
    finding = refused(repository, "tensor-shape-mismatch", BOT_1, WEIGHTS)
    assert "model.layers.0.self_attn.q_proj takes 64 inputs and gives 64 outputs" in finding.found
    assert "(and 3 more)" in finding.found


def test_factors_that_do_not_fit_each_other_are_refused(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", extra_tensors={f"{FIRST_QUERY}.lora_B.weight": (64, 4)})
    finding = refused(repository, "tensor-shape-mismatch", BOT_1, WEIGHTS)
    assert "rank 4" in finding.found


def test_a_factor_without_the_other_one_is_refused(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", drop_tensors=[f"{FIRST_QUERY}.lora_B.weight"])
    finding = refused(repository, "incomplete-pair", BOT_1, WEIGHTS)
    assert f"{FIRST_QUERY}.lora_A.weight" in finding.found


def test_a_tensor_that_is_no_part_of_a_lora_is_refused(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", extra_tensors={f"{FIRST_QUERY}.lora_diag": (8,)})
    finding = refused(repository, "unknown-tensor", BOT_1, WEIGHTS)
    assert "lora_diag" in finding.found


def test_whole_embeddings_beside_the_lora_are_refused(repository: Repository) -> None:
    repository.replace_adapter(
        "support-bot", "1", extra_tensors={"base_model.model.model.embed_tokens.weight": (320, 64)}
    )
    finding = refused(repository, "undeclared-module", BOT_1, WEIGHTS)
    assert "model.embed_tokens" in finding.found


def test_a_file_without_lora_tensors_is_refused(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", target_modules=())
    refused(repository, "no-lora-tensors", BOT_1, WEIGHTS)


def test_an_embedding_is_judged_by_the_vocabulary(repository: Repository) -> None:
    name = "base_model.model.model.embed_tokens.lora_embedding_"
    targets = ["q_proj", "v_proj", "embed_tokens"]
    repository.replace_adapter(
        "support-bot",
        "1",
        extra_tensors={f"{name}A": (8, 320), f"{name}B": (64, 8)},
        config_overrides={"target_modules": targets},
    )
    passes(repository)
    repository.replace_adapter(
        "support-bot",
        "1",
        extra_tensors={f"{name}A": (8, 321), f"{name}B": (64, 8)},
        config_overrides={"target_modules": targets},
    )
    refused(repository, "tensor-shape-mismatch", BOT_1, WEIGHTS)
