"""Approvals and attestations hold however a change is merged, on a bare server with real git; and for nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from interlock.approvals.statements import ApprovalStatement
from interlock.checking.signed_statements import peek, sign_statement
from interlock.history.attestation_ref import add, file_name, read
from interlock.history.git_command import Git
from support.workshop import How, Workshop

WAYS: tuple[How, ...] = ("merge", "squash", "rebase")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop.begin(tmp_path)


def approved(workshop: Workshop, branch: str = "promote", revision: str = "2", *, steps: int = 1) -> None:
    workshop.promote(branch, revision, steps=steps)
    for who in ("bob", "carol"):
        outcome = workshop.approve(who, f"main..{branch}")
        assert outcome.status == 0, outcome.err


@pytest.mark.parametrize("how", WAYS)
def test_approvals_and_the_attestation_hold_however_it_is_merged(workshop: Workshop, how: How) -> None:
    approved(workshop)
    assert workshop.holding(workshop.proposal("promote")) == ["bob", "carol"]
    decision = workshop.merged(workshop.merge("promote", how))
    assert workshop.holding(decision) == ["bob", "carol"]
    assert workshop.attest("HEAD", "--push", "origin").status == 0
    (attestation,) = workshop.gathered(decision).attestations
    assert attestation.attester == "check-ci"
    assert {(one.login, one.role) for one in attestation.attestation.approvers} == {
        ("bob", "validator"),
        ("carol", "operator"),
    }


@pytest.mark.parametrize("how", WAYS)
def test_a_branch_of_two_commits_is_approved_once_and_each_step_of_main_holds(workshop: Workshop, how: How) -> None:
    start = workshop.git("rev-parse", "main")
    approved(workshop, steps=2)
    workshop.merge("promote", how)
    steps = workshop.git("rev-list", "--first-parent", f"{start}..main").split()
    assert len(steps) == (2 if how == "rebase" else 1)
    for commit in steps:
        assert workshop.holding(workshop.merged(commit)) == ["bob", "carol"]
    outcome = workshop.attest(f"{start}..main")
    assert outcome.status == 0, outcome.err
    assert outcome.out.count("is attested") == len(steps)


def test_a_fresh_clone_of_the_server_proves_the_same_without_it(workshop: Workshop, tmp_path: Path) -> None:
    approved(workshop)
    workshop.merge("promote", "squash")
    assert workshop.attest("HEAD", "--push", "origin").status == 0
    workshop.git("clone", "--quiet", str(workshop.server), str(tmp_path / "clone"))
    clone = Workshop(type(workshop.repository)(tmp_path / "clone"), workshop.server, workshop.team)
    clone.repository.git("fetch", "--quiet", "origin", "refs/interlock/*:refs/interlock/*")
    workshop.server.rename(tmp_path / "gone.git")
    decision = clone.merged(clone.repository.git("rev-parse", "HEAD"))
    assert clone.holding(decision) == ["bob", "carol"]
    assert len(clone.gathered(decision).attestations) == 1


def test_one_more_commit_on_the_branch_voids_the_approvals(workshop: Workshop) -> None:
    approved(workshop)
    workshop.git("checkout", "--quiet", "promote")
    workshop.repository.point("production", "support-bot", keep=["1"])
    workshop.commit("One more thing")
    workshop.git("checkout", "--quiet", "main")
    assert workshop.gathered(workshop.proposal("promote")).approvals == ()


def test_a_main_that_moved_on_voids_the_approvals(workshop: Workshop) -> None:
    approved(workshop)
    workshop.repository.write("README.md", "Adapters of the support team.\n")
    workshop.commit("Say what this is")
    assert workshop.gathered(workshop.proposal("promote")).approvals == ()


def test_the_same_tree_on_another_commit_is_another_change(workshop: Workshop) -> None:
    approved(workshop)
    workshop.repository.write("README.md", "Adapters of the support team.\n")
    workshop.commit("Say what this is")
    workshop.git("checkout", "--quiet", "promote")
    tree = workshop.git("rev-parse", "HEAD^{tree}")
    workshop.git("checkout", "--quiet", "main")
    evil = workshop.git("commit-tree", "-S", tree, "-p", "main", "-m", "Promote, and quietly take the page away")
    decision = workshop.merged(evil)
    assert workshop.holding(decision) == []
    assert all("took another way" in why for why in workshop.void(decision))


def test_approvals_are_used_up_by_the_merge_and_do_not_bring_the_revision_back(workshop: Workshop) -> None:
    approved(workshop)
    commit = workshop.merge("promote", "squash")
    workshop.git("revert", "--no-edit", "-S", commit)
    workshop.git("revert", "--no-edit", "-S", "HEAD")
    again = workshop.merged(workshop.git("rev-parse", "HEAD"))
    assert again.tree == workshop.merged(commit).tree
    assert workshop.holding(again) == []
    assert all("it was given for a change of" in why for why in workshop.void(again))
    assert workshop.attest().status == 1


def test_a_cherry_pick_onto_another_branch_is_not_approved(workshop: Workshop) -> None:
    approved(workshop)
    commit = workshop.merge("promote", "squash")
    decision = workshop.merged(commit)
    elsewhere = type(decision)("refs/heads/emergency", decision.parent, decision.tree, commit, commit)
    assert workshop.holding(elsewhere) == []
    assert workshop.void(elsewhere) == ["it was given for refs/heads/main, and this is refs/heads/emergency"] * 2


def test_an_attestation_of_another_tree_does_not_count(workshop: Workshop) -> None:
    approved(workshop)
    commit = workshop.merge("promote", "squash")
    assert workshop.attest().status == 0
    decision = workshop.merged(commit)
    git = Git(workshop.repository.root)
    statements = copied_to_next_commit(workshop, git, decision.tree)
    assert statements
    following = workshop.merged(workshop.git("rev-parse", "HEAD"))
    gathered = workshop.gathered(following)
    assert gathered.attestations == ()
    assert workshop.holding(following) == []
    assert any("it attests another step" in one.why for one in gathered.ignored)


def copied_to_next_commit(workshop: Workshop, git: Git, tree: str) -> dict[str, bytes]:
    """Make another commit, and put the statements about `tree` into its folder."""
    workshop.repository.write("README.md", "Adapters of the support team.\n")
    workshop.commit("Say what this is")
    statements = read(git, tree)
    add(git, workshop.git("rev-parse", "HEAD^{tree}"), statements)
    return statements


def test_an_approval_of_one_environment_is_none_of_another(workshop: Workshop) -> None:
    approved(workshop)
    decision = workshop.proposal("promote")
    (statement, *_) = (one.environment for one in workshop.gathered(decision).approvals)
    assert statement == "production"


def test_an_approval_that_expired_does_not_count(workshop: Workshop) -> None:
    workshop.promote("promote")
    assert workshop.approve("bob", "main..promote", "--expires", "1h").status == 0
    decision = workshop.proposal("promote")
    assert workshop.holding(decision) == ["bob"]
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    assert workshop.holding(decision, later) == []
    assert "it expired on" in workshop.void(decision, later)[0]


def test_an_approval_from_the_future_does_not_count(workshop: Workshop) -> None:
    workshop.promote("promote")
    assert workshop.approve("bob", "main..promote").status == 0
    earlier = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    assert "in the future" in workshop.void(workshop.proposal("promote"), earlier)[0]


def test_other_policies_void_an_approval_although_the_tree_is_the_same(workshop: Workshop) -> None:
    """The statement is bound to the text of the policies, and not only to the commit that holds them."""
    workshop.promote("promote")
    assert workshop.approve("bob", "main..promote").status == 0

    git, decision = Git(workshop.repository.root), workshop.proposal("promote")
    (data,) = read(git, decision.tree).values()
    statement = peek(data)
    assert isinstance(statement, ApprovalStatement)
    alterations: tuple[dict[str, Any], ...] = (
        {"policy_digest": "sha256:" + "0" * 64},
        {"environment": "staging"},
        {"adapter": None},
        {"manifests": {}},
        {"evidence": {"adapters/support-bot/evidence/2/x.json": "sha256:" + "0" * 64}},
    )
    for changes in alterations:
        forged = sign_statement(statement.model_copy(update=changes), workshop.team.key("dave"))
        add(git, decision.tree, {file_name(forged): forged})
    assert workshop.holding(decision) == ["bob"]
    told = " | ".join(workshop.void(decision))
    assert "under other policies" in told
    assert told.count("which is not what the change is about") == 2
    assert "it names other records" in told
    assert "it names other evidence" in told


def test_statements_of_strangers_and_broken_ones_are_told_and_do_not_count(workshop: Workshop) -> None:

    workshop.promote("promote")
    assert workshop.approve("bob", "main..promote").status == 0
    git, decision = Git(workshop.repository.root), workshop.proposal("promote")
    ((_, data),) = read(git, decision.tree).items()
    stranger = sign_statement(peek(data), workshop.team.key("mallory"))
    machine = sign_statement(peek(data), workshop.team.key("trainer-ci"))
    other = data.replace(b'"sig":"', b'"sig":"AAAA')
    added = [stranger, machine, other, data[:-20], b"", b"\xff\xfe", b'{"payloadType":"x"}', b"{}" * 100]
    add(git, decision.tree, {file_name(one): one for one in added})
    gathered = workshop.gathered(decision)
    assert workshop.holding(decision) == ["bob"]
    assert workshop.void(decision) == ["trainer-ci is a machine, and approvals come from people"]
    told = " | ".join(one.why for one in gathered.ignored)
    assert len(gathered.ignored) == len(added) - 1
    assert f"nobody in the roster holds the key {workshop.team.fingerprint('mallory')}" in told
    assert "its signature is not valid" in told
    assert told.count("it cannot be read") == 5


def test_a_yes_that_was_taken_back_is_one_no_more(workshop: Workshop) -> None:
    approved(workshop)
    assert workshop.approve("bob", "main..promote", "--withdraw").status == 0
    commit = workshop.merge("promote")
    outcome = workshop.attest(commit)
    assert outcome.status == 1
    assert "[approvals-missing]" in outcome.out
    assert "validator" in outcome.out
    assert "it was taken back" in outcome.out
