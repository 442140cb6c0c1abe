"""`--artifacts-from`: artifacts on other hosts are looked at where an operator names the host, and never otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.command_line import Outcome, interlock
from support.repositories import Repository, artifact, manifest
from support.signed_weights import sign_weights_of
from support.sources.web import Asked, WebServer, make_authority, web_server

TENSORS = "adapter_model.safetensors"
LARGE = {"rank": 256, "target_modules": ("q_proj", "k_proj", "v_proj", "o_proj")}


@dataclass
class Elsewhere:
    """A web server with the files of revisions, which are no longer in the repository."""

    repository: Repository
    server: WebServer
    kept: dict[str, bytes]

    def move(self, revision: str) -> None:
        """Move the files of a revision to the server."""
        directory = self.repository.root / artifact("support-bot", revision)
        self.kept.update({f"/bot/{revision}/{file.name}": file.read_bytes() for file in directory.iterdir()})
        shutil.rmtree(directory)
        uri = f"{self.server.url}/bot/{revision}"
        self.repository.change(manifest("support-bot", revision), "artifact", "uri", to=uri)

    def check(self, *more: str) -> Outcome:
        return interlock("check", self.repository.root, "--format", "json", *more)


@pytest.fixture
def elsewhere(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    authority, kept = make_authority(tmp_path / "authority"), dict[str, bytes]()
    (tmp_path / "sources.yaml").write_text(f"kind: Sources\nca_file: {authority.file}\nstall: 5s\n")
    monkeypatch.setenv("INTERLOCK_SOURCES", str(tmp_path / "sources.yaml"))
    monkeypatch.delenv("INTERLOCK_ARTIFACTS_FROM", raising=False)

    def answer(asked: Asked) -> None:
        asked.give(kept.get(asked.path))

    with web_server(answer, authority) as server:
        yield Elsewhere(repository, server, kept)


def rules(outcome: Outcome) -> list[str]:
    return [finding["rule"] for finding in outcome.document["findings"]]


def test_no_other_host_is_asked_unless_it_is_named(elsewhere: Elsewhere) -> None:
    elsewhere.move("3")
    outcome = elsewhere.check()
    assert (outcome.status, rules(outcome)) == (4, ["artifact-unreachable"])
    assert "no other host is asked" in outcome.out
    assert "--artifacts-from HOST" in outcome.out
    outcome = elsewhere.check("--artifacts-from", "registry.example.com")
    assert (outcome.status, rules(outcome)) == (4, ["artifact-unreachable"])
    assert elsewhere.server.seen == []


def test_a_named_host_is_asked_also_by_variable_and_for_a_change(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.move("3")
    assert elsewhere.check("--artifacts-from", "localhost").status == 0
    elsewhere.repository.commit("moved")
    base = interlock("check", elsewhere.repository.root, "--base", "HEAD~1", "--artifacts-from", elsewhere.server.host)
    assert "record-changed" in base.out  # a judgement of the change itself: the bytes could be looked at
    assert "artifact-unreachable" not in base.out
    monkeypatch.setenv("INTERLOCK_ARTIFACTS_FROM", "a.example.com localhost")
    assert elsewhere.check().status == 0


def test_a_promotion_asks_the_host_that_is_named(elsewhere: Elsewhere) -> None:
    elsewhere.move("3")
    elsewhere.repository.commit("moved")
    promote = ("promote", "support-bot", "3", "--to", "staging", "-C", elsewhere.repository.root)
    refused = interlock(*promote)
    assert refused.status == 4
    assert "artifact-unreachable" in refused.out + refused.err
    assert elsewhere.server.seen == []
    assert interlock(*promote, "--artifacts-from", "localhost").status == 0
    shown = interlock("inspect", "support-bot@3", "-C", elsewhere.repository.root, "--artifacts-from", "localhost")
    assert "artifact-unreachable" not in shown.out


def test_only_sizes_settings_and_the_table_of_tensors_are_read_of_a_large_adapter(elsewhere: Elsewhere) -> None:
    elsewhere.repository.replace_adapter("support-bot", "3", **LARGE)
    elsewhere.move("3")
    table = f"/bot/3/{TENSORS}"
    elsewhere.kept[table] = elsewhere.kept[table][:-1] + b"x"
    assert "digest-mismatch" not in rules(elsewhere.check("--artifacts-from", "localhost"))
    assert "digest-mismatch" in rules(elsewhere.check("--artifacts-from", "localhost", "--deep"))


def test_a_large_adapter_that_does_not_fit_is_found_out_by_its_beginning(elsewhere: Elsewhere) -> None:
    elsewhere.repository.replace_adapter("support-bot", "3", **LARGE)
    elsewhere.move("3")
    outcome = elsewhere.check("--artifacts-from", "localhost")
    assert outcome.status == 1
    assert "rank-over-limit" in rules(outcome)


def test_other_bytes_of_a_small_adapter_are_found_out(elsewhere: Elsewhere) -> None:
    elsewhere.move("3")
    path = f"/bot/3/{TENSORS}"
    elsewhere.kept[path] = elsewhere.kept[path][:-1] + b"x"
    outcome = elsewhere.check("--artifacts-from", "localhost")
    assert (outcome.status, rules(outcome)) == (1, ["digest-mismatch"])


def test_a_signature_is_read_from_there_too(elsewhere: Elsewhere) -> None:
    sign_weights_of(elsewhere.repository, "support-bot@3", "ci")
    elsewhere.move("3")
    assert elsewhere.check("--artifacts-from", "localhost").status == 0
    elsewhere.kept["/bot/3/model.sig"] = b"{}"
    assert "signature-invalid" in rules(elsewhere.check("--artifacts-from", "localhost"))
    del elsewhere.kept["/bot/3/model.sig"]
    assert elsewhere.check("--artifacts-from", "localhost").status == 4  # it may be uploaded yet


def test_a_file_that_is_not_there_or_has_another_size_is_found_out(elsewhere: Elsewhere) -> None:
    elsewhere.move("3")
    elsewhere.move("2")
    elsewhere.kept[f"/bot/2/{TENSORS}"] += b"x"
    assert "size-mismatch" in rules(elsewhere.check("--artifacts-from", "localhost"))
    del elsewhere.kept[f"/bot/3/{TENSORS}"]
    outcome = elsewhere.check("--artifacts-from", "localhost")
    assert "artifact-unreachable" in rules(outcome)
    assert f"{TENSORS} is not at https://" in outcome.out


def test_a_host_that_does_not_answer_is_no_pass(elsewhere: Elsewhere) -> None:
    elsewhere.move("3")
    uri = "https://localhost:9/bot/3"
    elsewhere.repository.change(manifest("support-bot", "3"), "artifact", "uri", to=uri)
    outcome = elsewhere.check("--artifacts-from", "localhost")
    assert (outcome.status, rules(outcome)) == (4, ["artifact-unreachable"])
    assert "the connection failed" in outcome.out


def test_a_directory_of_another_machine_stays_out_of_reach(elsewhere: Elsewhere) -> None:
    sign_weights_of(elsewhere.repository, "support-bot@3", "ci")
    elsewhere.repository.change(manifest("support-bot", "3"), "artifact", "uri", to="file:///nowhere/bot")
    outcome = elsewhere.check("--artifacts-from", "localhost")
    assert outcome.status == 4
    assert "artifact-unreachable" in rules(outcome)


def test_what_is_no_host_is_wrong_use(elsewhere: Elsewhere) -> None:
    for host in ("*", "https://h", "h/x", "-h", ""):
        outcome = elsewhere.check("--artifacts-from", host)
        assert outcome.status == 2, host
