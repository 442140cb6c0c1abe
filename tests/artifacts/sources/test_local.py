"""Where artifacts come from: the tree of the manifest, a directory, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock.artifacts.sources import DirectoryFiles, TreeFiles, open_source
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactMissing, InterlockError, RangeNotSupported
from interlock.history.repository import GitRepository
from support.adapters import artifact_of, write_adapter, write_base
from support.repositories import Repository

NAMES = ["adapter_config.json", "adapter_model.safetensors"]


def _artifact(tmp_path: Path, uri: str | None = None) -> Artifact:
    directory = write_adapter(tmp_path / "repo" / "files" / "a", base_config=write_base(tmp_path / "base"))
    return artifact_of(directory, uri)


def _tree(tmp_path: Path) -> WorkingTree:
    return WorkingTree(tmp_path / "repo")


def test_a_relative_address_names_files_of_the_same_tree(tmp_path: Path) -> None:
    artifact = _artifact(tmp_path, "file:files/a")
    source = open_source(artifact, _tree(tmp_path))
    assert isinstance(source, TreeFiles)
    assert source.label == f"files/a in {tmp_path / 'repo'}"
    assert source.sizes() == {file.path: file.size for file in artifact.files}
    for name in NAMES:
        with source.open(name) as stream:
            assert stream.read() == (tmp_path / "repo" / "files" / "a" / name).read_bytes()


def test_entries_that_the_caller_has_are_used_instead_of_a_new_listing(tmp_path: Path) -> None:
    artifact, tree = _artifact(tmp_path, "file:files/a"), _tree(tmp_path)
    entries = tree.entries()
    (tmp_path / "repo" / "files" / "a" / "later").write_text("")
    assert sorted(open_source(artifact, tree, entries=entries).sizes()) == NAMES
    assert sorted(open_source(artifact, tree).sizes()) == [*NAMES, "later"]


def test_an_absolute_address_names_a_directory_of_this_machine(tmp_path: Path) -> None:
    artifact = _artifact(tmp_path)
    source = open_source(artifact, WorkingTree(tmp_path / "base"))
    assert isinstance(source, DirectoryFiles)
    assert source.sizes() == {file.path: file.size for file in artifact.files}
    with source.open("adapter_config.json") as stream:
        assert stream.read(1) == b"{"


@pytest.mark.parametrize("uri", ["file:files/b", "file:///nowhere/at/all"])
def test_an_address_where_nothing_is_is_missing(tmp_path: Path, uri: str) -> None:
    source = open_source(_artifact(tmp_path, uri), _tree(tmp_path))
    with pytest.raises(ArtifactMissing, match="does not exist") as caught:
        source.sizes()
    assert caught.value.remedy
    with pytest.raises(ArtifactMissing), source.open("adapter_config.json"):
        pass


@pytest.mark.parametrize("start", [0, 1, 100])
@pytest.mark.parametrize("uri", ["file:files/a", None])
def test_a_file_can_be_read_from_any_byte_on(tmp_path: Path, uri: str | None, start: int) -> None:
    artifact = _artifact(tmp_path, uri)
    whole = (tmp_path / "repo" / "files" / "a" / "adapter_model.safetensors").read_bytes()
    source = open_source(artifact, _tree(tmp_path))
    with source.open("adapter_model.safetensors", start=start) as stream:
        assert stream.read() == whole[start:]


def test_a_file_of_a_commit_can_be_read_from_its_start_only(tmp_path: Path) -> None:
    artifact = _artifact(tmp_path, "file:files/a")
    work = Repository(tmp_path / "repo")
    work.git("init", "--quiet")
    with GitRepository(work.root).commit_tree(work.commit("files")) as tree:
        source = open_source(artifact, tree)
        with source.open("adapter_config.json") as stream:
            assert stream.read(1) == b"{"
        with pytest.raises(RangeNotSupported, match="from its start only"), source.open("adapter_config.json", start=1):
            pass


@pytest.mark.parametrize("absolute", [False, True])
def test_a_file_that_is_a_link_is_not_there(tmp_path: Path, absolute: bool) -> None:
    artifact = _artifact(tmp_path, None if absolute else "file:files/a")
    config = tmp_path / "repo" / "files" / "a" / "adapter_config.json"
    config.unlink()
    config.symlink_to("/etc/hostname")
    source = open_source(artifact, _tree(tmp_path))
    assert list(source.sizes()) == ["adapter_model.safetensors"]
    with pytest.raises(ArtifactMissing, match="links are not followed"), source.open("adapter_config.json"):
        pass


@pytest.mark.parametrize("absolute", [False, True])
def test_a_directory_that_is_reached_through_a_link_is_refused(tmp_path: Path, absolute: bool) -> None:
    _artifact(tmp_path)
    (tmp_path / "repo" / "link").symlink_to(tmp_path / "repo" / "files")
    uri = f"file://{tmp_path}/repo/link/a" if absolute else "file:link/a"
    source = open_source(_artifact(tmp_path, uri), _tree(tmp_path))
    with pytest.raises(ArtifactMissing, match="through a link" if absolute else "does not exist") as caught:
        source.sizes()
    if absolute:
        assert f"--uri file://{tmp_path}/repo/files/a" in caught.value.remedy
    with pytest.raises(ArtifactMissing, match="link"), source.open("adapter_config.json"):
        pass


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    artifact = _artifact(tmp_path)
    os.mkfifo(tmp_path / "repo" / "files" / "a" / "pipe")
    source = open_source(artifact, _tree(tmp_path))
    assert "pipe" not in source.sizes()
    with pytest.raises(ArtifactMissing, match="not a regular file"), source.open("pipe"):
        pass


@pytest.mark.parametrize("name", ["../base/config.json", "/etc/hostname", "", ".", "..", "a//b"])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_name_that_leaves_the_directory_is_refused(tmp_path: Path, name: str, absolute: bool) -> None:
    source = open_source(_artifact(tmp_path, None if absolute else "file:files/a"), _tree(tmp_path))
    with pytest.raises(InterlockError), source.open(name):
        pass
