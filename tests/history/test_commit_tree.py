"""The files of a commit: every path as it is, every read bounded, every failure an error."""

from __future__ import annotations

import hashlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from interlock.documents.tree import REGULAR, SUBMODULE, SYMLINK, WorkingTree
from interlock.errors import ArtifactMissing, ArtifactUnreachable, DocumentError, HistoryError
from interlock.history.listing import UNKNOWN_SIZE
from interlock.history.repository import GitRepository
from support.git_remotes import Published
from support.repositories import Repository


@pytest.fixture
def work(published: Published) -> Repository:
    """A git work tree with one empty commit."""
    return published.work


def repository(work: Repository) -> GitRepository:
    return GitRepository(work.root)


def commit_tree_of(work: Repository, entries: list[tuple[str, bytes, str]]) -> str:
    """A commit with exactly these tree entries (mode, name, object id), however unusual they are."""
    raw = work.root.parent / "raw-tree"
    raw.write_bytes(b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries))
    tree = work.git("hash-object", "-t", "tree", "-w", "--literally", str(raw))
    return work.git("commit-tree", tree, "-p", "HEAD", "-m", "made by hand")


def blob(work: Repository, content: bytes) -> str:
    file = work.root.parent / "raw-blob"
    file.write_bytes(content)
    return work.git("hash-object", "-w", str(file))


def test_a_file_is_listed_with_its_blob_as_identity_and_read_back(work: Repository) -> None:
    work.write("adapters/bot/adapter.yaml", "a: 1\n")
    with repository(work).commit_tree(work.commit("a file")) as tree:
        (entry,) = tree.entries().values()
        assert (entry.path, entry.kind, entry.size) == ("adapters/bot/adapter.yaml", REGULAR, UNKNOWN_SIZE)
        assert entry.identity == hashlib.sha1(b"blob 5\0a: 1\n").hexdigest()
        assert tree.read(entry.path, limit=5) == b"a: 1\n"
        with tree.open(entry.path) as stream:
            assert stream.read() == b"a: 1\n"
        assert tree.label == work.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    "path",
    ["a b.yaml", "new\nline.yaml", "tab\t.yaml", 'quote".yaml', "back\\slash.yaml", "ünïcødé.yaml", "\x01.yaml",
     "-dash.yaml", ":(glob)star*.yaml", "HEAD", "日本/語.yaml", " lead", "trail ", "\u202e.yaml"],
)  # fmt: skip
def test_any_path_is_listed_and_read_as_it_is(work: Repository, path: str) -> None:
    work.write(path, "content\n")
    with repository(work).commit_tree(work.commit("odd")) as tree:
        assert list(tree.entries()) == [path]
        assert tree.read(path, limit=100) == b"content\n"
        with tree.open(path) as stream:
            assert stream.read() == b"content\n"


def test_paths_that_are_not_utf8_stay_apart_and_are_named_as_in_a_working_tree(work: Repository) -> None:
    (work.root / os.fsdecode(b"\xff.yaml")).write_bytes(b"one\n")
    work.write("\\xff.yaml", "two\n")
    with repository(work).commit_tree(work.commit("odd")) as tree:
        assert set(tree.entries()) == set(WorkingTree(work.root).entries())
        assert tree.read("\udcff.yaml", limit=9) == b"one\n"
        assert tree.read("\\xff.yaml", limit=9) == b"two\n"


def test_links_and_submodules_are_listed_as_what_they_are_and_never_read(work: Repository) -> None:
    target = blob(work, b"/etc/passwd")
    commit = commit_tree_of(work, [("120000", b"link", target), ("160000", b"sub", work.git("rev-parse", "HEAD"))])
    with repository(work).commit_tree(commit) as tree:
        assert {path: entry.kind for path, entry in tree.entries().items()} == {"link": SYMLINK, "sub": SUBMODULE}
        for path in ("link", "sub"):
            with pytest.raises(ArtifactMissing, match=f"{path} is a "):
                tree.read(path, limit=100)
            with pytest.raises(ArtifactMissing), tree.open(path):
                pass


@pytest.mark.parametrize("mode", ["100644", "100755", "100664", "100600"])
def test_every_mode_that_git_checks_out_as_a_file_is_a_file(work: Repository, mode: str) -> None:
    commit = commit_tree_of(work, [(mode, b"a.yaml", blob(work, b"a: 1\n"))])
    with repository(work).commit_tree(commit) as tree:
        assert tree.entries()["a.yaml"].kind == REGULAR
        assert tree.read("a.yaml", limit=9) == b"a: 1\n"


def test_a_path_that_is_not_there_is_missing(work: Repository) -> None:
    work.write("folder/a.yaml", "a: 1\n")
    with repository(work).commit_tree(work.commit("a file")) as tree:
        for path in ("b.yaml", "folder", "folder/", "../work/folder/a.yaml", ""):
            with pytest.raises(ArtifactMissing, match="is not there"):
                tree.read(path, limit=100)


def test_a_file_over_its_limit_is_refused_and_the_next_one_is_read(work: Repository) -> None:
    work.write("large.yaml", "x" * 1_000_001)
    work.write("small.yaml", "a: 1\n")
    with repository(work).commit_tree(work.commit("two files")) as tree:
        with pytest.raises(DocumentError, match=r"large\.yaml has 1000001 bytes") as error:
            tree.read("large.yaml", limit=1_000_000)
        assert "at most 1000000 bytes" in error.value.expected
        assert tree.read("small.yaml", limit=100) == b"a: 1\n"
        assert len(tree.read("large.yaml", limit=1_000_001)) == 1_000_001


@pytest.mark.parametrize("content", [b"", b"\n", b"\0", b"\n\n\0\n", bytes(range(256)) * 3000, b"no newline"])
def test_any_bytes_come_back_as_they_are(work: Repository, content: bytes) -> None:
    work.write("file", content)
    with repository(work).commit_tree(work.commit("bytes")) as tree:
        assert tree.read("file", limit=1 << 20) == content
        with tree.open("file") as stream:
            assert stream.read() == content


def test_a_stream_can_be_left_before_its_end(work: Repository) -> None:
    work.write("large", os.urandom(3_000_000))
    with repository(work).commit_tree(work.commit("large")) as tree:
        with tree.open("large") as stream:
            assert len(stream.read(8)) == 8
        assert children() == []


def test_reading_line_endings_and_filters_never_changes_bytes(work: Repository) -> None:
    work.write(".gitattributes", "* text eol=crlf ident\n")
    work.write("a.yaml", "a: $Id$\n")
    commit = work.commit("attributes")
    with repository(work).commit_tree(commit) as tree:
        assert tree.read("a.yaml", limit=100) == b"a: $Id$\n"


def test_reads_from_many_threads_do_not_mix(work: Repository) -> None:
    for number in range(60):
        work.write(f"{number}.yaml", f"{number}\n" * (number + 1))
    with repository(work).commit_tree(work.commit("many")) as tree, ThreadPoolExecutor(8) as pool:
        paths = [f"{number}.yaml" for number in range(60)] * 5
        contents = pool.map(lambda path: tree.read(path, limit=10_000), paths)
        for path, content in zip(paths, contents, strict=True):
            number = int(path.removesuffix(".yaml"))
            assert content == f"{number}\n".encode() * (number + 1)


def test_two_streams_are_open_at_once(work: Repository) -> None:
    work.write("a", b"a" * 300_000)
    work.write("b", b"b" * 300_000)
    with repository(work).commit_tree(work.commit("two")) as tree, tree.open("a") as a, tree.open("b") as b:
        assert (a.read(1), b.read(1)) == (b"a", b"b")
        assert set(a.read()) == {ord("a")}
        assert set(b.read()) == {ord("b")}


def test_a_killed_git_process_is_an_error_once_and_then_replaced(work: Repository) -> None:
    work.write("a.yaml", "a: 1\n")
    with repository(work).commit_tree(work.commit("a file")) as tree:
        assert tree.read("a.yaml", limit=9) == b"a: 1\n"
        (git,) = children()
        git.send_signal(signal.SIGKILL)
        git.wait(5)
        with pytest.raises(HistoryError, match=r"git ended while it read a\.yaml"):
            tree.read("a.yaml", limit=9)
        assert tree.read("a.yaml", limit=9) == b"a: 1\n"


def test_a_git_that_dies_while_it_streams_is_an_error_and_no_short_file(work: Repository) -> None:
    work.write("large", os.urandom(3_000_000))
    with repository(work).commit_tree(work.commit("large")) as tree, tree.open("large") as stream:
        stream.read(8)
        (git,) = children()
        git.send_signal(signal.SIGKILL)
        with pytest.raises(ArtifactUnreachable, match="cannot be read from git: git ended with status -9"):
            stream.read()


def test_an_object_that_is_damaged_on_disk_is_an_error(work: Repository) -> None:
    work.write("a.yaml", "a: 1\n")
    commit = work.commit("a file")
    name = work.git("rev-parse", f"{commit}:a.yaml")
    loose = work.root / ".git" / "objects" / name[:2] / name[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"")
    with repository(work).commit_tree(commit) as tree, pytest.raises(HistoryError, match=r"a\.yaml"):
        tree.read("a.yaml", limit=9)


def test_closing_ends_the_git_process_and_reading_again_starts_one(work: Repository) -> None:
    work.write("a.yaml", "a: 1\n")
    tree = repository(work).commit_tree(work.commit("a file"))
    tree.read("a.yaml", limit=9)
    tree.close()
    assert children() == []
    assert tree.read("a.yaml", limit=9) == b"a: 1\n"
    tree.close()
    assert children() == []


def test_a_commit_that_is_not_there_is_an_error(work: Repository) -> None:
    with repository(work).commit_tree("0" * 39 + "1") as tree, pytest.raises(HistoryError, match="git ls-tree failed"):
        tree.entries()


def test_a_name_that_is_not_a_full_commit_id_is_refused(work: Repository) -> None:
    for name in ("main", "HEAD", "--help", "0123456"):
        with pytest.raises(ValueError, match="is not a valid commit"):
            repository(work).commit_tree(name)


def test_replace_refs_do_not_change_what_is_read(work: Repository) -> None:
    work.write("a.yaml", "honest\n")
    commit = work.commit("honest")
    honest = work.git("rev-parse", "HEAD:a.yaml")
    work.git("replace", honest, blob(work, b"forged\n"))
    work.write("a.yaml", "other tree\n")
    work.git("replace", commit, work.commit("forged"))
    assert work.git("show", f"{commit}:a.yaml") != "honest", "the forgery works on a plain git"
    with repository(work).commit_tree(commit) as tree:
        assert tree.read("a.yaml", limit=99) == b"honest\n"


def children() -> list[psutil.Process]:
    """Processes that this test process started and that still run."""
    return [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]


def test_a_path_in_another_directory_is_never_read_from_disk(work: Repository, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("secret\n", encoding="ascii")
    work.write("a.yaml", "a: 1\n")
    with repository(work).commit_tree(work.commit("a file")) as tree, pytest.raises(ArtifactMissing):
        tree.read(str(tmp_path / "secret.yaml"), limit=99)
