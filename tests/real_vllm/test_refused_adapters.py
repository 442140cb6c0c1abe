"""Adapters that vLLM refuses, or serves as if nothing were wrong: the checker refuses each before an engine sees it.

Every test hands the same directory to the real engine and to the checker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import EngineRefused
from interlock.findings.finding import Verdict
from support.adapters import llama_config
from support.living_clone import LivingClone
from support.living_example import LivingExample
from support.vllm_serving import Serving

pytestmark = pytest.mark.vllm

MakeAdapter = Callable[..., Path]
NAME = "support-bot@9-000000000000"

TOO_LARGE = "LoRA rank 32 is greater than max_lora_rank 16"

REFUSED_BY_VLLM: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "r": ({"rank": 32}, TOO_LARGE, "rank-over-limit"),
    "rank_pattern": ({"config_overrides": {"rank_pattern": {"q_proj": 32}}}, TOO_LARGE, "rank-over-limit"),
    **{
        key: ({"config_overrides": {key: value}}, reason, "unsupported-by-engine")
        for key, value, reason in (
            ("use_dora", True, "does not yet support DoRA"),
            ("modules_to_save", ["embed_tokens"], "only supports modules_to_save being either None or"),
            ("bias", "all", "Adapter bias is not supported"),
            ("lora_bias", True, "does not support LoRA bias"),
            ("init_lora_weights", "pissa", "does not support init_lora_weights='pissa'"),
            ("alora_invocation_tokens", [1, 2], "does not support Activated LoRA"),
            ("layer_replication", [[0, 1]], "does not support layer_replication"),
            ("use_bdlora", {"nblocks": 2}, "does not support block-diagonal LoRA"),
            ("use_qalora", True, "does not support QALoRA"),
        )
    },
}
"""What `write_adapter` is told, the reason that vLLM gives, and the rule that is to say it first."""


def rules_against(clone: LivingClone, directory: Path, *, deep: bool = False) -> set[str]:
    """Register a directory as the next support bot and point staging to it; returns the rules that block it there."""
    clone.register(directory, "support-bot", "9")
    clone.point("staging", "support-bot", active="9")
    result = clone.check("staging", deep=deep)
    assert result.verdict is Verdict.FAIL
    return {finding.rule for finding in result.findings if finding.blocks}


@pytest.mark.parametrize("setting", REFUSED_BY_VLLM)
def test_what_vllm_refuses_to_load_is_refused_by_the_checker(
    setting: str, guarded: Serving, clone: LivingClone, make_adapter: MakeAdapter
) -> None:
    arguments, reason, rule = REFUSED_BY_VLLM[setting]
    directory = make_adapter("candidate", **arguments)
    with pytest.raises(EngineRefused) as refused:
        guarded.driver.load(NAME, str(directory))
    assert refused.value.status == 500
    assert reason in refused.value.found
    assert guarded.driver.adapters() == {}
    assert guarded.ask_by_name("tiny")
    assert rule in rules_against(clone, directory)


@pytest.mark.parametrize("zero_b", [False, True], ids=["random", "untrained"])
def test_an_adapter_of_another_base_loads_and_is_refused_by_the_checker(
    zero_b: bool, guarded: Serving, clone: LivingClone, make_adapter: MakeAdapter
) -> None:
    directory = make_adapter("foreign", shapes_for=llama_config(), zero_b=zero_b)
    guarded.driver.load(NAME, str(directory))
    assert guarded.complete_by_name(NAME).status_code == 200
    assert "tensor-shape-mismatch" in rules_against(clone, directory)


def test_an_untrained_adapter_answers_as_the_base_and_is_found_by_a_deep_check(
    guarded: Serving, clone: LivingClone, make_adapter: MakeAdapter, example: LivingExample
) -> None:
    directory, trained = make_adapter("untrained", zero_b=True), example.served("support-bot", "2")
    guarded.driver.load(NAME, str(directory))
    guarded.driver.load(trained, str(example.adapter("support-bot", "2")))
    assert guarded.ask_by_name(NAME) == guarded.ask("tiny") != guarded.ask_by_name(trained)
    assert rules_against(clone, directory, deep=True) == {"zero-weights"}
