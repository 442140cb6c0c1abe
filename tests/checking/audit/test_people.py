"""The audit says who did what by verified keys, counts approvals as the node does, and lists every emergency."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from interlock.approvals.statements import Attestation
from interlock.checking.audit.auditing import audit
from interlock.checking.audit.outcome import Allowed, AuditedCommit
from interlock.checking.clock import utc_now
from interlock.checking.signed_statements import sign_statement
from interlock.history.attestation_ref import REF, add, file_name
from support.command_line import interlock
from support.repositories import pointer
from support.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    return made


def audited(workshop: Workshop, now: dt.datetime | None = None) -> list[AuditedCommit]:
    opened = workshop.opened
    return list(audit(opened.git, opened.resolve("main"), now=now or utc_now()).commits)


def last(workshop: Workshop, now: dt.datetime | None = None) -> AuditedCommit:
    return audited(workshop, now)[-1]


def blocking(commit: AuditedCommit) -> set[str]:
    return {finding.rule for finding in commit.findings if finding.blocks}


def approved(workshop: Workshop, how: Any = "squash") -> str:
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..promote").status == 0
    return workshop.merge("promote", how)


@pytest.mark.parametrize("how", ["squash", "rebase", "merge"])
def test_a_promotion_with_its_approvals_is_allowed_however_it_was_merged(workshop: Workshop, how: str) -> None:
    approved(workshop, how)
    commit = last(workshop)
    assert commit.verdict is Allowed.YES, (commit.findings, commit.unknown)
    assert [one.counted for one in commit.approvals] == [(("bob", "validator"), ("carol", "operator"))]
    assert (commit.activator.name, commit.kind) == ("alice", "promotion")


def test_what_was_attested_is_allowed_and_counts_from_the_attested_time(workshop: Workshop) -> None:
    approved(workshop)
    assert workshop.attest().status == 0
    commit = last(workshop)
    assert commit.verdict is Allowed.YES
    assert commit.when.source == "attested"
    assert commit.approvals[0].why[0].startswith("attested by check-ci: ")


def test_a_promotion_that_one_person_approved_is_not_allowed(workshop: Workshop) -> None:
    workshop.approve("bob", "main..promote")
    workshop.merge("promote", "squash")
    commit = last(workshop)
    assert commit.verdict is Allowed.NO
    assert "approvals-missing" in blocking(commit)


def test_without_statements_approvals_are_not_evaluated(workshop: Workshop) -> None:
    workshop.merge("promote", "squash")
    commit = last(workshop)
    assert commit.verdict is Allowed.UNKNOWN
    assert any("this repository holds no statements" in why for why in commit.unknown)


def test_a_ref_of_statements_that_was_emptied_by_force_allows_nothing(workshop: Workshop) -> None:
    approved(workshop)
    empty = workshop.git("hash-object", "-t", "tree", "-w", "/dev/null")
    workshop.git("update-ref", REF, workshop.git("commit-tree", empty, "-m", "nothing"))
    assert last(workshop).verdict is Allowed.NO


def test_an_unsigned_promotion_of_a_protected_environment_is_not_allowed(workshop: Workshop) -> None:
    approved(workshop)
    workshop.git("commit", "--quiet", "--amend", "--no-edit", "--no-gpg-sign")
    commit = last(workshop)
    assert "commit-unproven" in blocking(commit)
    assert commit.activator.name == ""


def test_an_actor_is_whoever_signed_and_not_whom_the_commit_names(workshop: Workshop) -> None:
    workshop.repository.point("dev", "support-bot", active="1")
    workshop.git("add", "--all")
    key = f"user.signingkey={workshop.team.key('bob')}"
    author = "Carol <carol@example.com>"
    workshop.git("-c", key, "commit", "--quiet", "-S", "--author", author, "--message", "Approved-by: carol")
    commit = last(workshop)
    assert commit.activator.name == "bob"
    assert commit.activator.claimed == "Alice <alice@example.com>"
    assert any(hand.startswith("Carol <carol@example.com>, author") for hand in commit.contributors)


def test_a_record_is_told_with_whoever_signed_the_commit_that_added_it(workshop: Workshop) -> None:
    approved(workshop)
    (promoted,) = last(workshop).promoted
    assert (promoted.revision, promoted.registered.fingerprint) == ("2", workshop.team.fingerprint("alice"))
    assert promoted.builder == "trainer-ci"
    assert promoted.digest.startswith("sha256:")


def revoke(workshop: Workshop, name: str, day: dt.date) -> None:
    """Mark the key of somebody as revoked, in a commit of alice's or of whoever still can."""
    roster = workshop.repository.read("policies/roster.yaml")
    for person in roster["people"]:
        if person["login"] == name:
            person["keys"] = [{"key": workshop.team.public(name), "revoked": day.isoformat()}]
    workshop.repository.write("policies/roster.yaml", roster)
    workshop.git("add", "--all")
    key = f"user.signingkey={workshop.team.key('dave')}"
    workshop.git("-c", key, "commit", "--quiet", "-S", "--message", "revoke")


def test_a_key_that_was_revoked_counts_for_what_is_shown_to_be_older(workshop: Workshop) -> None:
    workshop.repository.point("dev", "support-bot", active="1")
    workshop.commit("signed by alice")
    today = utc_now().date()
    revoke(workshop, "alice", today + dt.timedelta(days=2))
    later = utc_now() + dt.timedelta(days=9)
    assert "key-taken-back" not in blocking(audited(workshop, later)[-2])
    revoke(workshop, "alice", today)
    assert "key-taken-back" in blocking(audited(workshop, later)[-3])


def test_a_statement_by_a_key_that_is_revoked_today_counts_for_nothing(workshop: Workshop) -> None:
    commit = approved(workshop)
    revoke(workshop, "bob", utc_now().date() + dt.timedelta(days=1))
    found = {one.commit: one for one in audited(workshop)}[commit]
    assert found.verdict is not Allowed.YES


def test_an_attestation_by_somebody_who_is_no_attester_allows_nothing(workshop: Workshop) -> None:
    approved(workshop)
    assert workshop.attest().status == 0
    commit, opened = workshop.opened.resolve("main"), workshop.opened
    workshop.git("update-ref", "-d", REF)
    decision = workshop.merged(commit)
    forged = Attestation(
        target_ref="refs/heads/main", tree=decision.tree, commit=commit, from_commit=decision.parent, result="PASSED",
        policy_digest=f"sha256:{'0' * 64}", environments=("production",), quorum="2 of 2",
        verifier_version="0", time_verified=utc_now().replace(microsecond=0),
    )  # fmt: skip
    data = sign_statement(forged, workshop.team.key("alice"))
    add(opened.git, decision.tree, {file_name(data): data})
    found = last(workshop)
    assert found.verdict is Allowed.NO
    assert found.when.source == "committer"


def emergency(workshop: Workshop, *words: str, who: str = "carol") -> None:
    key = ("--key", workshop.team.key(who), "-C", workshop.repository.root)
    outcome = interlock("emergency", *words, *key)
    assert outcome.status == 0, outcome.err


def test_an_emergency_is_listed_with_its_review_and_without_one_it_is_a_finding(workshop: Workshop) -> None:
    workshop.merge("promote", "squash")
    given = ("--env", "production", "--reason", "it leaks addresses", "--expires", "1h", "--yes")
    emergency(workshop, "declare", "HEAD", *given)
    commit = last(workshop)
    assert commit.verdict is Allowed.YES
    (use,) = commit.emergencies
    assert (use.by, use.reason, use.counts, use.reviewed) == ("carol", "it leaks addresses", True, "")
    assert "emergency-unreviewed" in {finding.rule for finding in commit.findings}
    assert last(workshop, utc_now() + dt.timedelta(days=3)).verdict is Allowed.NO
    emergency(workshop, "review", "HEAD", "--outcome", "justified", "--text", "see incident 17", who="dave")
    (use,) = last(workshop, utc_now() + dt.timedelta(days=3)).emergencies
    assert use.reviewed.startswith("dave on ")


def test_a_pointer_that_came_by_an_evil_merge_is_not_approved(workshop: Workshop) -> None:
    for who in ("bob", "carol"):
        workshop.approve(who, "main..promote")
    workshop.git("merge", "--quiet", "--no-ff", "--no-commit", "promote")
    workshop.repository.point("production", "support-bot", active="2", keep=["3"])
    workshop.git("add", pointer("production", "support-bot"))
    workshop.git("commit", "--quiet", "-S", "--message", "Merge promote")
    assert last(workshop).verdict is Allowed.NO


def test_behind_a_policy_that_nobody_can_read_nothing_is_allowed(workshop: Workshop) -> None:
    workshop.repository.write("policies/production.yaml", "kind: Policy\nenvironments: [\n")
    workshop.commit("break the policy")
    workshop.repository.point("production", "support-bot", active="2")
    workshop.commit("promote behind it")
    workshop.approve("bob", "main~1..main")
    assert last(workshop).verdict is not Allowed.YES
