"""`interlock register adapter --sign`: the builder signs what is registered, in the format of OpenSSF model-signing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.artifacts.digests import describe_directory
from interlock.evidence.weights_signing import sign_weights
from support.absent_packages import without_packages
from support.adapters import llama_config, write_adapter
from support.checks import check, describe
from support.command_line import Outcome, interlock
from support.repositories import Repository, manifest
from support.signed_weights import give_key
from support.signing_keys import SigningKey, make_key

REVISION = manifest("support-bot", "4")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "runs" / "bot-4", base_config=llama_config(), rank=4, alpha=8, dtype="BF16")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return make_key(tmp_path / "keys", "weights", "ecdsa-256")


def register(repository: Repository, source: Path, *words: str | Path) -> Outcome:
    return interlock(
        "register", "adapter", source, "--adapter", "support-bot", "--revision", "4", "--base", "tiny-llama@2026-11",
        "--builder", "trainer-ci", "-C", repository.root, *words,
    )  # fmt: skip


def findings(repository: Repository) -> list[str]:
    return [describe(finding) for finding in check(repository).findings]


def test_a_copied_revision_is_signed_and_checks(repository: Repository, trained: Path, key: SigningKey) -> None:
    outcome = register(repository, trained, "--copy", "--sign", key.path)
    assert outcome.status == 0, outcome.err
    artifact = repository.read(REVISION)["artifact"]
    assert artifact["signature"] == {"format": "openssf-model-signing", "path": "model.sig", "signer": "trainer-ci"}
    assert (repository.root / artifact["uri"].removeprefix("file:") / "model.sig").is_file()
    assert not (trained / "model.sig").exists()
    assert f"signed by: trainer-ci, with the key {key.fingerprint}" in outcome.out
    assert key.public in outcome.out
    give_key(repository, "trainer-ci", key.public)
    assert findings(repository) == []


def test_bytes_that_stay_are_signed_where_they_are(repository: Repository, trained: Path, key: SigningKey) -> None:
    assert register(repository, trained, "--sign", key.path).status == 0
    assert (trained / "model.sig").is_file()
    give_key(repository, "trainer-ci", key.public)
    assert findings(repository) == []


def test_bytes_inside_the_repository_list_the_signature_among_what_was_written(
    repository: Repository, key: SigningKey
) -> None:
    inside = write_adapter(repository.root / "runs" / "bot-4", base_config=llama_config(), rank=4, alpha=8)
    outcome = register(repository, inside, "--sign", key.path, "--json")
    assert outcome.document["written"] == [REVISION, "runs/bot-4/model.sig"]
    assert outcome.document["signed_by"] == key.fingerprint


def test_weights_that_change_afterwards_are_refused(repository: Repository, trained: Path, key: SigningKey) -> None:
    assert register(repository, trained, "--sign", key.path).status == 0
    changed = json.loads((trained / "adapter_config.json").read_text()) | {"lora_dropout": 0.5}
    (trained / "adapter_config.json").write_text(json.dumps(changed))
    assert any("[digest-mismatch]" in line or "[size-mismatch]" in line for line in findings(repository))


def test_a_signature_that_lies_beside_the_files_is_recorded(
    repository: Repository, trained: Path, key: SigningKey
) -> None:
    files = register(repository, trained, "--copy", "--json").document
    assert files["signed_by"] is None
    repository.remove(REVISION)
    (trained / "model.sig").write_bytes(sign_weights("bot", describe_directory(trained), key.path).data)
    outcome = register(repository, trained, "--copy")
    assert outcome.status == 0, outcome.err
    assert "as it lay beside the files" in outcome.out
    artifact = repository.read(REVISION)["artifact"]
    assert [file["path"] for file in artifact["files"]] == ["adapter_config.json", "adapter_model.safetensors"]
    copied = repository.root / artifact["uri"].removeprefix("file:") / "model.sig"
    assert copied.read_bytes() == (trained / "model.sig").read_bytes()
    assert findings(repository) == []


def test_a_signature_over_other_files_is_not_registered(
    repository: Repository, trained: Path, key: SigningKey, tmp_path: Path
) -> None:
    other = write_adapter(tmp_path / "other", base_config=llama_config(), rank=2, alpha=8)
    (trained / "model.sig").write_bytes(sign_weights("bot", describe_directory(other), key.path).data)
    outcome = register(repository, trained, "--copy")
    assert outcome.status == 2
    assert "is not a signature over these files" in outcome.err
    (trained / "model.sig").write_bytes(b"no signature")
    assert "is no signature" in register(repository, trained, "--copy").err
    assert not (repository.root / REVISION).exists()


def test_a_signature_is_not_replaced(repository: Repository, trained: Path, key: SigningKey) -> None:
    assert register(repository, trained, "--sign", key.path).status == 0
    repository.remove(REVISION)
    outcome = register(repository, trained, "--sign", key.path)
    assert outcome.status == 2
    assert "is there already" in outcome.err


@pytest.mark.parametrize("kind", ["absent", "ed25519", "words"])
def test_a_key_that_cannot_sign_weights_is_refused_and_nothing_is_written(
    repository: Repository, trained: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "keys" / kind
    if kind == "ed25519":
        make_key(tmp_path / "keys", kind)
    elif kind == "words":
        path.parent.mkdir(exist_ok=True)
        path.write_text("words")
    outcome = register(repository, trained, "--copy", "--sign", path)
    assert outcome.status == 1
    assert "ssh-keygen -t ecdsa" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (repository.root / REVISION).exists()


def test_without_the_package_signing_says_what_to_install(
    repository: Repository, trained: Path, key: SigningKey
) -> None:
    with without_packages("cryptography"):
        outcome = register(repository, trained, "--copy", "--sign", key.path)
    assert outcome.status == 2
    assert 'pip install ".[signatures]"' in outcome.err
    assert "Traceback" not in outcome.err
