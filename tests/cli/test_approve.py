"""`interlock approve`: what a person sees, with which keys it signs, and that plain ssh-keygen agrees."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.history.attestation_ref import REF
from support.command_line import interlock, interlock_process
from support.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    return made


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A running ssh-agent, as the variables by which programs find it."""
    socket = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()  # it listens from its first line on
    yield {"SSH_AUTH_SOCK": str(socket)}
    process.terminate()
    process.wait(10)
    process.stdout.close()


def test_a_person_sees_what_they_sign(workshop: Workshop) -> None:
    outcome = workshop.approve("bob", "main..promote")
    assert outcome.status == 0, outcome.err
    assert "You are about to approve: promotion of support-bot@2 to production" in outcome.out
    assert "branch    refs/heads/main, from " in outcome.out
    assert "active: support-bot@1-97247e637ee5 → support-bot@2-320d7f93a2f9" in outcome.out
    assert "adapters/support-bot/revisions/2.yaml" in outcome.out
    assert "policies  sha256:" in outcome.out
    assert "checks    no rule blocks it" in outcome.out
    assert f"Approved by bob (validator) with the key {workshop.team.fingerprint('bob')}." in outcome.out
    assert workshop.git("ls-remote", "origin", REF).split()[0] == workshop.git("rev-parse", REF)


def test_without_a_terminal_and_without_yes_nothing_is_signed(workshop: Workshop) -> None:
    words = ("approve", "main..promote", "--key", str(workshop.team.key("bob")), "-C", str(workshop.repository.root))
    outcome = interlock_process(*words)
    assert outcome.status == 2
    assert "Next: add --yes" in outcome.err
    assert workshop.git("for-each-ref", REF) == ""


@pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_on_a_terminal_it_asks_before_it_signs(workshop: Workshop, answer: bytes, status: int) -> None:
    ours, theirs = os.openpty()
    os.write(ours, answer)
    words = ["approve", "main..promote", "--key", str(workshop.team.key("bob")), "-C", str(workshop.repository.root)]
    finished = subprocess.run(
        [sys.executable, "-m", "interlock.cli.main", *words], stdin=theirs, capture_output=True, timeout=60, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert finished.returncode == status, finished.stderr
    assert b"Sign this approval? [y/N]" in finished.stderr
    assert (workshop.git("for-each-ref", REF) != "") == (status == 0)


@pytest.mark.parametrize(
    ("who", "words", "why"),
    [
        ("mallory", (), "nobody in the roster holds the key"),
        ("check-ci", (), "check-ci is a machine, and approvals come from people"),
        ("bob", ("--role", "operator"), "the roster does not give bob that role"),
    ],
)
def test_what_would_not_count_is_not_kept(workshop: Workshop, who: str, words: tuple[str, ...], why: str) -> None:
    outcome = workshop.approve(who, "main..promote", *words)
    assert outcome.status == 2
    assert why in outcome.err
    assert workshop.git("for-each-ref", REF) == ""


@pytest.mark.parametrize("what", ["nowhere..promote", "main..", "..promote", "main...promote", "--upload-pack=x", "-x"])
def test_a_change_that_is_none_is_refused(workshop: Workshop, what: str) -> None:
    outcome = interlock(
        "approve", "--yes", "--key", workshop.team.key("bob"), "-C", workshop.repository.root, "--", what
    )
    assert outcome.status in (1, 2)
    assert outcome.err.startswith("error:")
    assert workshop.git("for-each-ref", REF) == ""


def test_a_key_that_is_not_there_is_told(workshop: Workshop) -> None:
    words = ("approve", "main..promote", "--yes", "-C", str(workshop.repository.root))
    outcome = interlock(*words, "--key", "/nowhere/id_ed25519")
    assert outcome.status == 1
    assert "there is no key at /nowhere/id_ed25519" in outcome.err


def signing_with(workshop: Workshop, **settings: str) -> None:
    for name, value in settings.items():
        workshop.repository.git("config", name.replace("_", "."), value)


def approve_by_settings(workshop: Workshop, **environment: str) -> tuple[int, str]:
    words = ("approve", "main..promote", "--yes", "--json", "-C", str(workshop.repository.root))
    outcome = interlock_process(*words, environment=environment)
    return outcome.status, outcome.err if outcome.status else outcome.document["by"]


def test_the_key_that_git_signs_commits_with_is_taken(workshop: Workshop) -> None:
    signing_with(workshop, gpg_format="ssh", user_signingkey=str(workshop.team.key("carol")))
    assert approve_by_settings(workshop) == (0, "carol")


def test_git_that_signs_with_gpg_is_told(workshop: Workshop) -> None:
    signing_with(workshop, gpg_format="openpgp", user_signingkey="0123456789ABCDEF")
    status, told = approve_by_settings(workshop)
    assert status == 2
    assert "git signs with openpgp" in told


@pytest.mark.parametrize("form", ["key::{}", "{}", "file"])
def test_the_private_half_may_be_in_an_agent(workshop: Workshop, agent: dict[str, str], form: str) -> None:
    key = workshop.team.key("carol")
    subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, **agent}, check=True, timeout=30)
    public = workshop.team.public("carol")
    key.unlink()
    value = str(key.with_suffix(".pub")) if form == "file" else form.format(public)
    signing_with(workshop, gpg_format="ssh", user_signingkey=value)
    assert approve_by_settings(workshop, **agent) == (0, "carol")


def test_ssh_keygen_verifies_the_same_signature(workshop: Workshop, tmp_path: Path) -> None:
    assert workshop.approve("bob", "main..promote").status == 0
    tree = workshop.git("rev-parse", "promote^{tree}")
    (name,) = workshop.git("ls-tree", "--name-only", f"{REF}:{tree}").splitlines()
    envelope = json.loads(workshop.git("show", f"{REF}:{tree}/{name}"))
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    (tmp_path / "signature").write_text(
        f"-----BEGIN SSH SIGNATURE-----\n{envelope['signatures'][0]['sig']}\n-----END SSH SIGNATURE-----\n"
    )
    (tmp_path / "signers").write_text(f"bob@example.com {workshop.team.public('bob')}\n")
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    command = ["ssh-keygen", "-Y", "verify", "-n", "interlock-approval", "-I", "bob@example.com"]
    command += ["-f", str(tmp_path / "signers"), "-s", str(tmp_path / "signature")]
    verified = subprocess.run(command, input=message, capture_output=True, timeout=30, check=False)
    assert verified.returncode == 0, verified.stderr
    for_git = subprocess.run(
        [word if word != "interlock-approval" else "git" for word in command],
        input=message,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert for_git.returncode != 0


def test_the_merged_commit_itself_can_be_approved_afterwards(workshop: Workshop) -> None:
    commit = workshop.merge("promote", "squash")
    assert workshop.approve("bob", commit[:12]).status == 0
    assert workshop.holding(workshop.merged(commit)) == ["bob"]


def test_show_tells_what_counts_and_what_does_not(workshop: Workshop) -> None:
    for who in ("bob", "alice"):
        assert workshop.approve(who, "main..promote").status == 0
    show = ("approve", "main..promote", "--show", "-C", str(workshop.repository.root))
    outcome = interlock(*show)
    assert outcome.status == 1
    assert "counts: bob as validator" in outcome.out
    assert "does not count: alice: " in outcome.out
    assert "missing: policies/production.yaml asks for 1 approval in the role operator" in outcome.out
    assert workshop.approve("carol", "main..promote").status == 0
    document = interlock(*show, "--json").document
    assert document["decisions"][0]["status"] == "pass"
    assert {one["login"] for one in document["decisions"][0]["counted"]} == {"bob", "carol"}


def test_a_check_that_asks_for_approvals_says_what_is_missing(workshop: Workshop) -> None:
    check = ("check", str(workshop.repository.root), "--base", "main", "--head", "promote")
    assert interlock(*check).status == 0
    outcome = interlock(*check, "--approvals")
    assert outcome.status == 1
    assert "[approvals-missing]" in outcome.out
    page = interlock(*check, "--approvals", "--format", "markdown").out
    assert "**Approvals found:** ❌ not enough." in page
    assert "interlock check --base main --head promote --approvals" in page
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..promote").status == 0
    assert interlock(*check, "--approvals").status == 0
    page = interlock(*check, "--approvals", "--format", "markdown").out
    assert "✅ bob as validator." in page
    assert "Evidence is left to people" in page


def test_approvals_are_asked_of_a_proposed_merge_only(workshop: Workshop) -> None:
    outcome = interlock("check", workshop.repository.root, "--approvals")
    assert outcome.status == 2
    assert "--base" in outcome.err


def test_statements_that_git_cannot_show_are_no_pass(workshop: Workshop) -> None:
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..promote").status == 0
    tree = workshop.git("rev-parse", "promote^{tree}")
    folder = workshop.git("rev-parse", f"{REF}:{tree}")
    objects = workshop.repository.root / ".git/objects" / folder[:2] / folder[2:]
    objects.chmod(0o600)
    objects.write_bytes(b"damaged")
    outcome = interlock("check", workshop.repository.root, "--base", "main", "--head", "promote", "--approvals")
    assert outcome.status == 4
