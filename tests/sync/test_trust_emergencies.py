"""The emergency path of a node: who may take it, for how long, how loudly, and what it blocks until it is reviewed."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest

from interlock.approvals.statements import EmergencyStatement
from interlock.checking.decision import merged_decision
from interlock.checking.signed_statements import sign_statement
from interlock.history.attestation_exchange import push
from interlock.history.attestation_ref import EMERGENCIES, add_several, file_name
from interlock.history.git_command import Git
from interlock.lifecycle.emergency import declare, review
from support.trusted_node import ROSTER, TrustedNode, follows, stays, trusting

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def node(tmp_path: Path) -> TrustedNode:
    """A node that serves support-bot 1 from the root of its trust."""
    return trusting(tmp_path)


def emergency(node: TrustedNode, commit: str, who: str = "carol", hours: int = 2) -> None:
    """Declare an emergency for a commit, as `interlock emergency declare` does, and push it."""
    decision = merged_decision(node.repository, commit)
    declare(node.repository, decision, "production", "it leaks addresses", hours * HOUR, node.team.key(who), node.wall)
    push(Git(node.work.root), "origin")


def reviewed(node: TrustedNode, commit: str, who: str = "bob") -> None:
    tree = node.repository.tree_of(commit)
    review(node.repository, tree, node.head, "", "justified", "seen", node.team.key(who), node.wall)
    push(Git(node.work.root), "origin")


def forged(node: TrustedNode, commit: str, who: str, **other: Any) -> None:
    """An emergency that the command would not make."""
    decision = merged_decision(node.repository, commit)
    values: dict[str, Any] = {
        "target_ref": decision.target_ref,
        "tree": decision.tree,
        "commit": commit,
        "from_commit": decision.parent,
        "environment": "production",
        "reason": "because",
        "by": who,
        "declared": node.wall,
        "expires": node.wall + HOUR,
    }
    data = sign_statement(EmergencyStatement(**(values | other)), node.team.key(who))
    git = Git(node.work.root)
    add_several(git, {decision.tree: {file_name(data): data}, EMERGENCIES: {file_name(data): data}})
    push(git, "origin")


def test_a_commit_of_an_emergency_is_followed_and_alarms(node: TrustedNode, caplog: pytest.LogCaptureFixture) -> None:
    commit = node.promote("carol", "2")
    stays(node, "NotApproved")
    emergency(node, commit)
    follows(node, "2")
    assert "emergency by carol" in node.source.how_accepted
    assert [one.commit for one in node.source.emergencies] == [commit]
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    assert "it leaks addresses" in caplog.text


def test_no_promotion_is_followed_before_somebody_else_reviewed_it(node: TrustedNode) -> None:
    commit = node.promote("carol", "2")
    emergency(node, commit)
    follows(node, "2")
    node.work.point("staging", "support-bot", active="3")
    node.commit("alice", "stage 3")
    follows(node, "2")
    node.attest(node.promote("alice", "3"))
    stays(node, "EmergencyNotReviewed", commit[:12], "carol")
    reviewed(node, commit)
    follows(node, "3")
    assert node.source.emergencies == ()


def test_a_rollback_is_followed_also_before_the_review(node: TrustedNode) -> None:
    emergency(node, node.promote("carol", "2"))
    follows(node, "2")
    node.approve(node.revert("alice"), "bob")
    follows(node, "1")


def test_a_review_ends_the_alarm_without_a_new_commit(node: TrustedNode) -> None:
    commit = node.promote("carol", "2")
    emergency(node, commit)
    follows(node, "2")
    reviewed(node, commit)
    assert not node.poll()
    assert node.source.emergencies == ()


def test_an_emergency_is_still_open_after_a_restart(node: TrustedNode) -> None:
    commit = node.promote("carol", "2")
    emergency(node, commit)
    follows(node, "2")
    node.restart()
    assert not node.poll()
    assert [one.commit for one in node.source.emergencies] == [commit]
    assert node.serves == "2"


def test_an_emergency_that_expired_lets_nothing_in(node: TrustedNode) -> None:
    emergency(node, node.promote("carol", "2"))
    node.wall += 3 * HOUR
    stays(node, "NotApproved", "expired")


def test_what_was_let_in_stays_after_the_emergency_expired(node: TrustedNode) -> None:
    emergency(node, node.promote("carol", "2"))
    follows(node, "2")
    node.wall += 3 * HOUR
    assert not node.poll()
    assert node.serves == "2"


def test_a_node_that_comes_late_follows_an_emergency_only_if_it_was_reviewed(node: TrustedNode) -> None:
    commit = node.promote("carol", "2")
    emergency(node, commit)
    node.wall += 3 * HOUR
    stays(node, "NotApproved", "expired")
    reviewed(node, commit)
    follows(node, "2")
    assert "reviewed by bob" in node.source.how_accepted


@pytest.mark.parametrize(
    ("who", "other", "why"),
    [
        ("bob", {}, "none of the roles"),
        ("mallory", {}, "nobody in the roster"),
        ("check-ci", {}, "none of the roles"),
        ("carol", {"environment": "staging"}, "declared for staging"),
        ("carol", {"by": "alice"}, "names alice"),
        ("carol", {"expires_in": 100}, "longer than"),
        ("carol", {"declared_in": 1}, "in the future"),
    ],
)
def test_an_emergency_that_does_not_hold_lets_nothing_in(
    node: TrustedNode, who: str, other: dict[str, Any], why: str
) -> None:
    values = dict(other)
    if "expires_in" in values:
        values["expires"] = node.wall + values.pop("expires_in") * HOUR
    if "declared_in" in values:
        values["declared"] = node.wall + values.pop("declared_in") * HOUR
        values["expires"] = values["declared"] + HOUR
    forged(node, node.promote("carol", "2"), who, **values)
    stays(node, "NotApproved", why)


def test_an_emergency_never_changes_who_decides(node: TrustedNode) -> None:
    node.work.write(ROSTER, node.team.roster("bob"))
    forged(node, node.commit("carol", "without bob"), "carol")
    stays(node, "NotApproved")


def test_an_emergency_does_not_excuse_bytes_that_do_not_fit(node: TrustedNode) -> None:
    forged(node, node.promote("carol", "99"), "carol")
    stays(node, "Refused", "dangling-pointer")
