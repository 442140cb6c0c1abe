"""The tree that a change would make."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactMissing, DocumentError
from interlock.lifecycle.overlay_tree import OverlayTree


@pytest.fixture
def below(tmp_path: Path) -> WorkingTree:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "kept").write_bytes(b"kept")
    (tmp_path / "tree" / "changed").write_bytes(b"old")
    return WorkingTree(tmp_path / "tree")


def test_changes_hide_what_is_below_and_the_rest_shows_through(below: WorkingTree) -> None:
    tree = OverlayTree(below, {"changed": b"new", "a/added": b"added"})
    assert list(tree.entries()) == ["a/added", "changed", "kept"]
    assert tree.read("changed", limit=10) == b"new"
    assert tree.read("kept", limit=10) == b"kept"
    with tree.open("a/added") as stream:
        assert stream.read() == b"added"


def test_the_identity_of_a_changed_file_follows_its_bytes(below: WorkingTree) -> None:
    one, same, other = (OverlayTree(below, {"changed": data}).entries()["changed"] for data in (b"1", b"1", b"2"))
    assert one == same
    assert one.identity not in (other.identity, below.entries()["changed"].identity)


def test_a_file_on_disk_stands_in_the_tree_under_another_path(below: WorkingTree, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    tree = OverlayTree(below, {}, {"artifacts/x/weights": tmp_path / "weights"})
    assert tree.entries()["artifacts/x/weights"].size == 7
    assert tree.read("artifacts/x/weights", limit=7) == b"weights"


def test_a_link_on_disk_is_not_followed(below: WorkingTree, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "tree" / "kept")
    tree = OverlayTree(below, {}, {"x": tmp_path / "link"})
    with pytest.raises(ArtifactMissing):
        tree.read("x", limit=10)


def test_reads_are_bounded(below: WorkingTree) -> None:
    with pytest.raises(DocumentError, match="5 bytes"):
        OverlayTree(below, {"x": b"12345"}).read("x", limit=4)


def test_the_label_says_that_files_are_proposed(below: WorkingTree) -> None:
    assert "1 proposed file" in OverlayTree(below, {"x": b""}).label
