"""`interlock attest`: attests what passes, refuses the rest with the right exit status, and does it once."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from interlock.history.attestation_ref import REF
from support.command_line import interlock
from support.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    return made


def approved_and_merged(workshop: Workshop) -> str:
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..promote").status == 0
    return workshop.merge("promote", "squash")


def test_a_commit_that_passes_is_attested_once(workshop: Workshop) -> None:
    approved_and_merged(workshop)
    first = workshop.attest("HEAD", "--json", "--push", "origin").document
    (entry,) = first["commits"]
    assert entry["new"]
    assert entry["verdict"] == "pass"
    assert first["pushed"] == workshop.git("ls-remote", "origin", REF).split()[0]
    again = workshop.attest("HEAD", "--json").document
    assert again["commits"][0]["attestation"] == entry["attestation"]
    assert not again["commits"][0]["new"]


def test_the_attestation_says_what_was_relied_on(workshop: Workshop) -> None:
    commit = approved_and_merged(workshop)
    assert workshop.attest().status == 0
    tree = workshop.git("rev-parse", "HEAD^{tree}")
    files = workshop.git("ls-tree", "--name-only", f"{REF}:{tree}").splitlines()
    statements = [
        json.loads(base64.b64decode(json.loads(workshop.git("show", f"{REF}:{tree}/{name}"))["payload"]))
        for name in files
    ]
    (summary,) = [one for one in statements if one["predicateType"].startswith("https://slsa.dev/verification_summary")]
    predicate = summary["predicate"]
    assert summary["subject"][0]["digest"] == {"gitCommit": commit, "gitTree": tree}
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["interlock_environments"] == ["production"]
    assert {(one["login"], one["role"]) for one in predicate["interlock_approvers"]} == {
        ("bob", "validator"),
        ("carol", "operator"),
    }
    assert "approved by bob (validator), carol (operator)" in predicate["interlock_quorum"]
    named = {one["uri"] for one in predicate["inputAttestations"]}
    assert sum(uri.startswith(f"{REF}:{tree}/") for uri in named) == 2
    assert f"git:{commit}:adapters/support-bot/revisions/2.yaml" in named


def test_a_commit_without_approvals_is_refused(workshop: Workshop) -> None:
    workshop.merge("promote", "squash")
    outcome = workshop.attest()
    assert outcome.status == 1
    assert "[approvals-missing]" in outcome.out
    assert "is not attested" in outcome.err
    assert workshop.git("for-each-ref", REF) == ""


def test_a_commit_that_a_rule_blocks_is_refused_although_it_was_approved(workshop: Workshop) -> None:
    workshop.promote("jump", "3")
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..jump").status == 0
    workshop.merge("jump", "squash")
    outcome = workshop.attest()
    assert outcome.status == 1
    assert "[skipped-stage]" in outcome.out


@pytest.mark.parametrize("who", ["trainer-ci", "bob", "mallory"])
def test_only_an_attester_attests(workshop: Workshop, who: str) -> None:
    approved_and_merged(workshop)
    outcome = workshop.attest(who=who)
    assert outcome.status == 2
    assert "the attestation would not hold" in outcome.err
    assert workshop.gathered(workshop.merged(workshop.git("rev-parse", "HEAD"))).attestations == ()


def test_a_person_with_the_role_attests_nothing(workshop: Workshop) -> None:
    people = workshop.repository.read("policies/roster.yaml")["people"]
    roster = [person | ({"roles": ["attester"]} if person["login"] == "dave" else {}) for person in people]
    workshop.repository.change("policies/roster.yaml", "people", to=roster)
    workshop.commit("Let dave attest")
    workshop.promote("promote")
    approved_and_merged(workshop)
    outcome = workshop.attest(who="dave")
    assert outcome.status == 2
    assert "attestations come from machines" in outcome.err


def test_commits_of_nobody_in_the_roster_cannot_be_evaluated(workshop: Workshop) -> None:
    workshop.git("checkout", "--quiet", "-B", "unsigned", "main")
    workshop.repository.point("production", "support-bot", active="2")
    workshop.git("commit", "--quiet", "--all", "--no-gpg-sign", "--message", "Promote")
    workshop.git("checkout", "--quiet", "main")
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..unsigned").status == 0
    workshop.git("merge", "--quiet", "--ff-only", "unsigned")
    outcome = workshop.attest()
    assert outcome.status == 4
    assert "[approvals-not-evaluable]" in outcome.out


def test_the_first_commit_has_no_trusted_side(workshop: Workshop) -> None:
    outcome = workshop.attest("main")
    assert outcome.status == 2
    assert "no policy stood before it" in outcome.err


def test_a_range_stops_at_the_first_commit_that_does_not_pass(workshop: Workshop) -> None:
    start = workshop.git("rev-parse", "main")
    workshop.merge("promote", "squash")
    workshop.repository.write("README.md", "Adapters.\n")
    workshop.commit("Say what this is")
    outcome = workshop.attest(f"{start}..main", "--json")
    assert outcome.status == 1
    assert [one["attestation"] for one in outcome.document["commits"]] == [None]


def test_a_forge_that_does_not_answer_is_no_pass(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGEJO_TOKEN", "x")
    approved_and_merged(workshop)
    outcome = workshop.attest("HEAD", "--forge", "forgejo:http://127.0.0.1:9/acme/adapters#1")
    assert outcome.status == 4
    assert "could not be read" in outcome.out


def test_a_change_that_needs_no_approval_is_attested_too(workshop: Workshop) -> None:
    workshop.repository.write("README.md", "Adapters.\n")
    workshop.commit("Say what this is")
    outcome = workshop.attest()
    assert outcome.status == 0, outcome.err
    assert "no approvals needed" in outcome.out


def test_a_change_of_policies_is_attested_for_every_protected_environment(workshop: Workshop) -> None:
    workshop.git("checkout", "--quiet", "-B", "stricter", "main")
    workshop.repository.change("policies/production.yaml", "approvals", "count", to=3)
    workshop.commit("Ask for more")
    workshop.git("checkout", "--quiet", "main")
    for who in ("bob", "carol"):
        assert workshop.approve(who, "main..stricter").status == 0
    commit = workshop.merge("stricter", "squash")
    assert workshop.attest().status == 0
    (attested,) = workshop.gathered(workshop.merged(commit)).attestations
    assert attested.attestation.environments == ("production",)


def test_what_names_no_commits_is_refused(workshop: Workshop) -> None:
    for what in ("main..", "..main", "promote..main", "nowhere"):
        outcome = interlock("attest", what, "--key", workshop.team.key("check-ci"), "-C", workshop.repository.root)
        assert outcome.status in (1, 2)
