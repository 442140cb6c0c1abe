"""`interlock inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.adapters import write_adapter, write_base
from support.command_line import interlock
from support.repositories import Repository, artifact, pointer


def inspected(repository: Repository, what: str | Path) -> dict[str, Any]:
    outcome = interlock("inspect", what, "--json", "-C", repository.root)
    assert outcome.status == 0, outcome.err
    assert outcome.document["schema"] == "interlock-inspect/1"
    return outcome.document


def test_a_revision_shows_its_bytes_settings_and_where_it_is_served(repository: Repository) -> None:
    found = inspected(repository, "support-bot@2")
    assert (found["kind"], found["base"]) == ("AdapterRevision", "tiny-llama@2026-11")
    assert found["served_name"].startswith("support-bot@2-")
    assert found["served_in"] == {"active": ["staging"]}
    assert found["peft"]["r"] == 8
    assert found["tensors"]["seen"]
    assert (found["tensors"]["modules"], found["tensors"]["largest_rank"]) == (4, 8)
    assert found["tensors"]["types"] == {"BF16": 8}
    assert found["findings"] == []


def test_a_damaged_revision_shows_its_findings(repository: Repository) -> None:
    path = repository.root / artifact("support-bot", "2") / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert [finding["rule"] for finding in inspected(repository, "support-bot@2")["findings"]] == ["digest-mismatch"]


def test_a_revision_whose_bytes_are_gone_is_still_shown(repository: Repository) -> None:
    repository.remove(artifact("support-bot", "2"))
    found = inspected(repository, "support-bot@2")
    assert not found["tensors"]["seen"]
    assert found["tensors"]["why"]


def test_an_environment_shows_what_it_serves_and_where_a_rollback_goes(repository: Repository) -> None:
    repository.point("production", "support-bot", active="2", keep=["1"])
    repository.commit("Serve 2")
    found = inspected(repository, "production")
    assert (found["upstream"], found["base"]) == ("staging", "tiny-llama@2026-11")
    bot = next(row for row in found["serves"] if row["adapter"] == "support-bot")
    assert (bot["active"], bot["rollback_to"], bot["keep"]) == ("2", "1", ["1"])
    helper = next(row for row in found["serves"] if row["adapter"] == "sql-helper")
    assert helper["rollback_to"] is None


def test_an_environment_is_shown_outside_of_git(repository: Repository) -> None:
    repository.remove(".git")
    assert {row["rollback_to"] for row in inspected(repository, "dev")["serves"]} == {None}


def test_an_adapter_shows_its_revisions_in_their_order(repository: Repository) -> None:
    repository.write("adapters/support-bot/revisions/10.yaml", repository.read("adapters/support-bot/revisions/1.yaml"))
    repository.change("adapters/support-bot/revisions/10.yaml", "revision", to="10")
    found = inspected(repository, "support-bot")
    assert found["owners"]["team"] == "support-ml"
    assert [row["revision"] for row in found["revisions"]] == ["1", "2", "3", "10"]


def test_a_base_shows_what_depends_on_it(repository: Repository) -> None:
    found = inspected(repository, "tiny-llama@2026-11")
    assert found["environments"] == ["dev", "production", "staging"]
    assert found["adapters"] == ["sql-helper@1", "support-bot@1", "support-bot@2", "support-bot@3"]


def test_a_directory_is_recognised_as_a_registered_revision(repository: Repository) -> None:
    found = inspected(repository, repository.root / artifact("support-bot", "2"))
    assert (found["kind"], found["registered_as"]) == ("AdapterDirectory", ["support-bot@2"])


def test_a_directory_is_shown_without_a_repository(tmp_path: Path) -> None:
    config = write_base(tmp_path / "model")
    write_adapter(tmp_path / "adapter", base_config=config)
    adapter = interlock("inspect", tmp_path / "adapter", "--json", "-C", tmp_path)
    assert (adapter.status, adapter.document["registered_as"]) == (0, [])
    base = interlock("inspect", tmp_path / "model", "--json", "-C", tmp_path)
    assert (base.status, base.document["kind"]) == (0, "BaseDirectory")


def test_people_get_an_outline(repository: Repository) -> None:
    outcome = interlock("inspect", "production", "-C", repository.root)
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["kind", "Environment"]
    assert any(line.split()[:3] == ["support-bot", "active", "1"] for line in lines)


def test_text_of_the_repository_cannot_write_to_the_terminal(repository: Repository) -> None:
    repository.change("adapters/support-bot/adapter.yaml", "description", to="right-to-left \u202e text")
    outcome = interlock("inspect", "support-bot", "-C", repository.root)
    assert "\u202e" not in outcome.out


def test_an_unknown_name_is_answered_with_what_there_is(repository: Repository) -> None:
    outcome = interlock("inspect", "prod", "-C", repository.root)
    assert outcome.status == 2
    assert "production" in outcome.err


def test_an_unknown_revision_is_answered_with_those_that_are_there(repository: Repository) -> None:
    outcome = interlock("inspect", "support-bot@9", "-C", repository.root)
    assert outcome.status == 2
    assert "support-bot@3" in outcome.err


def test_a_malformed_revision_is_wrong_use(repository: Repository) -> None:
    outcome = interlock("inspect", "support-bot@", "-C", repository.root)
    assert outcome.status == 2


def test_a_directory_that_is_neither_is_wrong_use(repository: Repository) -> None:
    outcome = interlock("inspect", repository.root / "policies", "-C", repository.root)
    assert outcome.status == 2
    assert "neither an adapter nor a base" in outcome.err


def test_a_pointer_of_one_adapter_does_not_hide_another(repository: Repository) -> None:
    repository.remove(pointer("dev", "sql-helper"))
    assert [row["adapter"] for row in inspected(repository, "dev")["serves"]] == ["support-bot"]
