"""`adapter_config.json`: what is taken from it, what is reported, what is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from interlock.artifacts.adapter_config import KNOWN_KEYS, AdapterConfig, read_adapter_config
from interlock.errors import ArtifactCorrupt
from support.adapters import peft_config


def _config(**overrides: Any) -> AdapterConfig:
    config = peft_config(rank=8, alpha=16, target_modules=("q_proj", "v_proj")) | overrides
    return read_adapter_config(json.dumps(config).encode())


def test_the_allow_list_is_the_fields_of_the_installed_peft() -> None:
    from peft import LoraConfig

    fields = {field.name for field in dataclasses.fields(LoraConfig)}
    assert fields <= KNOWN_KEYS, "PEFT knows keys that we would report as unknown"
    assert fields == KNOWN_KEYS, "we know keys that PEFT would drop"


def test_what_peft_writes_is_read_without_unknown_keys() -> None:
    from peft import LoraConfig

    own = LoraConfig(
        r=8,
        lora_alpha=16,
        target_modules=["q_proj", "v_proj"],
        task_type="CAUSAL_LM",
        base_model_name_or_path="tiny-base",
        inference_mode=True,
        use_rslora=True,
        rank_pattern={"q_proj": 4},
    ).to_dict()
    written = {key: sorted(value) if isinstance(value, set) else value for key, value in own.items()}
    assert written.keys() == peft_config(rank=8, alpha=16, target_modules=()).keys()
    config = read_adapter_config(json.dumps(written).encode())
    assert config.unknown_keys == ()
    assert config.use_rslora
    assert config.target_modules == ("q_proj", "v_proj")
    assert config.rank_pattern == {"q_proj": 4}


def test_every_setting_that_decides_what_the_adapter_does_is_read() -> None:
    config = _config(
        bias="lora_only",
        modules_to_save=["lm_head"],
        alpha_pattern={"k_proj": 0.5},
        rank_pattern={"q_proj": 32},
        base_model_name_or_path="org/base",
        revision="0" * 40,
        init_lora_weights="pissa",
        layer_replication=[[0, 4]],
        lora_bias=True,
        trainable_token_indices={"embed_tokens": [1]},
        alora_invocation_tokens=[1, 2],
        use_dora=True,
        use_qalora=True,
        use_bdlora={"nblocks": 2},
        target_modules=".*_proj",
    )
    assert (config.peft_type, config.r, config.lora_alpha, config.bias) == ("LORA", 8, 16.0, "lora_only")
    assert config.modules_to_save == ("lm_head",)
    assert config.alpha_pattern == {"k_proj": 0.5}
    assert config.max_rank == 32
    assert (config.base_model_name_or_path, config.revision) == ("org/base", "0" * 40)
    assert config.init_lora_weights == "pissa"
    assert config.layer_replication == ([0, 4],)
    assert config.trainable_token_indices == {"embed_tokens": [1]}
    assert config.alora_invocation_tokens == (1, 2)
    assert config.lora_bias
    assert config.use_dora
    assert config.use_qalora
    assert config.use_bdlora == {"nblocks": 2}
    assert config.target_modules == ".*_proj"


def test_absent_keys_have_the_defaults_of_peft() -> None:
    minimal = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": None}
    config = read_adapter_config(json.dumps(minimal).encode())
    assert config.target_modules is None
    assert config.bias == "none"
    assert config.init_lora_weights is True
    assert not config.use_rslora
    assert config.rank_pattern == {}
    assert config.modules_to_save is None


def test_null_patterns_are_empty_ones() -> None:
    config = _config(rank_pattern=None, alpha_pattern=None, init_lora_weights=None)
    assert (config.rank_pattern, config.alpha_pattern, config.init_lora_weights) == ({}, {}, True)


def test_unknown_keys_are_reported_and_not_refused() -> None:
    assert _config(use_rs_lora=True, Use_dora=True).unknown_keys == ("Use_dora", "use_rs_lora")


def test_another_kind_of_adapter_is_read_so_that_a_rule_can_name_it() -> None:
    config = read_adapter_config(b'{"peft_type": "IA3", "feedforward_modules": []}')
    assert config.peft_type == "IA3"
    assert config.unknown_keys == ("feedforward_modules",)


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "Expecting value"),
    "no JSON": (b"r: 8", "Expecting value"),
    "a list": (b"[]", "it holds a list"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "BOM"),
    "Latin-1": (b'{"r":"\xe9"}', "not UTF-8"),
    "deep nesting": (b'{"a":' * 100_000, "nested too deeply"),
    "over a mebibyte": (b'{"a":"' + b"a" * (1 << 20) + b'"}', "bytes or more"),
    "no peft_type": (b"{}", "it has no peft_type"),
    "no rank": (b'{"peft_type":"LORA","lora_alpha":1,"target_modules":[]}', "it has no r"),
    "no alpha": (b'{"peft_type":"LORA","r":1,"target_modules":[]}', "it has no lora_alpha"),
    "no targets": (b'{"peft_type":"LORA","r":1,"lora_alpha":1}', "it has no target_modules"),
    "a key twice": (b'{"peft_type":"LORA","r":8,"r":16}', "the key 'r' is there twice"),
    "a nested key twice": (b'{"peft_type":"LORA","rank_pattern":{"a":1,"a":2}}', "the key 'a' is there twice"),
    "NaN": (b'{"peft_type":"LORA","lora_alpha":NaN}', "NaN is not a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_config_is_refused_that_has(case: str) -> None:
    data, why = REFUSED[case]
    with pytest.raises(ArtifactCorrupt, match=why) as caught:
        read_adapter_config(data)
    assert "adapter_config.json" in caught.value.found


WRONG: tuple[tuple[str, Any], ...] = (
    ("peft_type", 1),
    ("r", "8"),
    ("r", 8.0),
    ("r", True),
    ("r", 0),
    ("r", None),
    ("lora_alpha", "16"),
    ("lora_alpha", True),
    ("lora_alpha", 10**400),
    ("use_rslora", 1),
    ("use_rslora", "false"),
    ("use_dora", None),
    ("bias", None),
    ("modules_to_save", "lm_head"),
    ("modules_to_save", [1]),
    ("target_modules", 7),
    ("target_modules", [None]),
    ("rank_pattern", {"q_proj": "4"}),
    ("rank_pattern", {"q_proj": 0}),
    ("rank_pattern", []),
    ("alpha_pattern", {"q_proj": None}),
    ("layer_replication", {}),
    ("alora_invocation_tokens", [1.5]),
    ("trainable_token_indices", 3),
    ("init_lora_weights", 3),
    ("use_bdlora", 3),
    ("revision", 3),
)


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_value_of_the_wrong_type_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ArtifactCorrupt, match=f"cannot be read: {key} is ") as caught:
        _config(**{key: value})
    assert caught.value.expected.startswith(f"{key} to be ")


def test_an_infinite_alpha_is_refused() -> None:
    with pytest.raises(ArtifactCorrupt, match="lora_alpha is inf"):
        read_adapter_config(b'{"peft_type":"LORA","r":1,"lora_alpha":1e999,"target_modules":[]}')


@pytest.mark.parametrize(
    ("pattern", "module", "rank"),
    [
        ("q_proj", "model.layers.0.self_attn.q_proj", 4),
        ("self_attn.q_proj", "model.layers.0.self_attn.q_proj", 4),
        (r"model\.layers\.0\.self_attn\.q_proj", "model.layers.0.self_attn.q_proj", 4),
        ("^model.layers.0.self_attn.q_proj$", "model.layers.0.self_attn.q_proj", 4),
        ("^self_attn.q_proj", "model.layers.0.self_attn.q_proj", 8),
        ("proj", "model.layers.0.self_attn.q_proj", 8),
        ("q_proj", "model.layers.0.self_attn.k_proj", 8),
        (".*layers.[0-3].*q_proj", "model.layers.0.self_attn.q_proj", None),
        ("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", None),
    ],
)
def test_the_rank_of_a_module_follows_peft_and_runs_no_expression_of_the_file(
    pattern: str, module: str, rank: int | None
) -> None:
    assert _config(rank_pattern={pattern: 4}).rank_of(module) == rank
