"""Desired state from a directory that somebody else keeps current: swapped, half written, hostile, or gone."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interlock.documents.identifiers import ServedName
from interlock.documents.kinds.node import NodeTrust
from interlock.errors import HistoryError, HistoryRewritten, InterlockError, RemoteUnreachable
from interlock.history.directory_listing import MAX_FILE_BYTES
from interlock.history.directory_mirror import QUIET, DirectoryMirror
from interlock.history.mirror import Mirror, Remote
from interlock.sync.commit_judge import CommitJudge
from interlock.sync.directory_source import DirectorySource
from interlock.sync.source import DesiredSource
from support.repositories import Repository, environment, git_repository, pointer
from support.swapped_directory import SwappedDirectory
from support.trusted_node import trusting


class Node:
    """A node that follows a directory; both clocks are the test's own."""

    def __init__(self, directory: Path, state: Path, env: str = "dev", trust: NodeTrust | None = None) -> None:
        self.directory, self.state, self.env, self.trust = directory, state, env, trust
        self.now, self.wall = 1000.0, time.time()
        self.start()

    def start(self) -> None:
        """Another agent on the same state."""
        self.mirror = DirectoryMirror(
            self.state / "directory", self.directory, clock=lambda: self.now, wall=lambda: self.wall
        )
        judge = CommitJudge(self.mirror, self.env, self.trust)
        self.source = DirectorySource(DesiredSource(judge, self.state), judge.repository, self.directory)

    def poll(self) -> bool:
        return self.source.poll(self.now)

    @property
    def serves(self) -> str:
        """The active revision of support-bot."""
        return self.names("active")[0]

    def names(self, what: str = "kept") -> list[str]:
        desired = self.source.desired()
        assert desired
        (bot,) = (alias for alias in desired.aliases if alias.name == "support-bot")
        targets = [bot.active] if what == "active" else bot.kept
        return [ServedName.parse(target.served).revision for target in targets]


@pytest.fixture
def synced(tmp_path: Path) -> SwappedDirectory:
    """support-bot 3 in `dev`."""
    work = git_repository(tmp_path / "work")
    work.write("tools/run.sh", "#!/bin/sh\n")
    (work.root / "tools/run.sh").chmod(0o755)
    return SwappedDirectory(tmp_path / "sync", work)


@pytest.fixture
def node(tmp_path: Path, synced: SwappedDirectory) -> Node:
    """A node that has not looked yet."""
    synced.publish()
    return Node(synced.link, tmp_path / "state")


def promote(synced: SwappedDirectory, revision: str) -> str:
    synced.work.point("dev", "support-bot", active=revision)
    return synced.publish()


def test_a_directory_is_known_by_the_tree_of_the_commit_that_it_was_made_from(
    node: Node, synced: SwappedDirectory
) -> None:
    assert node.poll()
    desired = node.source.desired()
    assert desired
    assert node.source.accepted == node.source.attempted == desired.commit
    assert desired.commit == synced.work.git("rev-parse", "HEAD^{tree}")
    assert not node.poll()
    assert node.source.desired() is desired


def test_earlier_active_revisions_are_known_from_what_this_node_saw_across_restarts(
    node: Node, synced: SwappedDirectory
) -> None:
    node.poll()
    tree = promote(synced, "2")
    node.start()
    assert node.poll()
    assert (node.source.accepted, node.serves, node.names()) == (tree, "2", ["3"])
    promote(synced, "3")
    node.poll()
    assert (node.serves, node.names()) == ("3", ["2"])


def test_the_checker_judges_a_directory_as_it_judges_a_commit(node: Node, synced: SwappedDirectory) -> None:
    node.poll()
    before = node.source.accepted
    tree = promote(synced, "9")
    assert node.poll()
    assert (node.source.accepted, node.source.attempted, node.serves) == (before, tree, "3")
    refused = node.source.rejected
    assert refused
    assert f"tree {tree[:12]} is refused" in refused.why
    assert pointer("dev", "support-bot") in refused.why
    assert "interlock check" in refused.remedy
    assert "revert" not in refused.remedy


def test_a_link_that_is_swapped_all_the_time_is_followed_from_one_whole_state_to_another(
    node: Node, synced: SwappedDirectory
) -> None:
    trees, stop = {synced.work.git("rev-parse", "HEAD^{tree}")}, threading.Event()

    def swap() -> None:
        number = 0
        while not stop.is_set() and number < 200:
            number += 1
            synced.work.point("dev", "support-bot", active=str(1 + number % 3))
            trees.add(synced.publish())

    swapper = threading.Thread(target=swap)
    swapper.start()
    looked = 0
    try:
        while looked < 6:
            try:
                looked += node.poll()
            except RemoteUnreachable:
                continue  # it was taken away in the middle, which a poll later is over
            assert node.source.rejected is None
    finally:
        stop.set()
        swapper.join()
    node.poll()
    assert node.source.accepted == synced.work.git("rev-parse", "HEAD^{tree}")
    known = node.mirror.repository.git.run("log", "--format=%T", "refs/interlock/directory").decode().split()
    assert set(known) <= trees


def test_a_directory_that_is_written_in_place_is_followed_when_nobody_writes_any_more(
    tmp_path: Path, synced: SwappedDirectory
) -> None:
    synced.publish()
    plain = tmp_path / "plain"
    shutil.copytree(synced.link, plain)
    node = Node(plain, tmp_path / "state")
    with pytest.raises(RemoteUnreachable, match="still being written"):
        node.poll()
    node.wall += QUIET + 1
    assert node.poll()
    (plain / pointer("dev", "support-bot")).unlink()  # as an unpacker does before it writes the new one
    node.wall = time.time()
    assert not node.poll()
    assert node.serves == "3"
    synced.work.point("dev", "support-bot", active="2")
    shutil.copy(synced.work.root / pointer("dev", "support-bot"), plain / pointer("dev", "support-bot"))
    node.now += QUIET - 1
    assert not node.poll()
    node.now += QUIET
    node.wall = 0.0  # a clock that is wrong does not matter: two looks that saw the same are enough
    assert node.poll()
    assert node.serves == "2"


@contextmanager
def socket_at(path: Path) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
            yield
    finally:
        os.chdir(here)


def test_links_and_special_files_inside_are_refused_and_what_is_served_stays(
    node: Node, synced: SwappedDirectory, tmp_path: Path
) -> None:
    node.poll()
    inside = synced.link.resolve()
    (tmp_path / "secret").write_text("not for git", encoding="ascii")
    (inside / "adapters/link.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(HistoryError, match=r"adapters/link\.yaml .* is a symbolic link") as told:
        node.poll()
    assert "take it out" in told.value.remedy
    (inside / "adapters/link.yaml").unlink()
    with socket_at(inside / "adapters/socket"), pytest.raises(HistoryError, match="is no regular file"):
        node.poll()
    (inside / "adapters/socket").unlink()
    assert not node.poll()
    assert node.serves == "3"


def test_a_huge_file_is_refused_without_reading_it(node: Node, synced: SwappedDirectory) -> None:
    node.poll()
    huge = synced.link.resolve() / "artifacts/huge.safetensors"
    with huge.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(HistoryError, match=r"huge\.safetensors .* has 4294967297 bytes") as told:
        node.poll()
    assert "artifact store" in told.value.remedy
    assert node.serves == "3"


def test_a_file_that_cannot_be_read_is_named_and_looked_at_again(synced: SwappedDirectory, tmp_path: Path) -> None:
    synced.publish()
    # In a place where another user comes to, because nothing is unreadable to root.
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place) / "plain"
        shutil.copytree(synced.link, plain)
        Path(place).chmod(0o755)
        node = Node(plain, tmp_path / "state")
        (plain / "policies/secret.yaml").touch(mode=0)
        before = os.geteuid()
        os.seteuid(65534 if before == 0 else before)
        try:
            with pytest.raises(
                RemoteUnreachable, match=r"policies/secret\.yaml .* cannot be opened: Permission denied"
            ):
                node.poll()
        finally:
            os.seteuid(before)


def test_a_directory_that_is_not_there_keeps_what_is_served(node: Node, synced: SwappedDirectory) -> None:
    node.poll()
    synced.link.unlink()
    with pytest.raises(RemoteUnreachable, match="is not there"):
        node.poll()
    synced.link.symlink_to(synced.link)
    with pytest.raises(InterlockError, match="is not there"):
        node.poll()
    synced.lead_to(synced.work.root / "README")
    with pytest.raises(InterlockError, match="is not there"):
        node.poll()
    assert node.serves == "3"


def test_a_protected_environment_is_not_served_from_a_directory_unless_the_node_says_so(
    synced: SwappedDirectory, tmp_path: Path
) -> None:
    synced.work.change(environment("dev"), "protected", to=True)
    synced.publish()
    node = Node(synced.link, tmp_path / "state")
    assert node.poll()
    refused = node.source.rejected
    assert refused
    assert refused.reason == "Unverifiable"
    assert "dev is protected, and" in refused.why
    assert "docs/directory.md" in refused.remedy
    assert node.source.accepted is None
    trusting = Node(synced.link, tmp_path / "other", trust=NodeTrust(protected="unverified"))
    assert trusting.poll()
    assert trusting.serves == "3"


def test_a_state_directory_of_another_source_is_named_with_what_to_remove(node: Node) -> None:
    (node.state / "accepted.json").write_text('{"accepted": "%s"}' % ("a" * 40), encoding="ascii")
    node.start()
    assert node.source.accepted == "a" * 40
    with pytest.raises(HistoryRewritten, match="not in its record") as told:
        node.poll()
    assert "accepted.json" in told.value.remedy


def test_the_repository_of_git_sync_itself_still_shows_who_signed_what(tmp_path: Path) -> None:
    node = trusting(tmp_path)
    own = Repository(tmp_path / "git-sync")
    own.root.mkdir()

    def sync() -> None:  # what git-sync does with --depth=0
        own.git("fetch", node.published.url, "main", "--prune", "--no-auto-gc")
        own.git("reset", "--soft", "FETCH_HEAD", "--")

    own.git("init", "--quiet", "-b", "git-sync")
    sync()
    demands = NodeTrust.model_validate({"root": {"commit": node.root}, "require": {"approval": "none"}})
    mirror = Mirror(tmp_path / "other" / "mirror", Remote(f"file://{own.root}", "git-sync"))
    source = DesiredSource(CommitJudge(mirror, "production", demands, now=lambda: node.wall), tmp_path / "other")
    source.poll(1000.0)
    signed = node.promote("alice", "2")
    sync()
    source.poll(1001.0)
    assert (source.accepted, source.rejected) == (signed, None)
    node.work.point("production", "support-bot", active="1")
    node.commit("", "by nobody")
    sync()
    source.poll(1002.0)
    assert source.accepted == signed
    assert source.rejected
    assert source.rejected.reason == "Unsigned"
