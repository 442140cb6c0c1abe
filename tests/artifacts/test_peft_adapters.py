"""An adapter that PEFT itself saved, for a base that transformers itself loads: everything here reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.artifacts.adapter_config import read_adapter_config
from interlock.artifacts.base_modules import modules_of
from interlock.artifacts.digests import describe_directory
from interlock.artifacts.lora_tensors import LoraPairs, pair_up
from interlock.artifacts.tensor_table import TensorTable, read_header
from interlock.artifacts.tensor_values import scan_values
from interlock.errors import ArtifactCorrupt
from support.adapters import ATTENTION, MLP, base_revision_of, write_adapter, write_base

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # PEFT asks for it
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning"),  # so has ours, on purpose
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
]
MODEL = "adapter_model.safetensors"


def _saved(tmp_path: Path, **settings: object) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    write_base(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    adapted = get_peft_model(model, LoraConfig(r=4, task_type="CAUSAL_LM", **settings))
    adapted.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "README.md").unlink()
    return tmp_path / "saved"


def _table(directory: Path) -> TensorTable:
    with (directory / MODEL).open("rb") as stream:
        return read_header(stream, (directory / MODEL).stat().st_size)


def _fits(pairs: LoraPairs, base: Path) -> bool:
    modules = modules_of(base_revision_of(base))
    assert modules is not None
    return all(modules.get(name) == (pair.outputs, pair.inputs) for name, pair in pairs.pairs.items())


def test_what_peft_saves_is_read_without_a_single_problem(tmp_path: Path) -> None:
    directory = _saved(tmp_path, target_modules=[*ATTENTION, *MLP, "lm_head"])
    assert [file.path for file in describe_directory(directory)] == ["adapter_config.json", MODEL]
    config = read_adapter_config((directory / "adapter_config.json").read_bytes())
    assert config.unknown_keys == ()
    table = _table(directory)
    pairs = pair_up(table)
    assert pairs.problems == ()
    assert len(pairs.pairs) == 15
    assert _fits(pairs, tmp_path / "base")
    untrained = {pair.b.name for pair in pairs.pairs.values()}
    assert set(scan_values(directory / MODEL, table).all_zero) == untrained


def test_dora_embeddings_and_saved_modules_are_told_apart(tmp_path: Path) -> None:
    targets = ["q_proj", "embed_tokens"]
    directory = _saved(tmp_path, target_modules=targets, use_dora=True, modules_to_save=["norm"])
    pairs = pair_up(_table(directory))
    assert pairs.problems == ()
    assert pairs.pairs["model.embed_tokens"].embedding
    assert pairs.magnitudes.keys() == pairs.pairs.keys()
    assert "model.norm" in pairs.saved
    assert _fits(pairs, tmp_path / "base")


def test_an_adapter_of_another_base_does_not_fit(tmp_path: Path) -> None:
    config, other = write_base(tmp_path / "base"), write_base(tmp_path / "other", hidden=32)
    fitting = write_adapter(tmp_path / "a", base_config=config, target_modules=ATTENTION)
    foreign = write_adapter(tmp_path / "b", base_config=config, target_modules=ATTENTION, shapes_for=other)
    assert _fits(pair_up(_table(fitting)), tmp_path / "base")
    assert not _fits(pair_up(_table(foreign)), tmp_path / "base")


def test_the_adapters_of_the_test_builder_are_loaded_by_peft(tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    config = write_base(tmp_path / "base")
    directory = write_adapter(tmp_path / "a", base_config=config, target_modules=(*ATTENTION, *MLP), dtype="BF16")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    adapted = PeftModel.from_pretrained(model, directory)  # PEFT warns about keys that are missing or left over
    found = {name for name, _ in adapted.named_parameters() if "lora_" in name}
    assert {name.replace(".default.", ".") for name in found} == set(_table(directory).tensors)


def test_an_adapter_saved_as_a_pickle_is_refused(tmp_path: Path) -> None:
    directory = _saved(tmp_path, target_modules=["q_proj"])
    (directory / MODEL).rename(directory / "adapter_model.bin")
    with pytest.raises(ArtifactCorrupt, match="is a pickle"):
        describe_directory(directory)
