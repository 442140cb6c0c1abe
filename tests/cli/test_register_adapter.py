"""`interlock register adapter`: from a directory as PEFT saves it to a manifest that the checker accepts."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from interlock.documents.kinds.adapter_revision import AdapterRevision
from support.adapters import llama_config, write_adapter
from support.command_line import Outcome, interlock
from support.repositories import Repository, manifest

BASE = "tiny-llama@2026-11"
FOREIGN = {f"base_model.model.transformer.h.0.c_attn.lora_{part}.weight": (8, 8) for part in "AB"}
"""Tensors of a module that a Llama does not have."""


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "runs" / "bot-4", base_config=llama_config(), rank=4, alpha=8, dtype="BF16")


def register(
    repository: Repository, source: Path, *words: str, adapter: str = "support-bot", revision: str = "4"
) -> Outcome:
    return interlock(
        "register", "adapter", source, "--adapter", adapter, "--revision", revision, "--base", BASE,
        "-C", repository.root, *words,
    )  # fmt: skip


def read(repository: Repository, adapter: str = "support-bot", revision: str = "4") -> AdapterRevision:
    return AdapterRevision.model_validate(repository.read(manifest(adapter, revision)))


def written(repository: Repository) -> str:
    return repository.git("status", "--short", "--untracked-files=all")


def test_the_manifest_is_filled_in_from_the_bytes(repository: Repository, trained: Path) -> None:
    outcome = register(repository, trained, "--copy")
    assert outcome.status == 0, outcome.err
    found = read(repository)
    weights = (trained / "adapter_model.safetensors").read_bytes()
    by_path = {file.path: file for file in found.artifact.files}
    assert set(by_path) == {"adapter_config.json", "adapter_model.safetensors"}
    assert by_path["adapter_model.safetensors"].size == len(weights)
    assert by_path["adapter_model.safetensors"].digest.hex == hashlib.sha256(weights).hexdigest()
    assert (found.peft.r, found.peft.lora_alpha, found.peft.dtype) == (4, 8, "bfloat16")
    assert found.peft.target_modules == ("q_proj", "v_proj")
    assert (found.base.name, found.base.revision) == ("tiny-llama", "2026-11")


def test_the_checker_accepts_what_was_registered(repository: Repository, trained: Path) -> None:
    assert register(repository, trained, "--copy").status == 0
    assert interlock("check", repository.root, "--deep").status == 0


def test_a_copy_lies_under_the_served_name(repository: Repository, trained: Path) -> None:
    outcome = register(repository, trained, "--copy", "--json")
    folder = f"artifacts/{outcome.document['served_name']}"
    assert read(repository).artifact.uri == f"file:{folder}"
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (repository.root / folder / name).read_bytes() == (trained / name).read_bytes()
    assert sorted(path.name for path in (repository.root / "artifacts").iterdir()) == [
        "sql-helper", "support-bot", outcome.document["served_name"],
    ]  # fmt: skip


def test_bytes_outside_keep_their_place(repository: Repository, trained: Path) -> None:
    assert register(repository, trained).status == 0
    assert read(repository).artifact.uri == f"file://{trained}"
    assert written(repository) == f"?? {manifest('support-bot', '4')}"
    assert interlock("check", repository.root).status == 0


def test_bytes_inside_the_repository_are_named_relative_to_it(repository: Repository) -> None:
    write_adapter(repository.root / "kept" / "bot", base_config=llama_config(), rank=4)
    assert register(repository, repository.root / "kept" / "bot").status == 0
    assert read(repository).artifact.uri == "file:kept/bot"


def test_a_given_address_is_recorded_and_the_bytes_are_judged_here(repository: Repository, trained: Path) -> None:
    outcome = register(repository, trained, "--uri", "s3://adapters/bot-4", "--not-there-yet")
    assert outcome.status == 0
    assert read(repository).artifact.uri == "s3://adapters/bot-4"


def test_everything_a_person_says_is_recorded(repository: Repository, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(b"data")
    repository.write("adapters/support-bot/recipes/4.yaml", "steps: 4\n")
    repository.write("adapters/support-bot/notes/4.md", "Better.\n")
    commit = "3f1c" * 10
    outcome = register(
        repository, trained,
        "--builder", "trainer-ci", "--recipe", "adapters/support-bot/recipes/4.yaml",
        "--source-repository", "https://git.example.com/ml/bot", "--source-commit", commit,
        "--seed", "17", "--seed", "18", "--hyperparameter", "learning_rate=2e-4", "--hyperparameter", "epochs=3",
        "--hyperparameter", "optimizer=adamw", "--hyperparameter", "packing=true",
        "--dataset", f"file={tmp_path}/train.jsonl,license=internal,window=2026-07-01/2026-09-30",
        "--previous", "3", "--anchor", "1", "--release-notes", "adapters/support-bot/notes/4.md",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    found = read(repository)
    assert found.provenance.builder == "trainer-ci"
    assert found.provenance.recipe
    assert found.provenance.recipe.digest.hex == hashlib.sha256(b"steps: 4\n").hexdigest()
    assert found.provenance.source
    assert found.provenance.source.commit == commit
    assert found.provenance.seeds == (17, 18)
    assert found.provenance.hyperparameters == {
        "learning_rate": 0.0002, "epochs": 3, "optimizer": "adamw", "packing": True,
    }  # fmt: skip
    assert found.datasets[0].digest.hex == hashlib.sha256(b"data").hexdigest()
    assert (found.lineage.previous, found.lineage.anchor) == ("3", "1")
    assert found.release_notes == "adapters/support-bot/notes/4.md"
    assert interlock("check", repository.root).status == 0


def test_a_first_revision_brings_its_adapter_with_owners(repository: Repository, trained: Path) -> None:
    outcome = register(
        repository, trained, "--copy", "--team", "search", "--contact", "search@example.com",
        "--description", 'Says: "yes", # always', adapter="new-bot", revision="1",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    adapter = repository.read("adapters/new-bot/adapter.yaml")
    assert adapter["owners"]["team"] == "search"
    assert adapter["description"] == 'Says: "yes", # always'
    assert "Please fill in owners.escalation in adapters/new-bot/adapter.yaml." in outcome.out
    assert interlock("check", repository.root).status == 0


def test_an_adapter_that_is_there_keeps_its_document(repository: Repository, trained: Path) -> None:
    before = (repository.root / "adapters/support-bot/adapter.yaml").read_bytes()
    assert register(repository, trained, "--team", "others").status == 0
    assert (repository.root / "adapters/support-bot/adapter.yaml").read_bytes() == before


def test_a_revision_that_exists_never_changes(repository: Repository, trained: Path) -> None:
    before = (repository.root / manifest("support-bot", "3")).read_bytes()
    outcome = register(repository, trained, "--copy", revision="3")
    assert outcome.status == 1
    assert "support-bot@3 is already registered" in outcome.err
    assert (repository.root / manifest("support-bot", "3")).read_bytes() == before
    assert written(repository) == ""


def refused(outcome: Outcome, repository: Repository) -> list[str]:
    assert outcome.status == 1
    assert outcome.document["done"] is False
    assert written(repository) == "", "something was written"
    rules: list[str] = outcome.document["refused"]
    return rules


@pytest.mark.parametrize(
    ("defect", "rule"),
    [
        ({"shapes_for": llama_config(hidden=32)}, "tensor-shape-mismatch"),
        ({"extra_tensors": FOREIGN}, "module-not-in-base"),
        ({"drop_tensors": ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",)}, "incomplete-pair"),
    ],
)
def test_what_does_not_fit_the_base_is_refused_before_anything_is_written(
    repository: Repository, tmp_path: Path, defect: dict[str, Any], rule: str
) -> None:
    source = write_adapter(tmp_path / "bad", **{"base_config": llama_config(), "dtype": "BF16", **defect})
    assert rule in refused(register(repository, source, "--copy", "--json"), repository)


def test_a_previous_revision_that_is_not_there_is_refused(repository: Repository, trained: Path) -> None:
    assert refused(register(repository, trained, "--previous", "99", "--json"), repository) == ["previous-missing"]


def test_a_refusal_says_why_and_that_nothing_was_written(repository: Repository, tmp_path: Path) -> None:
    source = write_adapter(tmp_path / "bad", base_config=llama_config(), shapes_for=llama_config(hidden=32))
    outcome = register(repository, source)
    assert outcome.status == 1
    assert "[tensor-shape-mismatch]" in outcome.out
    assert "nothing was written" in outcome.err


@pytest.mark.parametrize("name", ["pytorch_model.bin", ".hidden", "sub/file"])
def test_what_does_not_belong_into_an_adapter_is_refused(repository: Repository, trained: Path, name: str) -> None:
    (trained / name).parent.mkdir(exist_ok=True)
    (trained / name).write_bytes(b"")
    outcome = register(repository, trained)
    assert outcome.status == 1
    assert name.partition("/")[0] in outcome.err
    assert written(repository) == ""


def test_a_half_copied_file_is_refused(repository: Repository, trained: Path) -> None:
    weights = trained / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    outcome = register(repository, trained)
    assert outcome.status == 1
    assert "adapter_model.safetensors" in outcome.err


def test_tensors_of_mixed_types_are_refused(repository: Repository, tmp_path: Path) -> None:
    from support.adapters import encode_safetensors

    source = write_adapter(tmp_path / "mixed", base_config=llama_config())
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    mixed = {f"{name}A.weight": ("F32", (2, 64), b"\x00" * 512), f"{name}B.weight": ("F16", (64, 2), b"\x00" * 256)}
    (source / "adapter_model.safetensors").write_bytes(encode_safetensors(mixed))
    outcome = register(repository, source)
    assert outcome.status == 1
    assert "F16, F32" in outcome.err


@pytest.mark.parametrize(
    ("missing", "says"),
    [("adapter_config.json", "has no adapter_config.json"), ("adapter_model.safetensors", "has no")],
)
def test_a_directory_that_is_no_adapter_is_refused(
    repository: Repository, trained: Path, missing: str, says: str
) -> None:
    (trained / missing).unlink()
    outcome = register(repository, trained)
    assert outcome.status == 1
    assert says in outcome.err
    assert "save_pretrained" in outcome.err


def test_another_kind_of_adapter_is_refused(repository: Repository, trained: Path) -> None:
    path = trained / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "peft_type": "LOHA"}))
    outcome = register(repository, trained)
    assert outcome.status == 1
    assert "LOHA" in outcome.err


def test_a_base_that_is_not_registered_is_answered_with_those_that_are(repository: Repository, trained: Path) -> None:
    outcome = interlock(
        "register", "adapter", trained, "--adapter", "x", "--revision", "1", "--base", "tiny-lama@2026-11",
        "-C", repository.root,
    )  # fmt: skip
    assert outcome.status == 2
    assert "did you mean tiny-llama@2026-11?" in outcome.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--copy", "--uri", "s3://bucket"), "exclude each other"),
        (("--source-repository", "https://x"), "belong together"),
        (("--recipe", "nothing.yaml"), "--recipe nothing.yaml is not a file of the repository"),
        (("--release-notes", "/etc/passwd"), "--release-notes /etc/passwd is not a file of the repository"),
        (("--hyperparameter", "epochs"), "has no value"),
        (("--dataset", "license=x"), "either file=PATH or digest"),
    ],
)
def test_wrong_use_is_explained(repository: Repository, trained: Path, words: tuple[str, ...], says: str) -> None:
    outcome = register(repository, trained, *words)
    assert outcome.status == 2
    assert says in outcome.err
    assert written(repository) == ""


def test_copied_bytes_are_removed_when_the_manifest_cannot_be_written(repository: Repository, trained: Path) -> None:
    """`adapters/new-bot` is a file, so the bytes can be copied and the documents cannot be written."""
    repository.write("adapters/new-bot", "a file where a folder belongs")
    outcome = register(repository, trained, "--copy", adapter="new-bot", revision="1")
    assert outcome.status != 0
    assert written(repository) == "?? adapters/new-bot"


def test_copied_files_can_be_read_by_others_than_their_owner(repository: Repository, trained: Path) -> None:
    for file in trained.iterdir():
        file.chmod(0o600)
    outcome = register(repository, trained, "--copy", "--json")
    copies = list((repository.root / "artifacts" / outcome.document["served_name"]).iterdir())
    assert copies
    assert {oct(file.stat().st_mode & 0o777) for file in copies} == {oct(0o666 & ~_umask())}


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def test_the_same_bytes_again_under_another_revision_are_a_copy_of_their_own(
    repository: Repository, trained: Path
) -> None:
    assert register(repository, trained, "--copy", revision="4").status == 0
    assert register(repository, trained, "--copy", revision="5").status == 0
    assert read(repository, revision="4").artifact.digest == read(repository, revision="5").artifact.digest
