"""A node of a protected environment follows only commits that somebody of the roster before them has signed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from support.repositories import pointer
from support.trusted_node import NOW, ROSTER, TrustedNode, follows, stays, trusting

NOTE = "adapters/support-bot/notes/2.md"


@pytest.fixture
def node(tmp_path: Path) -> TrustedNode:
    """A node that serves support-bot 1 from the root of its trust."""
    return trusting(tmp_path)


def note(node: TrustedNode, who: str, text: str = "a note", date: str = "") -> str:
    """A commit that concerns nothing that is served."""
    node.work.write(NOTE, f"{text}\n")
    return node.commit(who, text, date=date)


def roster_with(node: TrustedNode, login: str, keys: list[object]) -> str:
    """A commit, signed by Dave and approved, after which a person has these keys."""
    roster = node.team.roster()
    for person in roster["people"]:
        if person["login"] == login:
            person["keys"] = keys
    node.work.write(ROSTER, roster)
    commit = node.commit("dave", f"other keys of {login}")
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    return commit


def test_a_signed_commit_that_concerns_nothing_is_followed(node: TrustedNode) -> None:
    note(node, "alice")
    follows(node, "1")


def test_an_unsigned_commit_is_refused_also_when_it_was_approved(node: TrustedNode) -> None:
    commit = node.promote("", "2")
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    stays(node, "Unsigned", commit[:12], "not signed")


def test_an_unsigned_commit_in_the_middle_is_refused(node: TrustedNode) -> None:
    unsigned = note(node, "")
    note(node, "alice", "another note")
    stays(node, "Unsigned", unsigned[:12])


def test_an_unsigned_commit_that_was_taken_back_counts_for_nothing(node: TrustedNode) -> None:
    note(node, "")
    stays(node, "Unsigned")
    node.revert("alice")
    note(node, "alice", "another note")
    follows(node, "1")


def test_an_unsigned_revert_takes_nothing_back(node: TrustedNode) -> None:
    note(node, "")
    node.revert("")
    stays(node, "Unsigned")
    note(node, "alice", "another note")
    node.revert("alice")
    follows(node, "1")


def test_a_commit_signed_by_a_stranger_is_refused(node: TrustedNode) -> None:
    note(node, "mallory")
    stays(node, "UnknownSigner", "nobody in the roster holds the key")


def test_a_stranger_does_not_become_known_by_the_commit_that_names_them(node: TrustedNode) -> None:
    roster = node.team.roster()
    roster["people"][0]["keys"].append(node.team.public("mallory"))
    node.work.write(ROSTER, roster)
    node.commit("mallory", "know me")
    stays(node, "UnknownSigner")


def test_a_trainer_does_not_change_the_roster(node: TrustedNode) -> None:
    node.work.write(ROSTER, node.team.roster("dave"))
    commit = node.commit("alice", "without dave")
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    stays(node, "UnknownSigner", "changes who may sign")


def test_a_backdated_commit_by_an_expired_key_is_refused(node: TrustedNode) -> None:
    roster_with(node, "alice", [{"key": node.team.public("alice"), "until": "2026-11-20"}])
    follows(node, "1")
    note(node, "alice", date="2026-11-01T12:00:00+00:00")
    stays(node, "UnknownSigner", "2026-11-20")


@pytest.mark.parametrize(("days", "reason"), [(-1, ""), (0, ""), (1, "UnknownSigner")])
def test_a_key_signs_up_to_its_last_day_by_the_clock_of_the_node(node: TrustedNode, days: int, reason: str) -> None:
    roster_with(node, "alice", [{"key": node.team.public("alice"), "until": str(NOW.date())}])
    follows(node, "1")
    note(node, "alice")
    node.wall += dt.timedelta(days=days)
    node.poll()
    assert node.reason == reason


def test_a_revoked_key_signs_nothing_any_more(node: TrustedNode) -> None:
    roster_with(node, "alice", [{"key": node.team.public("alice"), "revoked": "2026-11-25"}])
    follows(node, "1")
    note(node, "alice")
    stays(node, "UnknownSigner", "revoked")


def test_somebody_who_left_the_roster_signs_nothing_any_more(node: TrustedNode) -> None:
    node.work.write(ROSTER, node.team.roster("alice"))
    commit = node.commit("dave", "alice left")
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    follows(node, "1")
    note(node, "alice")
    stays(node, "UnknownSigner")


def test_keys_are_rotated_by_a_commit_signed_with_an_old_one(node: TrustedNode) -> None:
    new = node.team.public("alices-new-key")
    roster_with(node, "alice", [{"key": node.team.public("alice"), "until": "2026-11-24"}, new])
    follows(node, "1")
    node.work.write(NOTE, "signed with the new key\n")
    node.work.git("add", "--all")
    node.signed("alice", "commit", "--quiet", "-m", "note", key=node.team.key("alices-new-key"))
    node.published.push()
    follows(node, "1")


def test_a_branch_that_moves_by_a_second_parent_is_refused(node: TrustedNode) -> None:
    note(node, "alice", "on main")
    follows(node, "1")
    node.work.git("checkout", "--quiet", "-b", "other", node.root)
    node.work.write("adapters/support-bot/notes/1.md", "from elsewhere\n")
    node.commit("alice", "elsewhere", push=False)
    node.signed("alice", "merge", "--quiet", "--no-ff", "--message", "main into mine", "main")
    node.work.git("checkout", "--quiet", "-B", "main", "other")
    node.published.push()
    stays(node, "Rewritten", "first parents")


def test_without_signatures_approvals_still_say_who_made_what(tmp_path: Path) -> None:
    node = trusting(tmp_path, require={"signatures": False})
    commit = node.promote("", "2")
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    stays(node, "NotApproved", "nobody proved who made")
    node.attest(commit)
    follows(node, "2")


def test_a_pointer_that_a_merge_smuggles_in_is_a_decision_of_the_merge(node: TrustedNode) -> None:
    node.work.git("checkout", "--quiet", "-b", "side")
    node.work.point("production", "support-bot", active="2")
    node.commit("", "unsigned on a side branch", push=False)
    node.work.git("checkout", "--quiet", "main")
    node.signed("alice", "merge", "--quiet", "--no-ff", "--message", "merge", "side")
    node.published.push()
    stays(node, "NotApproved")
    assert pointer("production", "support-bot") in node.work.git("diff", "--name-only", node.root)
