"""What the commands sign, a node believes: approve, attest and emergency, from the command line to what is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.checking.clock import utc_now
from support.command_line import interlock
from support.trusted_node import TrustedNode, follows, stays, trusting


def on_real_time(directory: Path, **trust: object) -> TrustedNode:
    """A node whose wall clock is that of this machine, as the commands have it."""
    node = trusting(directory, **trust)
    node.wall = utc_now()
    return node


def said(node: TrustedNode, *words: str, key: str) -> str:
    """A command in the clone of the team, signed by somebody and pushed."""
    run = interlock(*words, "--key", str(node.team.key(key)), "--push", "origin", "-C", str(node.work.root))
    node.wall = utc_now()
    assert run.status == 0, run
    return run.out


def test_an_approval_counts_and_then_an_attestation_by_the_workflow(tmp_path: Path) -> None:
    node = on_real_time(tmp_path, require={"approval": "attestation"})
    node.promote("alice", "2")
    said(node, "approve", "HEAD", "--yes", key="bob")
    said(node, "approve", "HEAD", "--yes", key="carol")
    stays(node, "NotApproved", "an attestation must be there")
    said(node, "attest", "HEAD", key="check-ci")
    follows(node, "2")
    assert "attested by check-ci, approved by bob (validator), carol (operator)" in node.source.how_accepted


def test_an_approval_that_was_taken_back_does_not_count(tmp_path: Path) -> None:
    node = on_real_time(tmp_path)
    node.promote("alice", "2")
    said(node, "approve", "HEAD", "--yes", key="bob")
    said(node, "approve", "HEAD", "--yes", key="carol")
    said(node, "approve", "HEAD", "--yes", "--withdraw", key="carol")
    stays(node, "NotApproved", "operator")


def test_the_attestation_of_a_change_of_policies_counts(tmp_path: Path) -> None:
    node = on_real_time(tmp_path, require={"approval": "attestation"})
    policy = node.work.read("policies/production.yaml")
    node.work.write("policies/production.yaml", policy | {"retention": {"keep": 5}})
    node.commit("dave", "keep more")
    said(node, "approve", "HEAD", "--yes", key="bob")
    said(node, "approve", "HEAD", "--yes", key="carol")
    stays(node, "NotApproved")
    said(node, "attest", "HEAD", key="check-ci")
    follows(node, "1")


@pytest.mark.parametrize("approval", ["either", "attestation", "approvals"])
def test_an_emergency_is_taken_whatever_is_demanded_otherwise(tmp_path: Path, approval: str) -> None:
    node = on_real_time(tmp_path, require={"approval": approval})
    node.promote("carol", "2")
    declared = ("emergency", "declare", "--env", "production", "--reason", "it leaks", "--expires", "1h", "HEAD")
    said(node, *declared, "--yes", key="carol")
    follows(node, "2")
    assert [one.by for one in node.source.emergencies] == ["carol"]
