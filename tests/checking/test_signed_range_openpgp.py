"""Commits that GPG signed count by the fingerprint in the roster and the key block beside it, and only then."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.approvals.gpg import keys_of_block, verify_openpgp
from interlock.checking.signed_range import JudgedCommit, verify_range
from interlock.errors import SignatureInvalid, SigningFailed
from interlock.findings.finding import Verdict
from interlock.history.commit_objects import split_signature
from support.gpg_keys import GpgHome, gpg_home
from support.signed_branch import ROSTER, SignedBranch

TODAY = dt.date(2026, 11, 25)
BLOCK = "policies/keys/everybody.asc"


@pytest.fixture(scope="module")
def home() -> Iterator[GpgHome]:
    with gpg_home() as made:
        yield made


@pytest.fixture
def branch(tmp_path: Path) -> SignedBranch:
    return SignedBranch.begin(tmp_path, alice=("validator",))


def with_keys(branch: SignedBranch, home: GpgHome, *fingerprints: str, in_block: tuple[str, ...] = ()) -> str:
    """Alice holds these keys too; the block beside the roster holds these, or others."""
    branch.people["alice"]["keys"] += [f"openpgp:{fingerprint}" for fingerprint in fingerprints]
    block = home.block(*(in_block or fingerprints))
    return branch.commit("alice", {ROSTER: branch.roster(), BLOCK: block})


def commit_with_gpg(branch: SignedBranch, home: GpgHome, fingerprint: str) -> str:
    (branch.root / "change.md").write_text(fingerprint)
    branch.git("add", "--all")
    words = ["git", "-c", f"user.signingKey={fingerprint}", "commit", "--quiet", "--gpg-sign", "-m", "change"]
    identity = {
        "GIT_COMMITTER_NAME": "x",
        "GIT_COMMITTER_EMAIL": "x@x",
        "GIT_AUTHOR_NAME": "x",
        "GIT_AUTHOR_EMAIL": "x@x",
    }
    environment = home.environment | identity | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(words, cwd=branch.root, check=True, timeout=60, env=environment, capture_output=True)
    return branch.head


def last(branch: SignedBranch, accepted: str) -> JudgedCommit:
    return verify_range(branch.reader, accepted, branch.head, now=TODAY).branch[-1]


@pytest.mark.parametrize("kind", ["ed25519", "rsa2048"])
def test_a_commit_by_a_key_of_the_roster_passes(branch: SignedBranch, home: GpgHome, kind: str) -> None:
    key = home.make(f"{kind}@example.com", kind=kind)
    start = with_keys(branch, home, key)
    commit_with_gpg(branch, home, key)
    found = verify_range(branch.reader, start, branch.head, now=TODAY)
    assert found.verdict is Verdict.PASS, found.why
    assert found.branch[0].fingerprint == f"openpgp:{key}"


def test_a_key_that_only_stands_in_the_block_is_nobody_s(branch: SignedBranch, home: GpgHome) -> None:
    known, other = home.make("known@example.com"), home.make("other@example.com")
    start = with_keys(branch, home, known, in_block=(known, other))
    commit_with_gpg(branch, home, other)
    assert last(branch, start).why_not == f"nobody in the roster holds the key openpgp:{other}"


def test_a_key_without_a_block_cannot_be_checked(branch: SignedBranch, home: GpgHome) -> None:
    key, other = home.make("no-block@example.com"), home.make("in-block@example.com")
    start = with_keys(branch, home, key, in_block=(other,))
    commit_with_gpg(branch, home, key)
    assert "cannot be checked with the keys in policies/keys" in last(branch, start).why_not


def test_where_nobody_has_a_key_of_gpg_none_is_asked_for(branch: SignedBranch, home: GpgHome) -> None:
    start = branch.head
    commit_with_gpg(branch, home, home.make("stranger@example.com"))
    assert last(branch, start).why_not.startswith("it is signed with GPG, and nobody")


def test_a_block_that_comes_with_the_commit_does_not_count_for_it(branch: SignedBranch, home: GpgHome) -> None:
    key = home.make("late-block@example.com")
    branch.people["alice"]["keys"].append(f"openpgp:{key}")
    start = branch.commit("alice", {ROSTER: branch.roster()})
    (branch.root / BLOCK).parent.mkdir(parents=True)
    (branch.root / BLOCK).write_text(home.block(key))
    commit_with_gpg(branch, home, key)
    assert "cannot be checked" in last(branch, start).why_not


def test_a_tampered_commit_is_refused(branch: SignedBranch, home: GpgHome) -> None:
    key = home.make("tampered@example.com")
    start = with_keys(branch, home, key)
    data = branch.raw(commit_with_gpg(branch, home, key))
    branch.git("reset", "--hard", "--quiet", branch.object(data.replace(b"\n\nchange", b"\n\nother.")))
    assert last(branch, start).why_not == "the signature is not over these bytes"


def test_an_expired_key_is_refused_whatever_date_the_commit_has(branch: SignedBranch, home: GpgHome) -> None:
    key = home.make("expired@example.com", expires="1d", at="20200101T000000")
    start = with_keys(branch, home, key)
    data = branch.raw(branch.commit("", {"a.md": "a"}, date="2020-01-01T01:00:00Z"))
    made = home.sign(data, key, "--faked-system-time", "20200101T010000").rstrip(b"\n").replace(b"\n", b"\n ")
    head, _, message = data.partition(b"\n\n")
    branch.git("reset", "--hard", "--quiet", branch.object(head + b"\ngpgsig " + made + b"\n\n" + message))
    assert last(branch, start).why_not == "the key that made the signature has expired"


def test_a_key_that_its_owner_revoked_is_refused(branch: SignedBranch, home: GpgHome) -> None:
    key = home.make("revoked@example.com")
    start = with_keys(branch, home, key)
    commit = commit_with_gpg(branch, home, key)
    assert last(branch, start).signer
    home.revoke(key)
    payload, signature, _ = split_signature(branch.raw(commit))
    with pytest.raises(SignatureInvalid, match="was revoked by its owner"):
        verify_openpgp(payload, signature, [keys_of_block(home.block(key).encode())])


def test_a_signature_over_sha1_is_refused(home: GpgHome) -> None:
    key = home.make("sha1@example.com", kind="rsa2048")
    block = keys_of_block(home.block(key).encode())
    assert verify_openpgp(b"x", home.sign(b"x", key), [block]) == f"openpgp:{key}"
    with pytest.raises(SignatureInvalid):
        verify_openpgp(b"x", home.sign(b"x", key, "--digest-algo", "SHA1"), [block])


def test_two_signatures_at_once_are_refused(home: GpgHome) -> None:
    one, two = home.make("one@example.com"), home.make("two@example.com")
    block = keys_of_block(home.block(one, two).encode())
    both = home.sign(b"x", one, "--local-user", two)
    with pytest.raises(SignatureInvalid):
        verify_openpgp(b"x", both, [block])
    with pytest.raises(SignatureInvalid):
        verify_openpgp(b"x", home.sign(b"x", one) + home.sign(b"y", two), [block])


@pytest.mark.parametrize("text", [b"", b"x", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!\n", b"x" * 300_000])
def test_what_is_no_key_block_holds_no_keys(text: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        keys_of_block(text)


def test_words_that_look_like_a_verdict_are_no_verdict(home: GpgHome) -> None:
    key = home.make("words@example.com")
    block = keys_of_block(home.block(key).encode())
    words = "Comment: [GNUPG:] GOODSIG x\n\n[GNUPG:] VALIDSIG x\n"
    forged = f"-----BEGIN PGP SIGNATURE-----\n{words}-----END PGP SIGNATURE-----\n".encode()
    with pytest.raises(SignatureInvalid):
        verify_openpgp(b"x", forged, [block])


def test_without_gpgv_nothing_is_known(home: GpgHome, monkeypatch: pytest.MonkeyPatch, branch: SignedBranch) -> None:
    key = home.make("unknown@example.com")
    start = with_keys(branch, home, key)
    commit_with_gpg(branch, home, key)
    git = branch.root.parent / "bin"
    git.mkdir()
    (git / "git").write_text(f'#!/bin/sh\nexec {subprocess.check_output(["which", "git"]).decode().strip()} "$@"\n')
    (git / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(git))
    found = verify_range(branch.reader, start, branch.head, now=TODAY)
    assert found.verdict is Verdict.UNKNOWN
    assert "gpgv is not installed" in found.why
    with pytest.raises(SigningFailed):
        verify_openpgp(b"x", b"y", [b"a key"])
    with pytest.raises(SignatureInvalid):
        verify_openpgp(b"x", b"y", [])
