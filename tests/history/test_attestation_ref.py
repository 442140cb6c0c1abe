"""The ref of signed statements: add-only, by plumbing, united where several write, refused where something is gone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from interlock.errors import HistoryError, HistoryRewritten, RemoteUnreachable
from interlock.history.attestation_exchange import fetch, fetch_listed, push
from interlock.history.attestation_ref import MAX_FILE, MAX_FILES, REF, add, file_name, read, read_stored, tip
from interlock.history.git_command import Git
from support.git_remotes import Published
from support.repositories import Repository

TREE, OTHER = "a" * 40, "b" * 40
ADD = """
import sys

from pathlib import Path
from interlock.history.attestation_ref import add, file_name
from interlock.history.git_command import Git
for number in range(8):
    data = f"{sys.argv[2]} {number}".encode()
    add(Git(Path(sys.argv[1])), "a" * 40, {file_name(data): data})
"""
PUSH = "import sys; from pathlib import Path; from interlock.history.git_command import Git\n" + (
    "from interlock.history.attestation_exchange import push; push(Git(Path(sys.argv[1])), 'origin')"
)


def named(*texts: str) -> dict[str, bytes]:
    return {file_name(text.encode()): text.encode() for text in texts}


@pytest.fixture
def git(published: Published) -> Git:
    return Git(published.work.root)


def another_clone(published: Published, name: str) -> Repository:
    root = published.work.root.parent / name
    published.work.git("clone", "--quiet", published.url, str(root))
    return Repository(root)


def together(*commands: list[str]) -> None:
    started = [subprocess.Popen([sys.executable, "-c", *command], stderr=subprocess.PIPE) for command in commands]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()


def test_what_was_added_is_read_and_the_working_directory_stays(published: Published, git: Git) -> None:
    before = published.work.git("status", "--porcelain", "--untracked-files=all")
    add(git, TREE, named("one"))
    add(git, TREE, named("two"))
    add(git, OTHER, named("three"))
    assert read(git, TREE) == named("one", "two")
    assert read(git, OTHER) == named("three")
    assert read(git, "c" * 40) == {}
    assert published.work.git("status", "--porcelain", "--untracked-files=all") == before


def test_adding_the_same_again_adds_no_commit(git: Git) -> None:
    first = add(git, TREE, named("one"))
    assert add(git, TREE, named("one")) == first


def test_nothing_is_read_where_nobody_added_anything(git: Git) -> None:
    assert tip(git) is None
    assert read(git, TREE) == {}


def test_a_file_under_a_wrong_name_is_refused_before_it_is_written(git: Git) -> None:
    with pytest.raises(HistoryError, match="not the name of a statement"):
        add(git, TREE, {file_name(b"one"): b"two"})
    assert tip(git) is None


def test_processes_that_add_at_once_lose_nothing(published: Published, git: Git) -> None:
    root = str(published.work.root)
    together([ADD, root, "x"], [ADD, root, "y"], [ADD, root, "z"])
    assert len(read(git, TREE)) == 24


def test_clones_that_push_at_once_lose_nothing(published: Published, git: Git) -> None:
    clones = [another_clone(published, f"clone-{number}") for number in range(3)]
    for number, clone in enumerate(clones):
        add(Git(clone.root), TREE, named(f"same tree {number}"))
        add(Git(clone.root), f"{number}" * 40, named(f"own tree {number}"))
    together(*([PUSH, str(clone.root)] for clone in clones))
    fetch(git, "origin")
    assert read(git, TREE) == named(*(f"same tree {number}" for number in range(3)))
    assert [read(git, f"{number}" * 40) for number in range(3)] == [named(f"own tree {n}") for n in range(3)]


def test_a_second_fetch_brings_what_is_new_and_keeps_what_was_not_pushed(published: Published, git: Git) -> None:
    other = another_clone(published, "other")
    add(Git(other.root), TREE, named("one"))
    push(Git(other.root), "origin")
    add(git, TREE, named("mine"))
    fetch(git, "origin")
    add(Git(other.root), TREE, named("two"))
    push(Git(other.root), "origin")
    fetch(git, "origin")
    assert read(git, TREE) == named("one", "mine", "two")


def test_nothing_on_the_remote_is_no_error(git: Git) -> None:
    assert fetch(git, "origin") is None
    with pytest.raises(HistoryError, match="to push"):
        push(git, "origin")


def test_a_remote_that_does_not_answer_says_nothing_about_statements(published: Published, git: Git) -> None:
    with pytest.raises(RemoteUnreachable):
        fetch(git, str(published.work.root.parent / "nowhere.git"))


def pushed_twice(published: Published, git: Git) -> tuple[Repository, str]:
    """Another clone that pushed two statements, both fetched here; and the commit before the second."""
    other = another_clone(published, "other")
    first = add(Git(other.root), TREE, named("one"))
    push(Git(other.root), "origin")
    add(Git(other.root), TREE, named("two"))
    push(Git(other.root), "origin")
    fetch(git, "origin")
    return other, first


def test_a_ref_that_was_rewound_by_force_is_refused(published: Published, git: Git) -> None:
    other, first = pushed_twice(published, git)
    other.git("push", "--quiet", "--force", "origin", f"{first}:{REF}")
    with pytest.raises(HistoryRewritten, match="no longer contains"):
        fetch(git, "origin")
    assert read(git, TREE) == named("one", "two")


def test_a_ref_that_was_removed_is_refused(published: Published, git: Git) -> None:
    other, _ = pushed_twice(published, git)
    other.git("push", "--quiet", "origin", f":{REF}")
    with pytest.raises(HistoryRewritten, match="was removed there"):
        fetch(git, "origin")


def test_what_was_seen_before_is_not_transferred_again(published: Published, git: Git) -> None:
    other, first = pushed_twice(published, git)
    latest = other.git("rev-parse", REF)
    published.remote.rename(published.remote.with_name("away.git"))
    assert fetch_listed(git, "origin", latest) == latest
    with pytest.raises(RemoteUnreachable):
        fetch_listed(git, "origin", first)


def test_a_listing_without_the_ref_is_refused_like_its_removal(published: Published, git: Git) -> None:
    assert fetch_listed(git, "origin", None) is None
    pushed_twice(published, git)
    with pytest.raises(HistoryRewritten, match="was removed there"):
        fetch_listed(git, "origin", None)


@pytest.mark.parametrize("then_restored", [False, True])
def test_a_file_that_was_removed_by_a_new_commit_is_refused(
    published: Published, git: Git, then_restored: bool
) -> None:
    other, first = pushed_twice(published, git)
    full = other.git("rev-parse", f"{REF}^{{tree}}")
    small = other.git("rev-parse", f"{first}^{{tree}}")
    commit = other.git("commit-tree", small, "-p", REF, "-m", "Tidy up")
    if then_restored:
        commit = other.git("commit-tree", full, "-p", commit, "-m", "Nothing happened")
    other.git("push", "--quiet", "origin", f"{commit}:{REF}")
    with pytest.raises(HistoryRewritten, match="removes or changes"):
        fetch(git, "origin")


def test_a_merge_that_drops_one_side_is_refused(published: Published, git: Git) -> None:
    other, first = pushed_twice(published, git)
    small = other.git("rev-parse", f"{first}^{{tree}}")
    commit = other.git("commit-tree", small, "-p", REF, "-p", first, "-m", "Merge")
    other.git("push", "--quiet", "origin", f"{commit}:{REF}")
    with pytest.raises(HistoryRewritten, match="removes or changes"):
        fetch(git, "origin")


def folder_with(repository: Repository, files: dict[str, bytes], mode: str = "100644") -> None:
    """Let the ref hold these files about TREE, whatever they are called."""
    lines = []
    for name, data in files.items():
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"], cwd=repository.root, input=data, capture_output=True, check=True
        )
        lines.append(f"{mode} blob {blob.stdout.decode().strip()}\t{name}")
    made = [["mktree"], ["mktree"]]
    folder = subprocess.run(
        ["git", *made[0]], cwd=repository.root, input="\n".join(lines).encode(), capture_output=True, check=True
    )
    top = f"040000 tree {folder.stdout.decode().strip()}\t{TREE}\n".encode()
    tree = subprocess.run(["git", *made[1]], cwd=repository.root, input=top, capture_output=True, check=True)
    commit = repository.git("commit-tree", tree.stdout.decode().strip(), "-m", "By hand")
    repository.git("update-ref", REF, commit)


def test_a_file_whose_content_is_not_what_its_name_says_is_not_read(published: Published, git: Git) -> None:
    folder_with(published.work, {file_name(b"one"): b"two", "note.txt": b"hello", **named("good")})
    stored = read_stored(git, TREE)
    assert stored.statements == named("good")
    assert "was changed" in stored.refused[file_name(b"one")]
    assert "not the SHA-256" in stored.refused["note.txt"]


def test_a_link_and_a_large_file_are_not_read(published: Published, git: Git) -> None:
    large = b"x" * (MAX_FILE + 1)
    folder_with(published.work, {file_name(large): large})
    assert read_stored(git, TREE).statements == {}
    folder_with(published.work, named("/etc/passwd"), mode="120000")
    stored = read_stored(git, TREE)
    assert stored.statements == {}
    assert len(stored.refused) == 1


def test_too_many_statements_about_one_tree_are_not_evaluated(published: Published, git: Git) -> None:
    folder_with(published.work, named(*(f"statement {number}" for number in range(MAX_FILES + 1))))
    with pytest.raises(HistoryError, match="holds 501 statements"):
        read(git, TREE)


def test_what_does_not_belong_there_is_not_read_and_not_taken_away_either(published: Published, git: Git) -> None:
    """Whoever writes beside it must not look like somebody who removed something."""
    other = another_clone(published, "other")
    folder_with(other, named("script"), mode="100755")
    push(Git(other.root), "origin")
    fetch(git, "origin")
    add(git, TREE, named("good"))
    push(git, "origin")
    fetch(Git(other.root), "origin")
    assert read(Git(other.root), TREE) == named("good")
    assert len(other.git("ls-tree", "-r", REF).splitlines()) == 2


def test_two_files_of_one_name_are_told_and_not_united(published: Published, git: Git) -> None:
    other = another_clone(published, "other")
    folder_with(other, {file_name(b"one"): b"two"})
    push(Git(other.root), "origin")
    folder_with(published.work, {file_name(b"one"): b"three"})
    with pytest.raises(HistoryError, match="one thing here and another on the remote"):
        push(git, "origin")
    fetch(Git(other.root), "origin")
