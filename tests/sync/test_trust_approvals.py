"""What a node of a protected environment demands of a commit: approvals or an attestation, or nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.trusted_node import TrustedNode


@pytest.fixture
def node(tmp_path: Path) -> TrustedNode:
    """A node that serves support-bot 1 from the root of its trust."""
    node = TrustedNode.begin(tmp_path)
    assert node.poll()
    assert (node.source.accepted, node.serves, node.reason) == (node.root, "1", "")
    return node


def stays(node: TrustedNode, reason: str, *words: str) -> None:
    """The node looked at the head, refuses it for this reason, and serves what it served."""
    before = node.serves
    node.poll()
    assert node.reason == reason, node.why
    for word in words:
        assert word in node.why, node.why
    assert node.source.accepted != node.head
    assert node.serves == before


def follows(node: TrustedNode, revision: str) -> None:
    """The node looked at the head and serves this."""
    node.poll()
    assert node.reason == "", node.why
    assert (node.source.accepted, node.serves) == (node.head, revision)


def test_a_direct_push_without_approval_changes_nothing(node: TrustedNode) -> None:
    commit = node.promote("alice", "2")
    stays(node, "NotApproved", commit[:12], "2 approvals")


def test_a_commit_with_the_approvals_of_its_policy_is_followed(node: TrustedNode) -> None:
    commit = node.promote("alice", "2")
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    follows(node, "2")
    assert "bob, carol" in node.source.how_accepted


def test_a_commit_with_an_attestation_is_followed(node: TrustedNode) -> None:
    node.attest(node.promote("alice", "2"))
    follows(node, "2")
    assert "attested by check-ci" in node.source.how_accepted
