"""Registering an adapter under an address beyond this machine: the bytes there must be those of the directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.adapters import llama_config, write_adapter
from support.command_line import Outcome, interlock
from support.repositories import BASE, BASE_REVISION, Repository, manifest
from support.sources.web import make_authority, web_server

TENSORS = "adapter_model.safetensors"


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "trained", base_config=llama_config(), rank=4)


def register(repository: Repository, trained: Path, uri: str, *more: str) -> Outcome:
    return interlock(
        "register", "adapter", trained, "--adapter", "support-bot", "--revision", "4",
        "--base", f"{BASE}@{BASE_REVISION}", "--uri", uri, *more, "-C", repository.root,
    )  # fmt: skip


def test_what_lies_there_is_compared(
    repository: Repository, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {f"/bot-4/{file.name}": file.read_bytes() for file in trained.iterdir()}
    whole = kept[f"/bot-4/{TENSORS}"]
    authority = make_authority(tmp_path / "authority")
    (tmp_path / "sources.yaml").write_text(f"kind: Sources\nca_file: {authority.file}\n")
    monkeypatch.setenv("INTERLOCK_SOURCES", str(tmp_path / "sources.yaml"))
    with web_server(lambda asked: asked.give(kept.get(asked.path)), authority) as server:
        uri = f"{server.url}/bot-4"
        kept[f"/bot-4/{TENSORS}"] = whole[:-1] + b"x"
        refused = register(repository, trained, uri)
        assert refused.status == 2
        assert "nothing was registered" in refused.err
        assert "has the digest" in refused.err
        del kept[f"/bot-4/{TENSORS}"]
        refused = register(repository, trained, uri)
        assert refused.status == 2
        assert "--not-there-yet" in refused.err
        assert not (repository.root / manifest("support-bot", "4")).exists()
        kept[f"/bot-4/{TENSORS}"] = whole
        assert register(repository, trained, uri, "--json").document["uri"] == uri
    assert (repository.root / manifest("support-bot", "4")).exists()


def test_an_address_that_could_move_is_refused_with_its_form(repository: Repository, trained: Path) -> None:
    refused = register(repository, trained, "oci://registry.example.com/bot:4", "--not-there-yet")
    assert refused.status == 2
    assert "@sha256:DIGEST-OF-THE-MANIFEST" in refused.err
