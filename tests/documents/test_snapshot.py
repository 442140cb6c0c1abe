"""A whole tree at once: real directories, real git, real links."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from interlock.documents.identifiers import RevisionId
from interlock.documents.positions import Place
from interlock.documents.snapshot import DocumentCache, Snapshot, read_snapshot
from interlock.documents.tree import Entry, WorkingTree
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactMissing
from interlock.history.repository import GitRepository

CASES = Path(__file__).parent / "cases"
POINTER = "environments/production/pointers/support-bot.yaml"
ADAPTER = "adapters/support-bot/adapter.yaml"
MINIMAL_POINTER = (CASES / "minimal-pointer" / "input.yaml").read_bytes()


def write(root: Path, path: str, content: bytes | str = "") -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return target


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one document of every kind, all of them valid."""
    for case in (*CASES.glob("example-*"), CASES / "waivers"):
        path = (case / "expected.txt").read_text(encoding="utf-8").splitlines()[0].removeprefix("path: ")
        write(tmp_path, path, (case / "input.yaml").read_bytes())
    return tmp_path


def told(snapshot: Snapshot) -> list[str]:
    return [f"{problem.place}: {problem.rule}" for problem in snapshot.problems]


def git(root: Path, *words: str, data: bytes = b"") -> str:
    arguments = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com", *words]
    return subprocess.run(arguments, input=data, capture_output=True, check=True, timeout=30).stdout.decode().strip()


def test_a_valid_repository_is_read_without_problems(root: Path) -> None:
    snapshot = read_snapshot(WorkingTree(root))
    assert told(snapshot) == []
    assert snapshot.documents_read == 10
    assert list(snapshot.adapters) == ["support-bot"]
    assert list(snapshot.revisions) == [RevisionId("support-bot", "7")]
    assert list(snapshot.bases) == [("org--base-8b", "2026-05")]
    assert list(snapshot.environments) == ["production"]
    assert list(snapshot.pointers) == [("production", "support-bot")]
    assert list(snapshot.policies) == ["production"]
    assert list(snapshot.rules) == ["large-adapter-needs-load-test"]
    assert snapshot.roster is not None
    assert len(snapshot.roster.document.people) == 3
    assert snapshot.revocations is not None
    assert snapshot.revocations.document.revoked[0].revision == "4"
    assert snapshot.waivers is not None


def test_a_document_knows_the_place_of_each_of_its_values(root: Path) -> None:
    pointer = read_snapshot(WorkingTree(root)).pointers["production", "support-bot"]
    assert pointer.place("active") == Place(POINTER, 3, 9)
    assert pointer.key_place("active") == Place(POINTER, 3, 1)
    assert pointer.place("canary", "weight") == Place(POINTER, 4, 33)
    assert pointer.place() == Place(POINTER, 1, 1)
    assert pointer.place("canary", "nothing") == pointer.place("canary")


def test_an_empty_tree_is_an_empty_snapshot(tmp_path: Path) -> None:
    snapshot = read_snapshot(WorkingTree(tmp_path))
    assert snapshot.documents_read == 0
    assert snapshot.problems == ()


def test_a_flawed_document_is_left_out_and_the_others_stay(root: Path) -> None:
    write(root, POINTER, "kind: Pointer\nadapter: support-bot\nactive: 7\n")
    snapshot = read_snapshot(WorkingTree(root))
    assert told(snapshot) == [f"{POINTER}:3:9: unquoted-identifier"]
    assert snapshot.pointers == {}
    assert len(snapshot.adapters) == 1
    assert snapshot.documents_read == 10


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "docs/adapter.yml",
        "adapters/README.md",
        "adapters/support-bot/.gitkeep",
        "bases/.gitkeep",
        "adapters/support-bot/recipes/1.yml",
        "adapters/support-bot/suites/core/prompts.jsonl",
        "adapters/support-bot/evidence/7/a.json",
        "adapters/support-bot/notes/7.md",
    ],
)
def test_a_file_in_a_place_for_it_is_no_problem(root: Path, path: str) -> None:
    write(root, path, "any text: [")
    assert told(read_snapshot(WorkingTree(root))) == []


@pytest.mark.parametrize(
    "path",
    [
        "adapters/support-bot/adapter.yml",
        "adapters/support-bot/Adapter.yaml",
        "adapters/support-bot/adapter.yaml~",
        "adapters/support-bot/revisions/7.yaml.orig",
        "adapters/support-bot/revisions/.7.yaml",
        "adapters/support-bot/revisions/#7.yaml#",
        "adapters/support-bot/revisions/old/6.yaml",
        "adapters/support-bot/recipes",
        "adapters/notes.txt",
        "bases/2026-05.yaml",
        "bases/tiny/2026-05/base.yaml",
        "environments/production.yaml",
        "environments/production/pointer/support-bot.yaml",
        "environments/production/pointers/support-bot.json",
        "policies/rules/eu/rule.yaml",
        "policies/production.txt",
    ],
)
def test_a_file_that_nothing_reads_is_told_about(root: Path, path: str) -> None:
    write(root, path, MINIMAL_POINTER)
    snapshot = read_snapshot(WorkingTree(root))
    problems = [problem for problem in snapshot.problems if problem.rule == "unexpected-file"]
    assert [problem.place for problem in problems] == [Place(path)]
    assert path.split("/")[0] in problems[0].expected


def test_a_file_named_like_one_of_the_folders_is_told_about(tmp_path: Path) -> None:
    write(tmp_path, "policies", "x")
    assert told(read_snapshot(WorkingTree(tmp_path))) == ["policies: unexpected-file"]


@pytest.mark.parametrize(
    "path",
    [
        "adapters/Support-Bot/adapter.yaml",
        "adapters/support_bot/adapter.yaml",
        "adapters/-bot/recipes/x",
        "adapters/a b/adapter.yaml",
        "adapters/..bot/adapter.yaml",
        "adapters/café/adapter.yaml",
        "adapters/bot/revisions/1..2.yaml",
        "adapters/bot/revisions/V1.yaml",
        "adapters/" + "a" * 64 + "/adapter.yaml",
        "environments/prod uction/environment.yaml",
        "environments/dev/pointers/Bot.yaml",
        "policies/Production.yaml",
        "policies/rules/a_b.yaml",
        "adapters/bot/notes/a\\b.md",
        "adapters/bot/notes/a\nb.md",
        "adapters/bot/notes/a\u202eb.md",
    ],
)
def test_a_path_that_could_be_read_differently_is_told_about(tmp_path: Path, path: str) -> None:
    write(tmp_path, path, MINIMAL_POINTER)
    snapshot = read_snapshot(WorkingTree(tmp_path))
    (problem,) = snapshot.problems
    assert problem.rule == "unsafe-name"
    assert str(problem.place).isprintable()
    assert problem.found.isprintable()


def test_a_path_that_is_not_utf8_is_told_about_in_printable_text(tmp_path: Path) -> None:
    folder = write(tmp_path, "adapters/bot/notes/x").parent
    with open(os.fsencode(folder) + b"/caf\xe9.md", "wb") as file:  # noqa: PTH123  pathlib cannot name it
        file.write(b"x")
    (problem,) = read_snapshot(WorkingTree(tmp_path)).problems
    assert problem.rule == "unsafe-name"
    assert problem.place.path.isprintable()
    assert problem.place.path.encode("utf-8")


def test_a_link_is_told_about_and_never_read(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write(outside, "secret.yaml", "kind: Pointer\nadapter: linked\nactive: '1'\n")
    (root / "environments/production/pointers/linked.yaml").symlink_to(outside / "secret.yaml")
    (root / "environments/dev").symlink_to(root / "environments/production")
    (root / "adapters/dangling").symlink_to("nowhere")
    (root / "docs").symlink_to(outside)
    snapshot = read_snapshot(WorkingTree(root))
    assert told(snapshot) == [
        "adapters/dangling: symlink-in-tree",
        "environments/dev: symlink-in-tree",
        "environments/production/pointers/linked.yaml: symlink-in-tree",
    ]
    assert list(snapshot.pointers) == [("production", "support-bot")]


def test_a_linked_folder_at_the_root_is_told_about(root: Path) -> None:
    (root / "policies").rename(root / "elsewhere")
    (root / "policies").symlink_to("elsewhere")
    assert told(read_snapshot(WorkingTree(root))) == ["policies: symlink-in-tree"]


@pytest.mark.parametrize(
    ("one", "other", "told_at"),
    [
        ("adapters/bot/notes/a.md", "adapters/bot/notes/A.md", "adapters/bot/notes/a.md"),
        ("adapters/bot/notes/a.md", "adapters/Bot/notes/b.md", "adapters/bot/notes/a.md"),
        ("adapters/bot/notes/caf\u00e9.md", "adapters/bot/notes/cafe\u0301.md", "adapters/bot/notes/caf\u00e9.md"),
        ("adapters/bot/notes/stra\u00dfe", "adapters/bot/notes/strasse", "adapters/bot/notes/stra\u00dfe"),
        ("policies/README.md", "Policies/README.md", "policies/README.md"),
    ],
)
def test_two_names_that_differ_by_case_only_are_told_about(tmp_path: Path, one: str, other: str, told_at: str) -> None:
    for path in (one, other):
        write(tmp_path, path, "x")
    snapshot = read_snapshot(WorkingTree(tmp_path))
    assert [problem.place.path for problem in snapshot.problems if problem.rule == "case-collision"] == [told_at]


def test_a_collision_of_two_folders_is_told_once(tmp_path: Path) -> None:
    for name in ("Bot", "bot"):
        for file in ("a.md", "b.md", "c.md"):
            write(tmp_path, f"adapters/{name}/notes/{file}")
    rules = [problem.rule for problem in read_snapshot(WorkingTree(tmp_path)).problems]
    assert rules.count("case-collision") == 1


def test_a_file_over_the_limit_is_told_about(root: Path) -> None:
    write(root, POINTER, MINIMAL_POINTER + b"#" * MAX_DOCUMENT_BYTES)
    assert told(read_snapshot(WorkingTree(root))) == [f"{POINTER}: document-too-large"]


def test_a_pipe_in_the_place_of_a_document_does_not_block(root: Path) -> None:
    (root / POINTER).unlink()
    os.mkfifo(root / POINTER)
    assert told(read_snapshot(WorkingTree(root))) == [f"{POINTER}: unreadable-file"]


class TreeWithAVanishingFile:
    """A working tree from which one file goes away between listing and reading."""

    def __init__(self, root: Path, path: str) -> None:
        self._tree = WorkingTree(root)
        self._path = path

    @property
    def label(self) -> str:
        return self._tree.label

    def entries(self) -> dict[str, Entry]:
        found = self._tree.entries()
        (self._tree.root / self._path).unlink()
        return found

    def read(self, path: str, *, limit: int) -> bytes:
        return self._tree.read(path, limit=limit)

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        self._tree.prefetch(paths, limit=limit)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        with self._tree.open(path) as stream:
            yield stream


def test_a_file_that_goes_away_while_reading_is_told_about(root: Path) -> None:
    assert told(read_snapshot(TreeWithAVanishingFile(root, POINTER))) == [f"{POINTER}: unreadable-file"]


class CountingTree(TreeWithAVanishingFile):
    """A working tree that remembers what was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "")
        self.reads: list[str] = []

    def entries(self) -> dict[str, Entry]:
        return self._tree.entries()

    def read(self, path: str, *, limit: int) -> bytes:
        self.reads.append(path)
        return super().read(path, limit=limit)


def test_with_a_cache_only_changed_documents_are_read_again(root: Path) -> None:
    cache, tree = DocumentCache(), CountingTree(root)
    first = read_snapshot(tree, cache)
    assert len(tree.reads) == 10
    assert read_snapshot(tree, cache) == first
    assert len(tree.reads) == 10
    write(root, POINTER, MINIMAL_POINTER.replace(b"7", b"12345"))
    changed = read_snapshot(tree, cache)
    assert tree.reads[10:] == [POINTER]
    assert changed.pointers["production", "support-bot"].document.active == "12345"


def test_a_cache_keeps_problems_too(root: Path) -> None:
    write(root, POINTER, "kind: Pointer\nactive: 7\n")
    cache, tree = DocumentCache(), CountingTree(root)
    first = read_snapshot(tree, cache)
    assert first.problems
    assert read_snapshot(tree, cache).problems == first.problems
    assert len(tree.reads) == 10


def test_one_cache_serves_different_trees_without_mixing_them(tmp_path: Path) -> None:
    cache = DocumentCache()
    for number in ("1", "2"):
        write(tmp_path / number, POINTER, MINIMAL_POINTER.replace(b"7", number.encode()))
    for number in ("1", "2", "1"):
        snapshot = read_snapshot(WorkingTree(tmp_path / number), cache)
        assert snapshot.pointers["production", "support-bot"].document.active == number


def test_a_cache_forgets_the_oldest_readings_first(root: Path) -> None:
    tree = CountingTree(root)
    cache = DocumentCache(capacity=3)
    for _ in range(2):
        read_snapshot(tree, cache)
    assert len(tree.reads) == 20
    entries = tree.entries()
    assert cache.get(entries[tree.reads[-1]])
    assert not cache.get(entries[tree.reads[0]])


def test_the_same_bytes_at_another_path_are_judged_by_that_path(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, POINTER, MINIMAL_POINTER)
    write(tmp_path, "environments/dev/pointers/sql-helper.yaml", MINIMAL_POINTER)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "x")
    repository = GitRepository(tmp_path)
    with repository.commit_tree(repository.head()) as tree:
        snapshot = read_snapshot(tree, DocumentCache())
    assert told(snapshot) == ["environments/dev/pointers/sql-helper.yaml:2:10: name-mismatch"]


def test_a_commit_is_read_like_the_directory_it_was_made_from(root: Path) -> None:
    (root / "adapters/link").symlink_to("support-bot")
    write(root, POINTER, "kind: Pointer\nadapter: support-bot\nactive: no\n")
    write(root, "bases/tiny/x.yml", "x")
    write(root, "policies/big.yaml", b"#" * (MAX_DOCUMENT_BYTES + 1))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    repository = GitRepository(root)
    with repository.commit_tree(repository.head()) as tree:
        committed = read_snapshot(tree)
    (root / ".git").rename(root.parent / "git")
    working = read_snapshot(WorkingTree(root))
    assert committed.problems == working.problems
    assert [problem.rule for problem in working.problems] == [
        "symlink-in-tree",
        "unexpected-file",
        "ambiguous-scalar",
        "document-too-large",
    ]
    assert {name: located.document for name, located in committed.adapters.items()} == {
        name: located.document for name, located in working.adapters.items()
    }


def test_a_submodule_is_told_about_only_below_our_folders(root: Path) -> None:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    head = git(root, "rev-parse", "HEAD")
    for path in ("adapters/module", "vendor/module"):
        git(root, "update-index", "--add", "--cacheinfo", f"160000,{head},{path}")
    git(root, "commit", "-q", "-m", "y")
    repository = GitRepository(root)
    with repository.commit_tree(repository.head()) as tree:
        assert told(read_snapshot(tree)) == ["adapters/module: submodule-in-tree"]


def test_a_path_that_leaves_the_tree_is_not_opened(root: Path) -> None:
    tree = WorkingTree(root)
    for path in ("../x", "/etc/hostname", "adapters/../../x", "adapters//x", ""):
        with pytest.raises(ArtifactMissing):
            tree.read(path, limit=10)
