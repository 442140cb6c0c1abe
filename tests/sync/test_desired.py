"""The desired state: what one environment asks for at one commit, in the order of importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from interlock.documents.identifiers import Digest, ServedName
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import DocumentError, UsageError
from interlock.sync.desired import Desired, DesiredAlias, Target, desired_state
from support.repositories import (
    BASE,
    BASE_REVISION,
    Repository,
    base_manifest,
    environment,
    manifest,
    pointer,
    write_repository,
)

COMMIT = "0123456789" * 4


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository whose environment `dev` serves support-bot 3 and sql-helper 1."""
    return write_repository(tmp_path / "repository")


def state(repository: Repository, earlier: Mapping[str, Sequence[str]] | None = None, env: str = "dev") -> Desired:
    return desired_state(read_snapshot(WorkingTree(repository.root)), env, earlier or {}, commit=COMMIT)


def bot(repository: Repository, earlier: Sequence[str] = (), **pointer_fields: Any) -> DesiredAlias:
    if pointer_fields:
        repository.point("dev", "support-bot", **pointer_fields)
    (found,) = [a for a in state(repository, {"support-bot": earlier}).aliases if a.name == "support-bot"]
    return found


def revisions(targets: Sequence[Target]) -> list[str]:
    return [ServedName.parse(target.served).revision for target in targets]


def test_every_pointer_of_the_environment_is_an_alias(repository: Repository) -> None:
    wanted = state(repository)
    assert [(one.name, *revisions([one.active])) for one in wanted.aliases] == [
        ("sql-helper", "1"),
        ("support-bot", "3"),
    ]
    assert (wanted.commit, wanted.environment, wanted.slots) == (COMMIT, "dev", 8)
    assert (wanted.base.name, wanted.base.revision) == (BASE, BASE_REVISION)


def test_pointers_of_other_environments_do_not_count(repository: Repository) -> None:
    assert revisions([one.active for one in state(repository, env="production").aliases]) == ["1", "1"]


def test_a_served_name_holds_the_digest_of_the_bytes(repository: Repository) -> None:
    wanted = repository.read(manifest("support-bot", "3"))["artifact"]["digest"]
    active = bot(repository).active
    assert active.served == f"support-bot@3-{Digest(wanted).prefix}"
    assert str(active.artifact.digest) == wanted


def test_other_bytes_under_the_same_revision_have_another_served_name(repository: Repository) -> None:
    before = bot(repository).active.served
    repository.replace_adapter("support-bot", "3", seed=99)
    assert bot(repository).active.served != before


def test_the_slots_are_those_of_the_cpu_and_else_those_of_one_batch(repository: Repository) -> None:
    settings = repository.read(environment("dev"))
    del settings["engine"]["max_cpu_loras"]
    repository.write(environment("dev"), settings)
    assert state(repository).slots == 4


def test_earlier_revisions_are_kept_as_many_as_the_environment_says(repository: Repository) -> None:
    assert revisions(bot(repository, ["2", "1"]).kept) == ["2"]
    repository.change(environment("dev"), "keep_previous", to=2)
    assert revisions(bot(repository, ["2", "1"]).kept) == ["2", "1"]
    repository.change(environment("dev"), "keep_previous", to=0)
    assert bot(repository, ["2", "1"]).kept == ()


def test_a_revoked_revision_is_never_kept_and_the_next_one_takes_its_place(repository: Repository) -> None:
    record = {"adapter": "support-bot", "revision": "2", "date": "2026-11-01", "reason": "leaks", "by": "alice"}
    repository.write("policies/revocations.yaml", {"kind": "Revocations", "revoked": [record]})
    assert read_snapshot(WorkingTree(repository.root)).problems == ()
    assert revisions(bot(repository, ["2", "1"]).kept) == ["1"]


def test_a_revision_revoked_for_another_adapter_is_kept(repository: Repository) -> None:
    record = {"adapter": "sql-helper", "revision": "2", "date": "2026-11-01", "reason": "leaks", "by": "alice"}
    repository.write("policies/revocations.yaml", {"kind": "Revocations", "revoked": [record]})
    assert revisions(bot(repository, ["2", "1"]).kept) == ["2"]


def test_an_earlier_revision_that_the_repository_no_longer_has_is_passed_over(repository: Repository) -> None:
    assert revisions(bot(repository, ["99", "1"]).kept) == ["1"]


def test_going_back_and_forth_keeps_the_other_revision(repository: Repository) -> None:
    assert revisions(bot(repository, ["2"], active="1").kept) == ["2"]
    assert revisions(bot(repository, ["1"], active="2").kept) == ["1"]


def test_a_canary_has_its_weight_and_tenants_and_is_not_kept_twice(repository: Repository) -> None:
    canary = {"revision": "2", "weight": 5, "tenants": ["acme"]}
    alias = bot(repository, ["2", "1"], canary=canary, keep=["2"])
    assert alias.canary
    assert revisions([alias.canary.target]) == ["2"]
    assert (alias.canary.weight, alias.canary.tenants) == (5, ("acme",))
    assert "2" not in revisions(alias.kept)


def test_shadow_and_keep_stay_loaded_before_what_history_adds(repository: Repository) -> None:
    alias = bot(repository, ["1"], shadow={"revision": "2", "sample": 0.1}, keep=["2"])
    assert revisions(alias.kept) == ["2", "1"]
    assert alias.canary is None


def test_nothing_is_loaded_twice_for_one_alias(repository: Repository) -> None:
    alias = bot(
        repository, ["3", "2", "1"], canary={"revision": "2", "weight": 1}, shadow={"revision": "1", "sample": 1},
        keep=["3", "2", "1"],
    )  # fmt: skip
    assert revisions(alias.targets) == ["3", "2", "1"]


def test_a_lazy_pointer_makes_all_its_revisions_lazy(repository: Repository) -> None:
    alias = bot(repository, ["1"], residency="lazy", canary={"revision": "2", "weight": 1})
    assert [target.lazy for target in alias.targets] == [True, True, True]
    assert not any(target.lazy for target in bot(repository, ["1"], residency="pinned").targets)


def test_targets_come_in_the_order_of_importance(repository: Repository) -> None:
    repository.point("dev", "support-bot", canary={"revision": "2", "weight": 1})
    wanted = state(repository, {"support-bot": ["1"]})
    names = [(name.adapter, name.revision) for name in map(ServedName.parse, wanted.targets)]
    assert names == [("sql-helper", "1"), ("support-bot", "3"), ("support-bot", "2"), ("support-bot", "1")]
    assert [ServedName.parse(name).revision for name in sorted(wanted.taking_requests)] == ["1", "2", "3"]
    assert all(target.served == name for name, target in wanted.targets.items())


def test_an_environment_without_pointers_asks_for_nothing(repository: Repository) -> None:
    repository.remove("environments/dev/pointers")
    assert state(repository).targets == {}


def test_an_unknown_environment_is_refused_with_those_that_exist(repository: Repository) -> None:
    with pytest.raises(UsageError, match="has no environment 'prod' at commit 012345678901") as error:
        state(repository, env="prod")
    assert error.value.expected == "one of: dev, production, staging"
    assert "node's settings" in error.value.remedy


@pytest.mark.parametrize("path", [manifest("support-bot", "3"), base_manifest()])
def test_what_cannot_be_read_is_an_error_and_never_left_out(repository: Repository, path: str) -> None:
    repository.write(path, "kind: [\n")
    with pytest.raises(DocumentError, match="cannot be read at commit"):
        state(repository)


def test_a_manifest_that_is_deleted_under_its_pointer_is_an_error(repository: Repository) -> None:
    repository.remove(manifest("support-bot", "3"))
    with pytest.raises(DocumentError, match="revision support-bot@3 cannot be read"):
        state(repository)


def test_the_same_tree_gives_the_same_state(repository: Repository) -> None:
    assert state(repository, {"support-bot": ["2"]}) == state(repository, {"support-bot": ["2"]})
    assert pointer("dev", "support-bot") in read_snapshot(WorkingTree(repository.root)).entries
