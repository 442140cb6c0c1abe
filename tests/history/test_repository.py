"""Repositories: resolving, comparing and committing, as a person's checkout allows it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from interlock.errors import HistoryError, UsageError
from interlock.history.repository import GitRepository
from support.git_remotes import Published
from support.repositories import Repository


@pytest.fixture
def work(published: Published, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A developer's clone, and the developer's identity in the environment."""
    for name, value in (("NAME", "Alice"), ("EMAIL", "alice@example.com")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return published.work


@pytest.fixture
def repository(work: Repository) -> GitRepository:
    """The same clone as the code sees it."""
    return GitRepository(work.root)


def test_the_repository_around_a_directory_is_found(work: Repository) -> None:
    (work.root / "a" / "b").mkdir(parents=True)
    assert GitRepository.discover(work.root / "a" / "b").root == work.root.resolve()


def test_a_repository_whose_path_is_not_utf8_is_found(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd \xff\n")
    odd.mkdir()
    GitRepository.create_unless_inside(odd)
    assert GitRepository.discover(odd).root == odd


@pytest.mark.parametrize("name", ["", "missing", "file"])
def test_a_place_outside_of_any_repository_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is not inside a git repository") as error:
        GitRepository.discover(tmp_path / name)
    assert "git init" in error.value.remedy


def test_a_repository_is_made_once(tmp_path: Path) -> None:
    assert GitRepository.create_unless_inside(tmp_path)
    (tmp_path / "below").mkdir()
    assert not GitRepository.create_unless_inside(tmp_path)
    assert not GitRepository.create_unless_inside(tmp_path / "below")


def test_branches_tags_and_short_ids_resolve_to_full_ids(work: Repository, repository: GitRepository) -> None:
    commit = work.git("rev-parse", "HEAD")
    work.git("tag", "--annotate", "--message", "first", "v1")
    for name in ("HEAD", "main", "v1", "refs/heads/main", commit[:10], commit):
        assert repository.resolve(name) == commit
    assert repository.head() == commit


@pytest.mark.parametrize("name", ["nothing", "", "--help", "--all", "-h", "main..main", "HEAD:a", "0" * 40])
def test_what_is_no_commit_is_refused(repository: GitRepository, name: str) -> None:
    with pytest.raises(HistoryError, match="is not a commit of"):
        repository.resolve(name)


def test_a_repository_without_a_commit_has_no_head(tmp_path: Path) -> None:
    GitRepository.create_unless_inside(tmp_path)
    with pytest.raises(HistoryError, match="'HEAD' is not a commit"):
        GitRepository(tmp_path).head()


def test_a_repository_with_longer_commit_ids_is_refused_in_words(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.git("init", "--quiet", "--object-format", "sha256")
    repository.commit("begin")
    with pytest.raises(HistoryError, match="commit ids of another length") as error:
        GitRepository(tmp_path).head()
    assert "sha1" in error.value.expected


def test_descent_is_seen_both_ways(work: Repository, repository: GitRepository) -> None:
    older = repository.head()
    newer = work.commit("newer")
    assert repository.is_ancestor(older, newer)
    assert repository.is_ancestor(newer, newer)
    assert not repository.is_ancestor(newer, older)
    assert repository.has(newer)
    assert not repository.has("0" * 39 + "1")


def test_replace_refs_do_not_change_descent(work: Repository, repository: GitRepository) -> None:
    older = work.commit("older")
    newer = work.commit("newer")
    work.git("checkout", "--quiet", "--orphan", "other")
    unrelated = work.commit("unrelated")
    work.git("replace", "--graft", unrelated, older)
    work.git("replace", "--graft", newer)
    assert not repository.is_ancestor(older, unrelated)
    assert repository.is_ancestor(older, newer)


def test_grafts_do_not_change_descent(work: Repository, repository: GitRepository) -> None:
    older = work.commit("older")
    newer = work.commit("newer")
    (work.root / ".git" / "info").mkdir(exist_ok=True)
    (work.root / ".git" / "info" / "grafts").write_text(f"{newer}\n", encoding="ascii")
    assert repository.is_ancestor(older, newer)


def test_a_clone_that_lacks_history_is_told_to_fetch_it(work: Repository, published: Published, tmp_path: Path) -> None:
    older = work.commit("older")
    work.commit("newer")
    published.push()
    work.git("clone", "--quiet", "--depth", "1", published.url, str(tmp_path / "shallow"))
    shallow = GitRepository(tmp_path / "shallow")
    with pytest.raises(HistoryError, match="cannot compare") as error:
        shallow.is_ancestor(older, shallow.head())
    assert error.value.remedy == "run: git fetch --unshallow"


def test_exactly_the_named_paths_are_committed(work: Repository, repository: GitRepository) -> None:
    work.write("a.yaml", "a: 1\n")
    work.write("b.yaml", "b: 1\n")
    work.git("add", "b.yaml")
    commit = repository.commit(["a.yaml"], "promote: a\n\nWhy: # not a comment\n")
    assert work.git("show", "--name-only", "--format=%an <%ae>%n%B", commit).split("\n") == [
        "Alice <alice@example.com>",
        "promote: a",
        "",
        "Why: # not a comment",
        "",
        "",
        "a.yaml",
    ]
    assert repository.is_clean(["a.yaml"])
    assert not repository.is_clean(["b.yaml"])


def test_a_path_is_taken_literally_and_not_as_a_pattern(work: Repository, repository: GitRepository) -> None:
    work.write("*.yaml", "a: 1\n")
    work.write("b.yaml", "b: 1\n")
    commit = repository.commit(["*.yaml"], "star")
    assert work.git("show", "--name-only", "--format=", commit) == "*.yaml"


@pytest.mark.parametrize("state", ["untracked", "staged", "changed", "removed"])
def test_a_path_that_differs_is_not_clean(work: Repository, repository: GitRepository, state: str) -> None:
    work.write("kept.yaml", "a: 1\n")
    work.commit("kept")
    if state == "removed":
        work.remove("kept.yaml")
    elif state == "changed":
        work.write("kept.yaml", "a: 2\n")
    else:
        work.write("new.yaml", "a: 1\n")
    if state == "staged":
        work.git("add", "new.yaml")
    assert not repository.is_clean(["kept.yaml", "new.yaml"])


def test_a_commit_that_a_hook_refuses_says_what_the_hook_said(work: Repository, repository: GitRepository) -> None:
    hook = work.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho the linter says no >&2\nexit 1\n", encoding="ascii")
    hook.chmod(0o755)
    work.write("a.yaml", "a: 1\n")
    before = repository.head()
    with pytest.raises(HistoryError, match="git commit failed: the linter says no"):
        repository.commit(["a.yaml"], "x" * 200_000)
    assert repository.head() == before
    repository.unstage(["a.yaml"])
    assert work.git("status", "--porcelain") == "?? a.yaml"


def test_a_hook_that_leaves_a_process_behind_does_not_hold_up_the_commit(
    work: Repository, repository: GitRepository
) -> None:
    hook = work.root / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nsleep 30 &\necho $! > left-behind\n", encoding="ascii")
    hook.chmod(0o755)
    work.write("a.yaml", "a: 1\n")
    begin = time.monotonic()
    assert repository.commit(["a.yaml"], "a") == repository.head()
    assert time.monotonic() - begin < 20
    os.kill(int((work.root / "left-behind").read_text(encoding="ascii")), signal.SIGKILL)


def test_a_commit_without_an_identity_is_refused_in_words(
    work: Repository, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "")
    work.write("a.yaml", "a: 1\n")
    with pytest.raises(HistoryError, match="git commit failed") as error:
        repository.commit(["a.yaml"], "a")
    assert error.value.remedy == "repair what git says and run it again"
