"""What lies in a store, and how it leaves: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from interlock.artifacts.sources import open_source
from interlock.artifacts.store import ArtifactStore, Holding, Holdings
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import WorkingTree
from support.adapters import artifact_of, write_adapter, write_base

TRIALS = Path(__file__).with_name("placing_trials.py")


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return artifact_of(write_adapter(tmp_path / "adapter", base_config=write_base(tmp_path / "base")))


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def place(store: ArtifactStore, artifact: Artifact) -> Path:
    return store.place(artifact, open_source(artifact, WorkingTree(Path("/"))))


def test_everything_that_takes_room_is_listed_with_its_size(store: ArtifactStore, artifact: Artifact) -> None:
    assert Holdings(store.root).listed() == ()
    placed = place(store, artifact)
    other = "ab" * 32
    for folder, size in ((f"partial/{other}", 3), (f"corrupt/x/{other}", 5), ("trash/y", 7), ("incoming/z", 9)):
        (store.root / folder).mkdir(parents=True)
        (store.root / folder / "file").write_bytes(bytes(size))
    (store.root / "sha256" / "notes").mkdir()
    (store.root / "sha256" / other).symlink_to(placed)
    (store.root / "corrupt" / "file").touch()
    found = Holdings(store.root).listed()
    assert [(one.place, one.digest, one.size) for one in found] == [
        ("corrupt/x", "", 5),
        ("incoming/z", "", 9),
        (f"partial/{other}", other, 3),
        (f"sha256/{artifact.digest.hex}", artifact.digest.hex, artifact.size),
        ("trash/y", "", 7),
    ]
    assert [one.place for one in found if one.is_placed] == [f"sha256/{artifact.digest.hex}"]


def test_what_is_removed_is_gone_and_leaves_nothing(store: ArtifactStore, artifact: Artifact) -> None:
    place(store, artifact)
    holdings = Holdings(store.root)
    (holding,) = holdings.listed()
    assert holdings.remove(holding)
    assert not holdings.remove(holding)
    assert not store.has(artifact)
    assert list((store.root / "trash").iterdir()) == []
    assert place(store, artifact) == store.verify(artifact)


def test_what_a_process_works_in_is_not_removed(store: ArtifactStore, artifact: Artifact) -> None:
    answers: list[bool] = []

    def remove_meanwhile(_: int, __: int) -> None:
        holdings = Holdings(store.root)
        answers.extend(holdings.remove(holding) for holding in holdings.listed())

    store.place(artifact, open_source(artifact, WorkingTree(Path("/"))), remove_meanwhile)
    assert set(answers) == {False}


def test_a_kill_at_any_step_of_a_removal_leaves_it_whole_or_not_there_and_the_next_start_tidies_up(
    tmp_path: Path, artifact: Artifact
) -> None:
    document = tmp_path / "artifact.json"
    document.write_text(artifact.model_dump_json())
    command = [sys.executable, str(TRIALS), str(tmp_path / "stores"), str(document), "removed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert len(outcomes) > 8
    assert {outcome["placed"] for outcome in outcomes} == {True, False}
    for outcome in outcomes:
        root = Path(outcome["store"])
        if outcome["placed"]:
            ArtifactStore(root).verify(artifact)
        Holdings(root).tidy()
        assert [one.place for one in Holdings(root).listed()] == (
            [f"sha256/{artifact.digest.hex}"] if outcome["placed"] else []
        )


def test_an_unchanged_artifact_is_not_read_again_to_know_its_size(store: ArtifactStore, artifact: Artifact) -> None:
    placed = place(store, artifact)
    holdings = Holdings(store.root)
    (before,) = holdings.listed()
    with (placed / "adapter_config.json").open("rb+") as file:
        os.ftruncate(file.fileno(), 0)  # its directory does not show that
    assert holdings.listed() == (before,)
    assert Holdings(store.root).listed()[0].size < before.size


def test_the_disk_of_a_store_that_is_not_there_yet_is_that_of_the_directory_above(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    assert Holdings(tmp_path / "not" / "there").available() <= found.f_blocks * found.f_frsize
    assert Holdings(tmp_path / "not" / "there").available() > 0


def test_a_holding_that_is_a_link_by_now_is_left_alone(store: ArtifactStore, artifact: Artifact) -> None:
    placed = place(store, artifact)
    (store.root / "sha256" / ("ab" * 32)).symlink_to(placed)
    with pytest.raises(OSError, match="ab"):
        Holdings(store.root).remove(Holding(f"sha256/{'ab' * 32}", "ab" * 32, 1, 0.0))
    assert store.verify(artifact)
