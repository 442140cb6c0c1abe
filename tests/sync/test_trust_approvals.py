"""What a node of a protected environment demands of a commit: approvals or an attestation, or nothing changes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from interlock.approvals.statements import Approver
from interlock.errors import HistoryRewritten
from interlock.history.attestation_ref import REF
from interlock.sync.rejected import FIRST_PAUSE, PATIENCE, Distrusted
from support.repositories import pointer
from support.trusted_node import POLICY, ROSTER, TrustedNode, follows, stays, trusting

BOT = pointer("production", "support-bot")
DAY = dt.timedelta(days=1)


@pytest.fixture
def node(tmp_path: Path) -> TrustedNode:
    """A node that serves support-bot 1 from the root of its trust."""
    return trusting(tmp_path)


def approved_by_both(node: TrustedNode, commit: str) -> None:
    node.approve(commit, "bob")
    node.approve(commit, "carol")


def test_a_direct_push_without_approval_changes_nothing(node: TrustedNode) -> None:
    commit = node.promote("alice", "2")
    stays(node, "NotApproved", commit[:12], "2 approvals")
    assert node.rejected
    assert f"interlock approve {commit[:12]}" in node.rejected.remedy


def test_a_commit_with_the_approvals_of_its_policy_is_followed(node: TrustedNode) -> None:
    approved_by_both(node, node.promote("alice", "2"))
    follows(node, "2")
    assert "bob, carol" in node.source.how_accepted


def test_a_commit_with_an_attestation_is_followed(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"))
    follows(node, "2")
    assert "attested by check-ci" in node.source.how_accepted


def test_one_person_with_two_keys_is_one_person(node: TrustedNode) -> None:
    roster = node.team.roster()
    roster["people"][1]["keys"].append(node.team.public("bobs-other-key"))
    node.work.write(ROSTER, roster)
    approved_by_both(node, node.commit("dave", "bob has another key"))
    follows(node, "1")
    commit = node.promote("alice", "2")
    node.approve(commit, "bob")
    node.approve(commit, "bobs-other-key")
    stays(node, "NotApproved", "operator")


def test_the_author_of_a_commit_does_not_approve_it_with_a_second_key(node: TrustedNode) -> None:
    commit = node.promote("dave", "2")
    node.approve(commit, "dave")
    node.approve(commit, "carol")
    stays(node, "NotApproved", "dave")


def test_an_administrator_who_pushes_and_approves_alone_changes_nothing(node: TrustedNode) -> None:
    commit = node.promote("dave", "2")
    node.approve(commit, "dave", role="validator")
    node.approve(commit, "dave", role="operator")
    stays(node, "NotApproved", "nobody approves their own work")


def test_what_is_added_after_the_approval_was_not_approved(node: TrustedNode) -> None:
    approved = node.promote("alice", "2", push=False)
    approved_by_both(node, approved)
    node.work.change(BOT, "residency", to="lazy")
    node.work.git("add", "--all")
    node.signed("alice", "commit", "--quiet", "--amend", "--no-edit")
    node.published.push()
    stays(node, "NotApproved")


def test_an_approval_survives_a_squash_merge(node: TrustedNode) -> None:
    approved = node.promote("alice", "2", push=False)
    approved_by_both(node, approved)
    node.signed("alice", "commit", "--quiet", "--amend", "--message", "squashed by the forge")
    node.published.push()
    assert node.head != approved
    follows(node, "2")


def test_an_approval_survives_a_merge_commit(node: TrustedNode) -> None:
    approved_by_both(node, merged(node))
    follows(node, "2")


def test_an_evil_merge_is_not_what_was_approved(node: TrustedNode) -> None:
    clean = merged(node, push=False)
    approved_by_both(node, clean)
    node.work.git("reset", "--quiet", "--hard", node.root)
    node.signed("carol", "merge", "--quiet", "--no-ff", "--no-commit", "proposal")
    node.work.change(BOT, "residency", to="lazy")
    node.commit("carol", "merge")
    stays(node, "NotApproved")


def merged(node: TrustedNode, *, push: bool = True) -> str:
    """A proposal of Alice that Dave merged."""
    node.work.git("checkout", "--quiet", "-b", "proposal")
    node.promote("alice", "2", push=False)
    node.work.git("checkout", "--quiet", "main")
    node.signed("dave", "merge", "--quiet", "--no-ff", "--message", "merge", "proposal")
    if push:
        node.published.push()
    return node.head


def test_an_approval_of_the_same_files_at_another_time_does_not_count_again(node: TrustedNode) -> None:
    approved_by_both(node, node.promote("alice", "2"))
    follows(node, "2")
    node.approve(node.revert("alice"), "bob")
    follows(node, "1")
    node.revert("alice")
    stays(node, "NotApproved")


def test_a_revert_of_an_approved_revert_is_a_rollback_that_needs_its_own_approval(node: TrustedNode) -> None:
    approved_by_both(node, node.promote("alice", "2"))
    follows(node, "2")
    node.approve(node.revert("alice"), "bob")
    follows(node, "1")
    node.approve(node.revert("alice"), "carol")
    follows(node, "2")


def test_a_later_good_commit_does_not_carry_an_unapproved_one_along(node: TrustedNode) -> None:
    bad = node.promote("alice", "2")
    node.work.point("production", "sql-helper", active="1", residency="lazy")
    approved_by_both(node, node.commit("alice", "another adapter"))
    stays(node, "NotApproved", bad[:12])
    approved_by_both(node, bad)
    follows(node, "2")


def test_an_unapproved_commit_that_was_reverted_counts_for_nothing(node: TrustedNode) -> None:
    node.promote("alice", "2")
    stays(node, "NotApproved")
    node.revert("alice")
    follows(node, "1")
    assert not node.kept, "what was never approved is no target of a rollback"
    again = node.revert("alice")
    node.approve(again, "bob")
    stays(node, "NotApproved", "operator")  # it is a promotion and no rollback: it was never active with approval
    node.approve(again, "carol")
    follows(node, "2")


def test_an_attestation_for_another_tree_does_not_count(node: TrustedNode) -> None:
    first = node.promote("alice", "2", push=False)
    node.attest(first)
    node.work.git("reset", "--quiet", "--hard", node.root)
    node.work.point("production", "support-bot", active="2", residency="lazy")
    node.commit("alice")
    stays(node, "NotApproved")


def test_an_attestation_by_somebody_who_is_no_attester_does_not_count(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"), "bob")
    stays(node, "NotApproved", "bob", "attester")


def test_an_attestation_by_a_stranger_does_not_count(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"), "mallory")
    stays(node, "NotApproved", "nobody in the roster holds the key")


def test_an_attestation_of_a_failed_check_does_not_count(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"), result="FAILED")
    stays(node, "NotApproved", "did not pass")


def test_an_attester_who_left_the_roster_attests_nothing_any_more(node: TrustedNode) -> None:
    node.work.write(ROSTER, node.team.roster("check-ci"))
    approved_by_both(node, node.commit("dave", "retire check-ci"))
    follows(node, "1")
    node.attest(node.promote("alice", "2"))
    stays(node, "NotApproved", "nobody in the roster holds the key")


def test_a_key_that_was_revoked_later_attests_nothing_for_a_node_that_comes_late(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"))
    roster = node.team.roster()
    roster["machines"][1]["keys"] = [{"key": node.team.public("check-ci"), "revoked": "2026-11-25"}]
    node.work.write(ROSTER, roster)
    approved_by_both(node, node.commit("dave", "check-ci was robbed"))
    stays(node, "NotApproved", "revoked")


def test_an_attestation_that_arrives_after_the_commit_is_waited_for(node: TrustedNode) -> None:
    commit = node.promote("alice", "2")
    stays(node, "NotApproved")
    assert isinstance(node.rejected, Distrusted)
    assert node.rejected.waits(node.now) == FIRST_PAUSE
    assert not node.poll(), "nothing is new, and the pause is not over"
    node.attest(commit)
    follows(node, "2")  # at once: there are new statements


def test_after_long_waiting_a_person_is_asked_for_and_the_attestation_still_counts(node: TrustedNode) -> None:
    commit = node.promote("alice", "2")
    stays(node, "NotApproved")
    node.now += PATIENCE
    stays(node, "NotApproved")
    assert node.rejected
    assert node.rejected.waits(node.now) is None
    node.attest(commit)
    follows(node, "2")


def test_a_new_commit_cancels_the_wait(node: TrustedNode) -> None:
    node.promote("alice", "2")
    stays(node, "NotApproved")
    node.revert("alice")
    follows(node, "1")


def test_a_ref_of_statements_that_was_rewritten_lets_nothing_in(node: TrustedNode) -> None:
    first = node.promote("alice", "2")
    node.approve(first, "bob")
    stays(node, "NotApproved")
    node.work.git("push", "--quiet", "--force", "origin", f":{REF}")
    with pytest.raises(HistoryRewritten, match="rewritten"):
        node.poll()
    assert (node.source.accepted, node.serves) == (node.root, "1")


def test_a_policy_is_changed_by_the_people_of_the_old_policy(node: TrustedNode) -> None:
    policy = node.work.read("policies/production.yaml")
    node.work.write("policies/production.yaml", policy | {"approvals": {"count": 1}})
    commit = node.commit("dave", "one approval is enough")
    node.approve(commit, "bob")
    stays(node, "NotApproved", "operator")


def test_protection_is_not_taken_away_without_approval(node: TrustedNode) -> None:
    node.work.change("environments/production/environment.yaml", "protected", to=False)
    node.commit("alice", "no protection")
    stays(node, "NotApproved")


def test_a_record_that_is_changed_in_place_is_refused_by_the_rules_of_changes(node: TrustedNode) -> None:
    node.work.change("adapters/support-bot/revisions/1.yaml", "provenance", "seeds", to=[18])
    node.commit("alice", "other seeds")
    stays(node, "Refused", "record-changed")


def test_a_promotion_that_skips_a_stage_is_refused_although_it_is_approved(node: TrustedNode) -> None:
    approved_by_both(node, node.promote("alice", "3"))
    stays(node, "Refused", "skipped-stage")


def test_a_promotion_outside_of_its_window_is_followed_when_the_window_opens(node: TrustedNode) -> None:
    window = {"days": ["thu"], "from": "00:00", "to": "23:00", "timezone": "UTC"}
    node.work.change("environments/production/environment.yaml", "windows", to=[window])
    approved_by_both(node, node.commit("alice", "only on Thursdays"))
    follows(node, "1")
    approved_by_both(node, node.promote("alice", "2"))
    stays(node, "NotNow", "outside-window")
    node.wall += DAY
    node.now += 3600
    follows(node, "2")


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_a_day_off_takes_no_attestation_from_the_future(node: TrustedNode, days: int) -> None:
    node.attest(node.promote("alice", "2"))
    node.wall += days * DAY
    if days > 0:
        follows(node, "2")
    else:
        stays(node, "NotApproved", "in the future")


def test_commits_that_do_not_concern_the_environment_need_no_approval(node: TrustedNode) -> None:
    node.work.point("dev", "support-bot", active="2")
    node.commit("alice", "try 2 in dev")
    follows(node, "1")


def test_the_workflow_that_attests_is_not_changed_without_approval(node: TrustedNode) -> None:
    node.work.write(".github/workflows/attest.yml", "on: push\n")
    commit = node.commit("alice", "attest everything")
    stays(node, "NotApproved", commit[:12])
    approved_by_both(node, commit)
    follows(node, "1")


def test_the_statement_of_a_person_cannot_forge_a_line_of_the_log(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"), approvers=(Approver(login="bob\n2026 all is well", role="validator"),))
    follows(node, "2")
    assert "\n" not in node.source.how_accepted


def test_weights_that_are_not_signed_are_not_served_where_a_policy_asks_for_a_signature(tmp_path: Path) -> None:
    node = trusting(tmp_path, policy=POLICY | {"weights_signature": "required"})
    node.attest(node.promote("alice", "2"))
    stays(node, "Refused", "signature-missing", "support-bot@2")
