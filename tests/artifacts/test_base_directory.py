"""Describing a base, and telling in words what differs from its description."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.artifacts.base_directory import FileMemory, describe_base, verify_base
from interlock.artifacts.digests import digest_of, file_set_digest
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.errors import ArtifactCorrupt, ArtifactMissing
from support.adapters import CHAT_TEMPLATE, base_revision_of, encode_safetensors, write_base


def _base(tmp_path: Path, **options: Any) -> Path:
    write_base(tmp_path / "base", **options)
    return tmp_path / "base"


def _edit_json(path: Path, **changes: Any) -> None:
    value = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: item for key, item in value.items() if item is not ...}))


def _flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_a_base_is_described_by_its_bytes(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    found = describe_base(directory)
    assert [file.path for file in found.files] == [
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert found.digest == file_set_digest(found.files)
    assert found.config.architecture == "LlamaForCausalLM"
    assert (found.config.hidden_size, found.config.head_dim, found.config.dtype) == (64, 16, "bfloat16")
    assert found.chat_template_digest == digest_of([CHAT_TEMPLATE.encode()])
    assert found.quantization is None
    assert len(found.modules) == 9


def test_files_for_people_and_hidden_files_are_not_part_of_a_base(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    before = describe_base(directory)
    for name in ("README.md", "LICENSE.txt", "USE_POLICY.txt", "requirements.txt", ".gitattributes", "logo.png"):
        (directory / name).write_text("for people")
    (directory / "onnx").mkdir()
    (directory / "pytorch_model.bin").write_bytes(b"beside safetensors, no engine reads it")
    assert describe_base(directory) == before
    assert verify_base(directory, base_revision_of(directory), FileMemory()) == []


def test_a_hub_download_whose_files_are_links_is_described_like_the_files(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in directory.iterdir():
        (snapshot / path.name).symlink_to(path)
    assert describe_base(snapshot) == describe_base(directory)
    (directory / "tokenizer.json").unlink()
    with pytest.raises(ArtifactMissing, match="does not exist") as caught:
        describe_base(snapshot)
    assert "download is incomplete" in caught.value.remedy


def test_a_template_inside_the_tokenizer_settings_has_the_digest_of_its_text(tmp_path: Path) -> None:
    inside, beside = _base(tmp_path / "1", chat_template=None), _base(tmp_path / "2")
    assert describe_base(inside).chat_template_digest is None
    _edit_json(inside / "tokenizer_config.json", chat_template=CHAT_TEMPLATE)
    first, second = describe_base(inside), describe_base(beside)
    assert first.chat_template_digest == second.chat_template_digest
    assert first.tokenizer_digest == second.tokenizer_digest
    assert first.digest != second.digest


def test_several_named_templates_have_one_digest_that_covers_all(tmp_path: Path) -> None:
    directory = _base(tmp_path, chat_template=None)
    named = [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]
    _edit_json(directory / "tokenizer_config.json", chat_template=named)
    first = describe_base(directory).chat_template_digest
    named[1]["template"] = "c"
    _edit_json(directory / "tokenizer_config.json", chat_template=named)
    assert describe_base(directory).chat_template_digest != first


def test_templates_in_a_directory_are_refused(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    base = base_revision_of(directory)
    (directory / "additional_chat_templates").mkdir()
    with pytest.raises(ArtifactCorrupt, match="further chat templates"):
        describe_base(directory)
    assert verify_base(directory, base, FileMemory()) == ["chat_template"]


def test_the_dtype_comes_from_the_weights_where_the_config_leaves_it_open(tmp_path: Path) -> None:
    directory = _base(tmp_path, dtype="F16", config_overrides={"dtype": None})
    assert describe_base(directory).config.dtype == "float16"
    _edit_json(directory / "config.json", torch_dtype="float32")
    assert describe_base(directory).config.dtype == "float32"


def test_a_multimodal_model_is_judged_by_its_text_part_and_lists_no_modules(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    text = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(
        json.dumps({"architectures": ["Gemma3ForConditionalGeneration"], "text_config": text, "vision_config": {}})
    )
    found = describe_base(directory)
    assert (found.config.architecture, found.config.hidden_size) == ("Gemma3ForConditionalGeneration", 64)
    assert found.modules == ()


@pytest.mark.parametrize(
    ("file", "content", "method"),
    [
        ("config.json", {"quantization_config": {"quant_method": "fbgemm_fp8"}}, "fbgemm-fp8"),
        ("hf_quant_config.json", {"quantization": {"quant_algo": "NVFP4"}}, "nvfp4"),
        ("quantize_config.json", {"bits": 4, "group_size": 128}, "gptq"),
    ],
)
def test_quantization_is_found_where_it_is_written(tmp_path: Path, file: str, content: Any, method: str) -> None:
    directory = _base(tmp_path)
    path = directory / file
    existing = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(existing | content))
    found = describe_base(directory)
    assert found.quantization is not None
    assert found.quantization.method == method
    assert found.modules == ()


def test_quantization_without_a_method_is_refused(tmp_path: Path) -> None:
    directory = _base(tmp_path, config_overrides={"quantization_config": {"modules": []}})
    with pytest.raises(ArtifactCorrupt, match="does not say how"):
        describe_base(directory)


def test_sharded_weights_are_described_and_a_missing_part_is_named(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    (directory / "model.safetensors").rename(directory / "model-00001-of-00002.safetensors")
    second = encode_safetensors({"lm_head.weight": ("BF16", (320, 64), bytes(320 * 64 * 2))})
    (directory / "model-00002-of-00002.safetensors").write_bytes(second)
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = {"weight_map": {"model.norm.weight": names[0], "lm_head.weight": names[1]}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    assert {"lm_head", "model.embed_tokens"} < {module.name for module in describe_base(directory).modules}
    base = base_revision_of(directory)
    (directory / names[1]).unlink()
    with pytest.raises(ArtifactMissing, match=r"lacks model-00002-of-00002\.safetensors"):
        describe_base(directory)
    assert verify_base(directory, base, FileMemory()) == [f"weights: {names[1]}"]


def _remove_tokenizer(directory: Path) -> None:
    for path in directory.glob("tokenizer*"):
        path.unlink()


def _change_everything(directory: Path) -> None:
    for path in directory.iterdir():
        if path.name != "tokenizer_config.json":
            _flip_a_byte(path)


REFUSED: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "no directory": (lambda d: shutil.rmtree(d), ArtifactMissing, "does not exist"),
    "no config": (lambda d: (d / "config.json").unlink(), ArtifactMissing, r"config\.json does not exist"),
    "no weights": (lambda d: (d / "model.safetensors").unlink(), ArtifactMissing, "holds no weights"),
    "no tokenizer": (_remove_tokenizer, ArtifactMissing, "holds no tokenizer"),
    "weights as pickles": (
        lambda d: (d / "model.safetensors").rename(d / "pytorch_model.bin"),
        ArtifactCorrupt,
        "pickles only",
    ),
    "half of its weights": (lambda d: os.truncate(d / "model.safetensors", 1000), ArtifactCorrupt, "cannot be read"),
    "a config without sizes": (
        lambda d: _edit_json(d / "config.json", hidden_size=..., vocab_size="320"),
        ArtifactCorrupt,
        "hidden_size, vocab_size",
    ),
    "a config without architecture": (
        lambda d: _edit_json(d / "config.json", architectures=...),
        ArtifactCorrupt,
        "judged on: architecture",
    ),
    "a config that is no JSON": (lambda d: (d / "config.json").write_text("{"), ArtifactCorrupt, "cannot be read"),
    "a config over a mebibyte": (
        lambda d: (d / "config.json").write_text(" " * ((1 << 20) + 1)),
        ArtifactCorrupt,
        "more than 1048576 bytes",
    ),
    "tokenizer settings that are no JSON": (
        lambda d: (d / "tokenizer_config.json").write_text("[]"),
        ArtifactCorrupt,
        "holds a list",
    ),
    "an index without a map": (
        lambda d: (d / "model.safetensors.index.json").write_text("{}"),
        ArtifactCorrupt,
        "has no weight_map",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_base_is_refused_that_has(case: str, tmp_path: Path) -> None:
    directory = _base(tmp_path)
    break_it, error, why = REFUSED[case]
    break_it(directory)
    with pytest.raises(error, match=why):
        describe_base(directory)


def test_an_unchanged_base_differs_in_nothing(tmp_path: Path) -> None:
    directory = _base(tmp_path)
    base = base_revision_of(directory)
    assert verify_base(directory, base, FileMemory()) == []
    shutil.copytree(directory, tmp_path / "copy")
    assert verify_base(tmp_path / "copy", base, FileMemory()) == []


def _template(directory: Path) -> None:
    path = directory / "chat_template.jinja"
    before = path.read_text()
    path.write_text(before.replace("user", "User", 1) if "user" in before else before.replace("assistant", "Assistant"))
    assert sum(a != b for a, b in zip(before, path.read_text(), strict=True)) == 1


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "one character of the chat template": (_template, ["chat_template"]),
    "the chat template taken away": (lambda d: (d / "chat_template.jinja").unlink(), ["chat_template"]),
    "a token of the tokenizer": (lambda d: _flip_a_byte(d / "tokenizer.json"), ["tokenizer"]),
    "another tokenizer file": (lambda d: (d / "added_tokens.json").write_text("{}"), ["tokenizer"]),
    "a setting of the tokenizer": (lambda d: _edit_json(d / "tokenizer_config.json", bos_token="</s>"), ["tokenizer"]),
    "the blanks in the tokenizer settings": (lambda d: _edit_json(d / "tokenizer_config.json"), ["tokenizer"]),
    "a damaged settings file": (lambda d: (d / "tokenizer_config.json").write_text("{"), ["tokenizer"]),
    "the config": (lambda d: _edit_json(d / "config.json", rope_theta=5.0), ["config"]),
    "a damaged config": (lambda d: (d / "config.json").write_text("{"), ["config"]),
    "one bit of the weights": (lambda d: _flip_a_byte(d / "model.safetensors"), ["weights: model.safetensors"]),
    "weights that are cut off": (lambda d: os.truncate(d / "model.safetensors", 9), ["weights: model.safetensors"]),
    "more weights": (
        lambda d: shutil.copy(d / "model.safetensors", d / "z.safetensors"),
        ["weights: z.safetensors"],
    ),
    "new sampling defaults": (lambda d: (d / "generation_config.json").write_text("{}"), ["generation_config"]),
    "code of its own": (lambda d: (d / "modeling_llama.py").write_text(""), ["file: modeling_llama.py"]),
    "everything": (
        _change_everything,
        ["chat_template", "tokenizer", "config", "weights: model.safetensors"],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_on_a_node_is_named(case: str, tmp_path: Path) -> None:
    directory = _base(tmp_path)
    base, memory = base_revision_of(directory), FileMemory()
    assert verify_base(directory, base, memory) == []
    change, words = CHANGES[case]
    change(directory)
    assert verify_base(directory, base, memory) == words


def test_a_template_changed_inside_the_settings_is_named_as_the_template_only(tmp_path: Path) -> None:
    directory = _base(tmp_path, chat_template=None)
    _edit_json(directory / "tokenizer_config.json", chat_template=CHAT_TEMPLATE)
    base = base_revision_of(directory)
    _edit_json(directory / "tokenizer_config.json", chat_template=CHAT_TEMPLATE + " ")
    assert verify_base(directory, base, FileMemory()) == ["chat_template"]


def test_a_template_file_that_overrides_the_settings_is_named(tmp_path: Path) -> None:
    directory = _base(tmp_path, chat_template=None)
    _edit_json(directory / "tokenizer_config.json", chat_template=CHAT_TEMPLATE)
    base = base_revision_of(directory)
    (directory / "chat_template.jinja").write_text("{{ messages }}")
    assert verify_base(directory, base, FileMemory()) == ["chat_template"]


def _without_files(directory: Path) -> BaseRevision:
    return base_revision_of(directory).model_copy(update={"files": ()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: None, []),
        (_template, ["chat_template"]),
        (lambda d: _flip_a_byte(d / "tokenizer.json"), ["tokenizer"]),
        (lambda d: _edit_json(d / "config.json", num_attention_heads=8), ["config"]),
        (lambda d: _edit_json(d / "config.json", quantization_config={"quant_method": "fp8"}), ["quantization"]),
        (lambda d: _flip_a_byte(d / "model.safetensors"), ["weights"]),
        (lambda d: os.truncate(d / "model.safetensors", 9), ["config", "weights"]),
    ],
)
def test_a_base_that_lists_no_files_is_compared_by_its_digests(
    tmp_path: Path, change: Callable[[Path], object], words: list[str]
) -> None:
    directory = _base(tmp_path)
    base = _without_files(directory)
    change(directory)
    assert verify_base(directory, base, FileMemory()) == words


def test_a_directory_that_is_gone_is_missing_and_not_different(tmp_path: Path) -> None:
    base = base_revision_of(_base(tmp_path))
    with pytest.raises(ArtifactMissing, match="does not exist"):
        verify_base(tmp_path / "nowhere", base, FileMemory())
