"""What a commit's signature is over is split from it exactly as git does it, for every form that a commit can have."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from interlock.errors import HistoryError
from interlock.history.commit_objects import SignedCommit, split_signature, take_apart
from interlock.history.commit_signatures import signed_commits
from interlock.history.file_versions import contents_of, objects_at
from support.signed_branch import ROSTER, SignedBranch
from support.signing_keys import ssh_keygen_accepts


@pytest.fixture
def branch(tmp_path: Path) -> SignedBranch:
    return SignedBranch.begin(tmp_path, alice=("validator",), bob=("trainer",))


def only(branch: SignedBranch, commit: str) -> SignedCommit:
    (found,) = [each for each in signed_commits(branch.reader, None, branch.head) if each.commit == commit]
    return found


def good(branch: SignedBranch, commit: str) -> bool:
    """Whether `ssh-keygen` takes what was split off for a signature over the rest; git must say the same."""
    found = only(branch, commit)
    assert found.format == "ssh"
    ours = ssh_keygen_accepts(branch.root.parent, found.payload, found.signature or "", "git")
    assert ours == branch.git_says(commit, *branch.keys)
    return ours and not found.flaw


def test_a_commit_that_git_signed_is_split_as_git_splits_it(branch: SignedBranch) -> None:
    commit = branch.commit("alice", {"a.md": "a"}, "-m", "Several\n\nparagraphs\n gpgsig not a header")
    assert good(branch, commit)
    found = only(branch, commit)
    assert found.tree == branch.git("rev-parse", f"{commit}^{{tree}}")
    assert found.parents == (branch.git("rev-parse", f"{commit}^"),)
    assert found.committer_time == int(branch.git("log", "-1", "--format=%ct"))


def test_a_merge_and_a_merge_of_a_signed_tag_are_split_as_git_splits_them(branch: SignedBranch) -> None:
    start = branch.head
    branch.git("switch", "--quiet", "--create", "work")
    branch.commit("bob", {"b.md": "b"})
    pins = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={branch.keys['bob'].public_path}"]
    branch.git(*pins, "tag", "--sign", "-m", "a signed tag", "v1")
    branch.git("switch", "--quiet", "main")
    merge = branch.merge("alice", "v1")
    assert b"\nmergetag object " in branch.raw(merge)
    assert b" -----BEGIN SSH SIGNATURE-----\n" in only(branch, merge).payload, "the tag's own signature is signed over"
    assert good(branch, merge)
    assert only(branch, merge).parents[0] == start


def test_a_commit_in_another_encoding_is_split_as_git_splits_it(branch: SignedBranch) -> None:
    branch.git("config", "i18n.commitEncoding", "ISO-8859-1")
    commit = branch.commit("alice", {"a.md": "a"}, "-m", "für alle")
    assert b"\nencoding ISO-8859-1\n" in branch.raw(commit)
    assert good(branch, commit)


@pytest.mark.parametrize(
    "added",
    [
        b"x-other header\n continued\n",
        b"gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n",
        b"gpgsigother words\n continued\n",
        b"mergetag object 1\n gpgsig x\n",
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_headers_of_any_kind_beside_the_signature_are_judged_as_git_judges_them(
    branch: SignedBranch, added: bytes, before: bool
) -> None:
    data = branch.raw(branch.commit("alice", {"a.md": "a"}))
    headers, blank, message = data.partition(b"\n\n")
    head, signature = headers.split(b"\ngpgsig ", 1)
    signature = b"gpgsig " + signature + b"\n"
    together = added + signature if before else signature + added
    commit = branch.object(head + b"\n" + together + blank[1:] + message)
    branch.git("reset", "--hard", "--quiet", commit)
    assert good(branch, commit) == added.startswith(b"gpgsig"), "what stands beside it was not signed, or is ignored"


def test_a_changed_byte_anywhere_is_bad_to_both(branch: SignedBranch) -> None:
    data = branch.raw(branch.commit("alice", {"a.md": "a"}, "-m", "one word"))
    for old, new in (
        (b"one word", b"two word"),
        (b"somebody@", b"anybody_@"),
        (b"parent ", b"parent "),
        (b"+0000", b"+0100"),
    ):
        commit = branch.object(data.replace(old, new))
        branch.git("reset", "--hard", "--quiet", commit)
        assert good(branch, commit) == (old == new)


def test_a_commit_with_two_signatures_is_flawed(branch: SignedBranch) -> None:
    data = branch.raw(branch.commit("alice", {"a.md": "a"}))
    head, message = data.split(b"\n\n", 1)
    signature = head[head.index(b"gpgsig ") :]
    commit = branch.object(head + b"\n" + signature + b"\n\n" + message)
    branch.git("reset", "--hard", "--quiet", commit)
    assert "2 signatures" in only(branch, commit).flaw
    assert branch.git_says(commit, "alice"), "git reads the first of the two"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"tree \n\n",
        b"tree " + b"0" * 40,
        b"tree " + b"0" * 40 + b"\nauthor A <a> 1 +0000\n\nmessage",
        b"parent " + b"0" * 40 + b"\ntree " + b"0" * 40 + b"\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n",
        b"tree " + b"0" * 40 + b"\nauthor A <a> 1 +0000\ncommitter A <a> x +0000\n\n",
        b"tree " + b"0" * 40 + b"\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\nparent " + b"1" * 40 + b"\n\n",
    ],
)
def test_what_does_not_begin_like_a_commit_is_flawed(data: bytes) -> None:
    assert take_apart("0" * 40, data).flaw


def test_no_byte_is_lost_or_made_up() -> None:
    data = b"tree x\ngpgsig a\n b\n c\nother d\n e\n\nmessage\ngpgsig f\n"
    assert split_signature(data) == (b"tree x\nother d\n e\n\nmessage\ngpgsig f\n", b"a\nb\nc\n", 1)


def test_an_unsigned_commit_has_no_signature(branch: SignedBranch) -> None:
    found = only(branch, branch.commit("", {"a.md": "a"}))
    assert (found.signature, found.format, found.flaw) == (None, None, "")
    assert found.payload == branch.raw(found.commit)


def test_the_range_has_all_commits_or_those_of_the_branch_alone(branch: SignedBranch) -> None:
    start = branch.head
    branch.git("switch", "--quiet", "--create", "work")
    work = branch.commit("", {"b.md": "b"})
    branch.git("switch", "--quiet", "main")
    merge = branch.merge("alice", "work")
    after = branch.commit("alice", {"c.md": "c"})
    assert [each.commit for each in signed_commits(branch.reader, start, after)] == [work, merge, after]
    alone = signed_commits(branch.reader, start, after, first_parents=True)
    assert [each.commit for each in alone] == [merge, after]


def test_a_range_without_commits_starts_no_git() -> None:
    assert list(signed_commits(SignedBranch(Path("/nowhere")).reader, "1" * 40, "1" * 40)) == []


def test_a_commit_that_is_not_here_is_an_error(branch: SignedBranch) -> None:
    with pytest.raises(HistoryError):
        list(signed_commits(branch.reader, None, "1" * 40))


def test_a_commit_whose_bytes_are_not_what_its_id_says_is_an_error(branch: SignedBranch) -> None:
    commit, other = branch.head, branch.commit("alice", {"a.md": "a"})
    objects = branch.root / ".git" / "objects"
    file = objects / other[:2] / other[2:]
    file.chmod(0o644)
    file.write_bytes((objects / commit[:2] / commit[2:]).read_bytes())
    with pytest.raises(HistoryError):
        list(signed_commits(branch.reader, None, other))


def test_a_file_is_known_in_many_commits_at_once(branch: SignedBranch) -> None:
    first = branch.head
    second = branch.commit("alice", {"a.md": "a"})
    third = branch.commit("alice", {ROSTER: None})
    ids = objects_at(branch.reader, ROSTER, [first, second, third])
    assert ids[first] == ids[second] is not None
    assert ids[third] is None
    blob = ids[first] or ""
    assert contents_of(branch.reader, [blob, blob], limit=1 << 20) == {blob: branch.roster().encode()}
    assert hashlib.sha1(b"blob %d\0" % len(branch.roster()) + branch.roster().encode()).hexdigest() == blob
    assert contents_of(branch.reader, [blob], limit=3) == {}
    assert objects_at(branch.reader, ROSTER, []) == {}
    assert contents_of(branch.reader, [], limit=1) == {}
