"""The index of statements says of every tree what reading its folder says."""

from __future__ import annotations

import pytest

from interlock.history.attestation_ref import REF, add, file_name, read_stored
from interlock.history.blob_reading import ObjectReader
from interlock.history.git_command import Git
from interlock.history.statement_index import statement_index
from support.git_remotes import Published
from support.repositories import Repository


@pytest.fixture
def work(published: Published) -> Repository:
    """A git work tree with one empty commit."""
    return published.work


def test_without_the_ref_there_is_nothing_and_it_says_so(work: Repository) -> None:
    index = statement_index(Git(work.root))
    assert index.commit is None
    assert index.folders == {}


def test_it_agrees_with_reading_one_folder_after_the_other(work: Repository) -> None:
    git = Git(work.root)
    trees = [f"{number:040x}" for number in range(1, 4)]
    for tree in trees:
        add(git, tree, {file_name(data): data for data in (tree.encode(), tree.encode() * 2)})
    index, objects = statement_index(git), ObjectReader(git)
    try:
        assert [index.stored(objects, tree) for tree in trees] == [read_stored(git, tree) for tree in trees]
        assert index.stored(objects, "f" * 40).statements == {}
    finally:
        objects.close()


def test_a_file_that_was_changed_under_its_name_is_refused(work: Repository) -> None:
    git, tree = Git(work.root), "1" * 40
    blob = git.run("hash-object", "-w", "--stdin", data=b"forged").decode().strip()
    folder = git.run("mktree", data=f"100644 blob {blob}\t{'a' * 64}.json\n".encode()).decode().strip()
    top = git.run("mktree", data=f"040000 tree {folder}\t{tree}\n".encode()).decode().strip()
    work.git("update-ref", REF, work.git("commit-tree", top, "-m", "forged"))
    objects = ObjectReader(git)
    try:
        stored = statement_index(git).stored(objects, tree)
    finally:
        objects.close()
    assert stored.statements == {}
    assert "not what its name says" in stored.refused[f"{'a' * 64}.json"]
