"""The mirror: what is accepted is never rewound, and whatever a remote does is named."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import pytest

from interlock.errors import HistoryError, HistoryRewritten, RemoteUnreachable
from interlock.history.mirror import Mirror
from support.git_remotes import MAIN, MirrorOf, Published
from support.repositories import Repository


def read(mirror: Mirror, commit: str, path: str) -> bytes:
    with mirror.repository.commit_tree(commit) as tree:
        return tree.read(path, limit=1 << 20)


def test_the_first_fetch_takes_the_branch_as_it_is(published: Published, mirror: Mirror) -> None:
    commit = published.commit({"a.yaml": "a: 1\n"})
    assert mirror.remote_tips().head == commit
    assert mirror.fetch(None) == commit
    assert read(mirror, commit, "a.yaml") == b"a: 1\n"


def test_a_branch_that_grew_is_followed_over_many_commits(published: Published, mirror: Mirror) -> None:
    accepted = mirror.fetch(None)
    commits = [published.commit({"a.yaml": f"a: {number}\n"}) for number in range(3)]
    assert mirror.fetch(accepted) == commits[-1]


def test_a_branch_that_did_not_move_is_no_error(mirror: Mirror) -> None:
    accepted = mirror.fetch(None)
    assert mirror.fetch(accepted) == accepted


def test_a_merge_is_followed_like_any_other_commit(published: Published, mirror: Mirror) -> None:
    accepted = mirror.fetch(None)
    published.work.git("checkout", "--quiet", "-b", "topic")
    published.work.write("a.yaml", "a: 1\n")
    published.work.commit("on a branch")
    published.work.git("checkout", "--quiet", "main")
    published.work.git("merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    published.push()
    assert mirror.fetch(accepted) == published.work.git("rev-parse", "HEAD")


def test_a_force_push_is_refused_and_the_accepted_commit_stays(published: Published, mirror: Mirror) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    mirror.fetch(None)
    rewritten = published.amend({"a.yaml": "a: 2\n"})
    assert mirror.remote_tips().head == rewritten
    with pytest.raises(HistoryRewritten, match=f"no longer contains {accepted[:12]}") as refusal:
        mirror.fetch(accepted)
    assert f"git push --force-with-lease origin {accepted[:12]}:main" in refusal.value.remedy
    assert read(mirror, accepted, "a.yaml") == b"a: 1\n"


def test_a_branch_that_was_cut_back_is_refused(published: Published, mirror: Mirror) -> None:
    published.commit({"a.yaml": "a: 1\n"})
    accepted = published.commit({"a.yaml": "a: 2\n"})
    mirror.fetch(None)
    published.push("--force", what="HEAD^")
    with pytest.raises(HistoryRewritten):
        mirror.fetch(accepted)


def test_a_branch_replaced_by_an_unrelated_history_is_refused(published: Published, mirror: Mirror) -> None:
    accepted = mirror.fetch(None)
    published.work.git("checkout", "--quiet", "--orphan", "other")
    published.work.write("a.yaml", "a: 1\n")
    published.work.commit("unrelated")
    published.push("--force")
    with pytest.raises(HistoryRewritten):
        mirror.fetch(accepted)


def test_restoring_the_branch_after_a_refused_force_push_works(published: Published, mirror: Mirror) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    mirror.fetch(None)
    published.amend({"a.yaml": "a: 2\n"})
    with pytest.raises(HistoryRewritten):
        mirror.fetch(accepted)
    published.go_back_to(accepted)
    published.push("--force")
    assert mirror.fetch(accepted) == accepted


def test_going_on_from_the_accepted_commit_after_a_refused_force_push_works(
    published: Published, mirror: Mirror
) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    mirror.fetch(None)
    published.amend({"a.yaml": "a: 2\n"})
    with pytest.raises(HistoryRewritten):
        mirror.fetch(accepted)
    published.go_back_to(accepted)
    published.work.write("a.yaml", "a: 3\n")
    repaired = published.work.commit("go on")
    published.push("--force")
    assert mirror.fetch(accepted) == repaired


def test_a_commit_that_was_fetched_and_never_accepted_does_not_block_a_fix(
    published: Published, mirror: Mirror
) -> None:
    accepted = mirror.fetch(None)
    published.commit({"a.yaml": "bad\n"})
    mirror.fetch(accepted)
    fix = published.amend({"a.yaml": "a: good\n"})
    assert mirror.fetch(accepted) == fix


def test_a_refused_rewrite_is_downloaded_once(published: Published, mirror: Mirror) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    mirror.fetch(None)
    published.amend({f"{number}.yaml": f"a: {number}\n" * 99 for number in range(20)})
    objects = mirror.repository.root / "objects"

    def refused() -> set[str]:
        with pytest.raises(HistoryRewritten):
            mirror.fetch(accepted)
        return {path.name for path in objects.rglob("*") if path.is_file()}

    assert refused() == refused()


def test_a_mirror_that_was_removed_is_made_again_and_still_insists_on_the_accepted_commit(
    published: Published, mirror_of: MirrorOf
) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    first = mirror_of(published.url)
    first.fetch(None)
    shutil.rmtree(first.repository.root)
    assert mirror_of(published.url).fetch(accepted) == accepted
    shutil.rmtree(first.repository.root)
    published.amend({"a.yaml": "a: 2\n"})
    with pytest.raises(HistoryRewritten):
        mirror_of(published.url).fetch(accepted)


def test_a_new_mirror_insists_on_the_accepted_commit_even_if_the_remote_has_forgotten_it(
    published: Published, mirror_of: MirrorOf
) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    first = mirror_of(published.url)
    first.fetch(None)
    shutil.rmtree(first.repository.root)
    published.amend({"a.yaml": "a: 2\n"})
    Repository(published.remote).git("reflog", "expire", "--expire=now", "--all")
    Repository(published.remote).git("gc", "--quiet", "--prune=now")
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            mirror_of(published.url).fetch(accepted)


def test_another_repository_at_a_new_address_is_refused(
    published: Published, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    accepted = mirror_of(published.url).fetch(None)
    other = tmp_path / "other.git"
    other.mkdir()
    Repository(other).git("init", "--quiet", "--bare", "--initial-branch", "main")
    published.work.git("commit", "--quiet", "--allow-empty", "--amend", "--message", "another beginning")
    published.work.git("push", "--quiet", str(other), "HEAD:main")
    with pytest.raises(HistoryRewritten):
        mirror_of(f"file://{other}").fetch(accepted)


def test_locks_that_a_killed_git_left_do_not_stop_the_next_agent(published: Published, mirror_of: MirrorOf) -> None:
    accepted = mirror_of(published.url).fetch(None)
    directory = mirror_of(published.url).repository.root
    for name in ("config.lock", "HEAD.lock", "packed-refs.lock", "refs/interlock/incoming.lock"):
        (directory / name).touch()
    newer = published.commit({"a.yaml": "a: 1\n"})
    assert mirror_of(published.url).fetch(accepted) == newer


def test_what_an_interrupted_fetch_left_is_removed_by_the_next_agent_and_after_a_failed_one(
    published: Published, mirror_of: MirrorOf
) -> None:
    mirror = mirror_of(published.url)
    left = mirror.repository.root / "objects" / "pack" / "tmp_pack_a1b2c3"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    mirror_of(published.url)
    assert not left.exists()
    left.touch()
    published.remote.rename(published.remote.with_name("gone.git"))
    with pytest.raises(RemoteUnreachable):
        mirror.fetch(None)
    assert not left.exists()


def test_a_mirror_whose_making_was_interrupted_is_completed(
    published: Published, tmp_path: Path, mirror_of: MirrorOf
) -> None:
    half = tmp_path / "state" / "mirror"
    half.mkdir(parents=True)
    (half / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    (half / "config").write_text("", encoding="ascii")
    mirror = mirror_of(published.url)
    assert mirror.fetch(None) == mirror.remote_tips().head


def test_a_missing_branch_is_said_to_be_missing(published: Published, mirror_of: MirrorOf) -> None:
    mirror = mirror_of(published.url, branch="production")
    with pytest.raises(HistoryError, match="has no branch production") as error:
        mirror.remote_tips()
    assert not isinstance(error.value, RemoteUnreachable)
    assert "correct `branch`" in error.value.remedy


def test_a_ref_that_only_ends_like_the_branch_is_not_the_branch(published: Published, mirror_of: MirrorOf) -> None:
    published.push(to="refs/odd/refs/heads/release")
    with pytest.raises(HistoryError, match="has no branch release"):
        mirror_of(published.url, branch="release").remote_tips()


def test_an_address_where_nothing_is_raises_remote_unreachable(mirror_of: MirrorOf, tmp_path: Path) -> None:
    mirror = mirror_of(f"file://{tmp_path}/nothing.git")
    with pytest.raises(RemoteUnreachable, match="did not answer") as error:
        mirror.remote_tips()
    assert "does not appear to be a git repository" in error.value.found
    with pytest.raises(RemoteUnreachable):
        mirror.fetch(None)


def test_a_remote_that_vanishes_while_we_poll_keeps_what_was_accepted(published: Published, mirror: Mirror) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    mirror.fetch(None)
    published.remote.rename(published.remote.with_name("elsewhere.git"))
    with pytest.raises(RemoteUnreachable):
        mirror.remote_tips()
    with pytest.raises(RemoteUnreachable):
        mirror.fetch(accepted)
    assert read(mirror, accepted, "a.yaml") == b"a: 1\n"


def test_a_remote_that_never_answers_raises_within_the_deadline(mirror_of: MirrorOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mirror = mirror_of(f"http://127.0.0.1:{listener.getsockname()[1]}/repository.git", timeout=0.4)
        begin = time.monotonic()
        with pytest.raises(RemoteUnreachable, match=r"git ls-remote did not finish within 0\.4 seconds"):
            mirror.remote_tips()
        with pytest.raises(RemoteUnreachable, match="git fetch did not finish"):
            mirror.fetch(None)
        assert time.monotonic() - begin < 15


def test_a_closed_port_raises_remote_unreachable(mirror_of: MirrorOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RemoteUnreachable, match="did not answer: fatal: unable to access"):
        mirror_of(f"http://127.0.0.1:{port}/repository.git").remote_tips()


def test_a_commit_with_a_dangerous_tree_is_refused_and_what_was_accepted_stays(
    published: Published, mirror: Mirror
) -> None:
    accepted = mirror.fetch(None)
    dangerous = _commit_with_entry_twice(published.work)
    published.push(what=dangerous)
    with pytest.raises(HistoryError, match="sent objects that git refuses") as error:
        mirror.fetch(accepted)
    assert "duplicate" in error.value.found
    assert not isinstance(error.value, RemoteUnreachable)


def _commit_with_entry_twice(work: Repository) -> str:
    blob = work.git("hash-object", "-w", "--stdin")
    entry = b"100644 a.yaml\0" + bytes.fromhex(blob)
    raw = work.root / "tree"
    raw.write_bytes(entry + entry)
    tree = work.git("hash-object", "-t", "tree", "-w", "--literally", str(raw))
    return work.git("commit-tree", tree, "-p", "HEAD", "-m", "two files of one name")


def test_hooks_in_the_mirror_do_not_run(published: Published, mirror: Mirror) -> None:
    hooks = mirror.repository.root / "hooks"
    hooks.mkdir()
    trace = mirror.repository.root / "a-hook-ran"
    for name in ("reference-transaction", "post-checkout", "post-index-change", "pre-auto-gc"):
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\ntouch {trace}\n", encoding="ascii")
        hook.chmod(0o755)
    published.commit({"a.yaml": "a: 1\n"})
    mirror.fetch(None)
    assert not trace.exists()


def test_settings_of_the_caller_do_not_redirect_the_mirror(
    published: Published, mirror_of: MirrorOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = published.commit({"a.yaml": "a: 1\n"})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(elsewhere))
    monkeypatch.setenv("GIT_NAMESPACE", "other")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{elsewhere}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", published.url)
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'url.file://{elsewhere}.insteadOf={published.url}'")
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    mirror = mirror_of(published.url)
    assert mirror.fetch(None) == commit
    assert read(mirror, commit, "a.yaml") == b"a: 1\n"
    assert list(elsewhere.iterdir()) == []


def test_the_global_configuration_of_the_user_does_not_redirect_the_mirror(
    published: Published, mirror_of: MirrorOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[url "file:///nowhere"]\n\tinsteadOf = {published.url}\n', encoding="ascii")
    monkeypatch.setenv("HOME", str(home))
    assert mirror_of(published.url).remote_tips().head == published.work.git("rev-parse", "HEAD")


def test_a_transport_that_is_not_listed_is_never_spoken(published: Published, mirror: Mirror, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    mirror.repository.git.run("config", "remote.origin.url", f"ext::sh -c touch% {trace}")
    with pytest.raises(RemoteUnreachable, match="transport 'ext' not allowed"):
        mirror.remote_tips()
    assert not trace.exists()


def test_only_the_branch_is_fetched(published: Published, mirror: Mirror) -> None:
    published.push(to="refs/heads/other")
    published.work.git("tag", "v1")
    published.push(what="v1", to="refs/tags/v1")
    mirror.fetch(None)
    refs = mirror.repository.git.run("for-each-ref", "--format=%(refname)").decode().split()
    assert refs == ["refs/interlock/incoming", "refs/interlock/seen"]
    assert MAIN not in refs
