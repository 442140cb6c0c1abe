"""The store: complete or not there, whatever is done to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.artifacts.digests import CHUNK, file_set_digest
from interlock.artifacts.sources import ArtifactFiles, open_source
from interlock.artifacts.store import ArtifactStore
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing, ArtifactUnreachable
from support.adapters import artifact_of, write_adapter, write_base

TRIALS = Path(__file__).with_name("placing_trials.py")
MODEL = "adapter_model.safetensors"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter", base_config=write_base(tmp_path / "base"))


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def _source(artifact: Artifact) -> ArtifactFiles:
    return open_source(artifact, WorkingTree(Path("/")))


def _place(store: ArtifactStore, artifact: Artifact) -> Path:
    return store.place(artifact, _source(artifact))


def _everything_below(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def _trial(tmp_path: Path, artifact: Artifact, *arguments: str) -> Any:
    document = tmp_path / "artifact.json"
    document.write_text(artifact.model_dump_json())
    command = [sys.executable, str(TRIALS), str(tmp_path / "store"), str(document), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_artifact_is_placed_under_its_digest_and_is_equal_to_its_source(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    assert not store.has(artifact)
    placed = _place(store, artifact)
    assert placed == store.path_of(artifact)
    assert placed.parts[-2:] == ("sha256", artifact.digest.hex)
    assert store.has(artifact)
    assert {path.name: path.read_bytes() for path in placed.iterdir()} == {
        path.name: path.read_bytes() for path in adapter.iterdir()
    }
    assert list((placed.parents[1] / "partial").iterdir()) == []


def test_what_is_placed_is_read_only_and_readable_by_every_user(adapter: Path, store: ArtifactStore) -> None:
    placed = _place(store, artifact_of(adapter))
    assert placed.stat().st_mode & 0o777 == 0o555
    assert {path.stat().st_mode & 0o777 for path in placed.iterdir()} == {0o444}


def test_placing_again_reads_the_store_and_not_the_source(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    placed = _place(store, artifact)
    for path in adapter.iterdir():
        path.unlink()
    assert _place(store, artifact) == placed


def test_progress_counts_the_bytes_of_all_files(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    calls: list[tuple[int, int]] = []
    store.place(artifact, _source(artifact), lambda done, total: calls.append((done, total)))
    assert calls[-1] == (artifact.size, artifact.size)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_files_that_the_manifest_does_not_list_are_not_copied(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    (adapter / "optimizer.pt").write_bytes(b"pickle")
    assert sorted(path.name for path in _place(store, artifact).iterdir()) == ["adapter_config.json", MODEL]


def _truncate(directory: Path) -> None:
    os.truncate(directory / MODEL, (directory / MODEL).stat().st_size - 1)


def _flip(directory: Path) -> None:
    data = bytearray((directory / MODEL).read_bytes())
    data[-9] ^= 0x40
    (directory / MODEL).write_bytes(bytes(data))


def _lengthen(directory: Path) -> None:
    with (directory / MODEL).open("ab") as stream:
        stream.write(bytes(2 * CHUNK))


def _remove(directory: Path) -> None:
    (directory / MODEL).unlink()


def _link(directory: Path) -> None:
    (directory / MODEL).rename(directory.parent / "elsewhere")
    (directory / MODEL).symlink_to(directory.parent / "elsewhere")


DAMAGES: dict[str, tuple[Callable[[Path], None], type[ArtifactError], str]] = {
    "a truncated file": (_truncate, ArtifactCorrupt, rf"{MODEL} .*has \d+ bytes\nExpected: \d+ bytes, as the manifest"),
    "a flipped bit": (_flip, ArtifactCorrupt, rf"{MODEL} .*has the digest sha256:\w+\nExpected: sha256:\w+, as the"),
    "a longer file": (_lengthen, ArtifactCorrupt, rf"{MODEL} .*has more than (\d+) bytes\nExpected: \1 bytes, as the"),
    "a missing file": (_remove, ArtifactMissing, rf"{MODEL}.* there is no such file"),
    "a link": (_link, ArtifactMissing, rf"{MODEL}.* symbolic link, and links are not followed"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_source_is_refused_and_leaves_nothing_behind_that_has(
    case: str, adapter: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    damage, error, text = DAMAGES[case]
    artifact = artifact_of(adapter)
    damage(adapter)
    with pytest.raises(error, match=text) as caught:
        _place(store, artifact)
    assert str(adapter) in caught.value.found or str(adapter)[1:] in caught.value.found
    assert _everything_below(tmp_path / "store") == ["partial"]


def test_a_longer_file_is_not_copied_beyond_its_declared_size(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    _lengthen(adapter)
    calls: list[int] = []
    with pytest.raises(ArtifactCorrupt, match="more than"):
        store.place(artifact, _source(artifact), lambda done, total: calls.append(done))
    assert max(calls, default=0) <= artifact.size


def test_a_manifest_whose_digest_is_not_that_of_its_files_is_refused(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter).model_copy(update={"digest": Digest("sha256:" + "0" * 64)})
    with pytest.raises(ArtifactCorrupt, match="its files have sha256:"):
        _place(store, artifact)
    with pytest.raises(ArtifactCorrupt, match="its files have sha256:"):
        store.verify(artifact)


def test_what_was_never_placed_is_missing(adapter: Path, store: ArtifactStore) -> None:
    with pytest.raises(ArtifactMissing, match="does not exist"):
        store.verify(artifact_of(adapter))


@pytest.mark.parametrize("case", [*DAMAGES, "an additional file", "an additional directory"])
def test_a_placed_artifact_is_refused_and_left_alone_that_has(case: str, adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    placed = _place(store, artifact)
    placed.chmod(0o755)
    for path in placed.iterdir():
        path.chmod(0o644)
    if case == "an additional file":
        (placed / "adapter_model.bin").touch()
    elif case == "an additional directory":
        (placed / "more").mkdir()
    else:
        DAMAGES[case][0](placed)
    before = _everything_below(placed)
    with pytest.raises(ArtifactCorrupt) as caught:
        store.verify(artifact)
    assert caught.value.remedy == f"stop the engine, move {placed} away, and run: interlock sync --once"
    with pytest.raises(ArtifactCorrupt):
        _place(store, artifact)
    assert _everything_below(placed) == before


def test_a_placed_directory_that_became_a_link_is_refused(adapter: Path, store: ArtifactStore, tmp_path: Path) -> None:
    artifact = artifact_of(adapter)
    placed = _place(store, artifact)
    placed.chmod(0o755)
    placed.rename(tmp_path / "moved")
    placed.symlink_to(tmp_path / "moved")
    with pytest.raises(ArtifactMissing, match="is a link"):
        store.verify(artifact)


def test_a_corrupt_artifact_is_replaced_only_when_told_and_is_kept_aside(
    adapter: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    artifact = artifact_of(adapter)
    placed = _place(store, artifact)
    (placed / MODEL).chmod(0o644)
    _flip(placed)
    flipped = (placed / MODEL).read_bytes()
    assert store.replace_corrupt(artifact, _source(artifact)) == placed
    assert store.verify(artifact) == placed
    (aside,) = (tmp_path / "store" / "corrupt").glob(f"*/{artifact.digest.hex}/{MODEL}")
    assert aside.read_bytes() == flipped


def test_replacing_an_intact_artifact_changes_nothing(adapter: Path, store: ArtifactStore, tmp_path: Path) -> None:
    artifact = artifact_of(adapter)
    inode = _place(store, artifact).stat().st_ino
    assert store.replace_corrupt(artifact, _source(artifact)).stat().st_ino == inode
    assert not (tmp_path / "store" / "corrupt").exists()


def test_a_corrupt_artifact_stays_where_it_is_when_its_source_is_corrupt_too(
    adapter: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    artifact = artifact_of(adapter)
    placed = _place(store, artifact)
    (placed / MODEL).chmod(0o644)
    for directory in (placed, adapter):
        _flip(directory)
    with pytest.raises(ArtifactCorrupt, match="from"):
        store.replace_corrupt(artifact, _source(artifact))
    assert store.has(artifact)
    assert not (tmp_path / "store" / "corrupt").exists()


def test_an_artifact_that_is_not_there_can_be_placed_by_replacing(adapter: Path, store: ArtifactStore) -> None:
    artifact = artifact_of(adapter)
    assert store.replace_corrupt(artifact, _source(artifact)) == store.path_of(artifact)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, list[dict[str, Any]]]:
    """An artifact, and what is left of stores in which its placement was killed at the 1st, 2nd, 3rd … step."""
    directory = tmp_path_factory.mktemp("killed")
    artifact = artifact_of(write_adapter(directory / "adapter", base_config=write_base(directory / "base")))
    outcomes: list[dict[str, Any]] = _trial(directory, artifact, "killed")
    return artifact, outcomes


def test_a_kill_at_any_step_leaves_nothing_or_everything_and_what_is_left_is_used_up(
    killed: tuple[Artifact, list[dict[str, Any]]],
) -> None:
    artifact, outcomes = killed
    assert len(outcomes) > 15
    assert [outcome["died"] for outcome in outcomes] == [True] * (len(outcomes) - 1) + [False]
    assert {outcome["placed"] for outcome in outcomes[:-1]} == {True, False}
    assert sum(bool(list(Path(outcome["store"]).glob("partial/*/*"))) for outcome in outcomes) > 5
    for outcome in outcomes:
        store = ArtifactStore(Path(outcome["store"]))
        if outcome["placed"]:
            store.verify(artifact)
        assert _place(store, artifact) == store.path_of(artifact)
        assert _everything_below(store.root / "partial") == []


def test_several_processes_may_place_the_same_artifact_at_once(adapter: Path, tmp_path: Path) -> None:
    artifact = artifact_of(adapter)
    assert _trial(tmp_path, artifact, "together", "4") == {"codes": [0, 0, 0, 0]}
    ArtifactStore(tmp_path / "store").verify(artifact)
    assert len(_everything_below(tmp_path / "store")) == len(["partial", "sha256", "the artifact", *artifact.files])


def test_a_full_disk_is_named_and_leaves_nothing_behind(adapter: Path, tmp_path: Path) -> None:
    artifact = artifact_of(adapter)
    outcome = _trial(tmp_path, artifact, "limited", "4096")
    assert outcome["error"] == "StoreUnwritable"
    assert f"the disk of {tmp_path / 'store'} is full: {artifact.size} bytes were to be placed" in outcome["text"]
    assert f"Next: free space on the disk of {tmp_path / 'store'}" in outcome["text"]
    assert _everything_below(tmp_path / "store") == ["partial"]


def test_a_store_that_cannot_be_written_says_so(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a directory")
    artifact = artifact_of(adapter)
    with pytest.raises(ArtifactError, match="cannot be written") as caught:
        _place(ArtifactStore(tmp_path / "occupied" / "store"), artifact)
    assert "occupied" in caught.value.remedy


def _another(tmp_path: Path, seed: int = 1) -> Artifact:
    config = write_base(tmp_path / "base")
    return artifact_of(write_adapter(tmp_path / f"adapter-{seed}", base_config=config, seed=seed))


def test_what_another_process_is_bringing_is_left_alone_and_named(
    adapter: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    artifact, other = artifact_of(adapter), _another(tmp_path)
    done: list[Path] = []

    def try_meanwhile(_: int, __: int) -> None:
        if not done:
            done.append(_place(store, other))
            with pytest.raises(ArtifactUnreachable, match="another process is bringing"):
                _place(store, artifact)

    placed = store.place(artifact, _source(artifact), try_meanwhile)
    assert (placed, *done) == (store.verify(artifact), store.verify(other))


def test_an_empty_file_is_placed_like_any_other(adapter: Path, store: ArtifactStore) -> None:
    (adapter / "empty.txt").touch()
    artifact = artifact_of(adapter)
    assert artifact.digest == file_set_digest(artifact.files)
    assert (_place(store, artifact) / "empty.txt").read_bytes() == b""
