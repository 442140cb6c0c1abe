"""What a branch changed, commit by commit: against the first parent, whatever the paths are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock.errors import HistoryError
from interlock.history.commit_tree import CommitTree
from interlock.history.first_parent_log import BranchCommit, first_parent_log
from interlock.history.git_command import Git
from support.git_remotes import Published
from support.repositories import Repository


@pytest.fixture
def work(published: Published) -> Repository:
    """A git work tree with one empty commit."""
    return published.work


def log(work: Repository, only: str = "") -> list[BranchCommit]:
    return list(first_parent_log(Git(work.root), work.git("rev-parse", "HEAD"), only))


def last(work: Repository) -> dict[str, tuple[bool, bool]]:
    """The paths of the newest commit, and whether each stood before and stands after."""
    return {c.path: (c.before is not None, c.after is not None) for c in log(work)[-1].changes}


def test_commits_come_oldest_first_and_empty_ones_too(work: Repository) -> None:
    work.write("a", "1")
    first = work.commit("a")
    second = work.commit("nothing")
    assert [commit.commit for commit in log(work)][-2:] == [first, second]
    assert log(work)[-1].changes == ()


def test_added_changed_and_removed_paths_are_told_apart(work: Repository) -> None:
    work.write("kept", "1")
    work.write("gone", "1")
    work.commit("before")
    work.write("kept", "2")
    work.remove("gone")
    work.write("new", "1")
    work.commit("after")
    assert last(work) == {"gone": (True, False), "kept": (True, True), "new": (False, True)}


def test_paths_are_what_they_are(work: Repository) -> None:
    names = [":100644 000000 a b A", "a\nb", "\n", "tab\there", "grün", 'quoted"name', " space "]
    for name in names:
        work.write(name, name)
    (Path(os.fsencode(work.root).decode()) / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"x")
    work.commit("names")
    assert set(last(work)) == {*names, "not-utf8-\udcff"}


def test_a_merge_is_what_it_changed_against_its_first_parent(work: Repository) -> None:
    work.git("checkout", "--quiet", "-b", "side")
    work.write("side", "1")
    work.commit("side")
    work.git("checkout", "--quiet", "main")
    work.write("main", "1")
    work.commit("main")
    work.git("merge", "--quiet", "--no-ff", "--no-edit", "side")
    assert last(work) == {"side": (False, True)}


def test_a_mode_that_makes_no_difference_is_no_change(work: Repository) -> None:
    work.write("script", "1")
    work.commit("script")
    (work.root / "script").chmod(0o755)
    work.commit("executable")
    assert last(work) == {}


def test_only_the_commits_of_one_path_can_be_asked_for(work: Repository) -> None:
    work.write("one", "1")
    wanted = work.commit("one")
    work.write("other", "1")
    work.commit("other")
    assert [commit.commit for commit in log(work, "one")] == [wanted]


def test_following_the_log_gives_the_tree_that_git_has(work: Repository) -> None:
    for number in range(6):
        work.write(f"folder/{number % 3}", str(number))
        work.write(f"file{number}", "x")
        if number > 2:
            work.remove(f"file{number - 2}")
        work.commit(str(number))
    tree: dict[str, str] = {}
    for commit in log(work):
        for change in commit.changes:
            assert (change.before.identity if change.before else None) == tree.get(change.path)
            tree.pop(change.path, None)
            if change.after:
                tree[change.path] = change.after.identity
    with CommitTree(Git(work.root), work.git("rev-parse", "HEAD")) as files:
        assert tree == {path: entry.identity for path, entry in files.entries().items()}


def test_a_history_with_a_lost_tree_is_no_short_history(work: Repository) -> None:
    work.write("a", "1")
    work.commit("a")
    work.write("b", "1")
    work.commit("b")
    lost = work.git("rev-parse", "HEAD~1^{tree}")
    (work.root / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(HistoryError, match="cannot be read to its beginning"):
        log(work)
